"""Assistants as they were measured: what they send, how long they wait, and what of an answer their model sees."""
