"""Touch: everything outside the process. Adapters do not know each other."""
