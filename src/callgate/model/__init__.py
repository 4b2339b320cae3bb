"""Nouns of the house: frozen structs, enums and the error tree. Imports nothing of ours."""
