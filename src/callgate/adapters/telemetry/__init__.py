"""Logs; nothing sensitive in them."""
