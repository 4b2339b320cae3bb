"""Files that stand alone: they import the standard library and ``cryptography``, nothing of ours."""
