"""The public conformance suite against one server, bare and through the gate (docs/how-to/run-conformance.md)."""
