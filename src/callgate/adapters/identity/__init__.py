"""Tokens, issuers, accounts."""
