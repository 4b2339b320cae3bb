"""The bounded reader of the disk: regular files below one root, nothing run, no link followed out of it."""
