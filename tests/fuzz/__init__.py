"""Fuzzing: one function per parser of outside bytes, run by atheris and replayed on kept inputs by pytest."""
