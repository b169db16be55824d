"""Slow, obvious oracles of the kernels, used by tests only."""
