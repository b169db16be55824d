"""``python -m midstream_tui`` is the command `midstream-tui`."""

import sys

from .cli import main

sys.exit(main())
