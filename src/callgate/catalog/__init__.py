"""Data: one manifest and one runbook per integration; no code per integration."""
