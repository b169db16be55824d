"""Compiled kernels, private; the checked functions around them are the package's public names."""

from midstream_analysis import kernel_cache

kernel_cache.ensure()  # before the first kernel is decorated: a read-only installation has no cache of its own
