"""From calls that were made to everyday rules that somebody may sign."""
