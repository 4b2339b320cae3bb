"""Configurations of assistants that leave only the gate, and whether one still does. Pure."""
