"""The callgate command: a client of the running gate."""
