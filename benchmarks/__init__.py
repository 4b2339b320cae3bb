"""Benchmarks: ratios measured side by side in one run. Not tests; see benchmarks/README.md."""
