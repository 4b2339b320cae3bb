"""Moving servers behind the gate: what to register, and how clients' files change. Reads and writes nothing itself."""
