"""Coroutines that run at once and end together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*jobs: Coroutine[Any, Any, None], until: str = asyncio.FIRST_COMPLETED) -> None:
    """Run `jobs` at once; the first to fail ends the others, and its exception is the only one.

    So does the first to return, unless ``until`` is ``FIRST_EXCEPTION``. Not a TaskGroup: that of Python 3.11 leaves
    the task that waits marked as cancelled, and gives groups.
    """
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=until)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
