"""Order: the only rooms where effects follow one another. Effects are reached through the ports alone."""
