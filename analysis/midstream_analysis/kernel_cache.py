"""Where compiled kernels are kept between two starts: numba's own choice, and when that fails, a private directory.

numba keeps them in ``NUMBA_CACHE_DIR`` when that is set, else beside the source, else (a read-only installation) in
the user's cache directory; when none of these can be written, decorating a kernel raises. Then they go to a temporary
directory that only this user can enter (the cache holds pickles) and that ends with the process.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from typing import Any


def _probe() -> None:
    """A function to ask numba with; it is never compiled."""


def ensure() -> str | None:
    """Make sure that kernels can be cached. Returns the temporary directory when one was needed.

    Raises:
        OSError: not even a temporary directory can be made.
    """
    import numba

    try:
        numba.njit(cache=True)(_probe)
    except RuntimeError:  # "no locator available": numba found no directory that it can write
        path = tempfile.mkdtemp(prefix="midstream-kernels-")
        atexit.register(shutil.rmtree, path, ignore_errors=True)
        config: Any = numba.config
        config.CACHE_DIR = path
        return path
    return None
