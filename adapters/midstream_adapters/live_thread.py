"""A decode thread for inputs that may keep libav waiting: nobody else ever waits for it longer than asked.

libav can't be interrupted from outside (closing a context from another thread leaves the reader stuck), so a thread
that does not come back is told to stop and left behind: it closes its input itself as soon as libav lets go, which
PyAV's own timeout sees to. It is a daemon, so that it does not hold up the end of the program either.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from .events import Event
from .reading import DecodeThread

if TYPE_CHECKING:
    from .decode import MediaReader
    from .mediainfo import MediaInfo

GRACE = 0.1
"""Seconds that leaving waits for the thread."""
SLACK = 2.0
"""Seconds after PyAV's own timeouts until the watchdog bites."""


class DaemonExecutor(Executor):
    """One daemon thread that runs what is submitted, in order; it ends after `shutdown`, with what is queued."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._jobs.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, function = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = function()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del job, future, function  # nothing of libav's is kept alive by a waiting thread


class LiveThread(DecodeThread):
    """A `DecodeThread` whose reads fail with TimeoutError after `quiet` seconds without a packet."""

    def __init__(self, name: str, quiet: float) -> None:
        self._executor = DaemonExecutor(f"live {name}")  # type: ignore[assignment]  # the same face, another end
        self.reader: MediaReader | None = None
        self._quiet = quiet

    def read(self, most: int = 64, seconds: float = 0.025) -> asyncio.Future[list[Event]]:
        """`MediaReader.read`, in the thread."""
        return asyncio.ensure_future(asyncio.wait_for(super().read(most, seconds), self._quiet + SLACK))

    async def leave(self) -> None:
        """Close as far as libav lets us within `GRACE`; the rest happens without us."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self.close()


@asynccontextmanager
async def opened_live(
    make: Callable[[], MediaReader],
    source: str,
    *,
    name: str,
    container_format: str | None,
    options: Mapping[str, str],
    within: float,
    quiet: float,
) -> AsyncIterator[tuple[LiveThread, MediaInfo]]:
    """As `reading.opened`: an input that must open `within` seconds and never be `quiet` for longer than that.

    Raises what `MediaReader.open` raises; TimeoutError when it took too long, whatever libav does.
    """
    thread = LiveThread(name, quiet)

    def start() -> MediaInfo:
        thread.reader = reader = make()
        return reader.open(
            source, container_format=container_format, options=options, timeout=(within, quiet)
        )

    try:
        async with asyncio.timeout(within + SLACK):
            info = await thread.call(start)
        yield thread, info
    finally:
        await thread.leave()
