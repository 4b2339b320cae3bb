"""Cedar policies: load and validate, slice, evaluate as two sets, memoise exactly."""
