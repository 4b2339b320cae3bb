"""The home folder: where the gate keeps its configuration, keys and data."""
