"""Stores: one port, memory and SQLite, one behaviour suite."""
