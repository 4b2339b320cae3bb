"""Callgate: the gate that every tool call of an AI assistant passes."""

__version__ = "0.1.0"
