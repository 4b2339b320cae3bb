"""HTTP around the fronts: checks, metadata, the API on the local socket."""
