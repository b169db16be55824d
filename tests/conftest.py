"""Hypothesis draws the same examples on every run, so that a red run is the change's doing; explore with
``HYPOTHESIS_PROFILE=explore``, which draws new ones.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile(
    "same", derandomize=True, deadline=None
)  # machines are shared: no test times itself
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
