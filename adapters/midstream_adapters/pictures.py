"""Whole pictures for those who ask: a `VideoFrame` carries only a small view, and few are ever looked at closer.

Whatever decodes shows every frame here before it emits the event; a watcher decides at once whether it wants the
picture, and at which size. With nobody watching, this costs nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .events import VideoFrame

if TYPE_CHECKING:
    from .levels import Picture


@dataclass(frozen=True, slots=True)
class Shot:
    """A decoded picture while it is being shown. ``width`` and ``height`` are pixels, of the picture when upright."""

    width: int
    height: int
    render: Callable[[int, int], Picture]
    """(width, height) -> the picture at that size: RGB, uint8, shape (height, width, 3). Valid only during the call."""
    may_wait: bool = False
    """Whether who shows it may be kept waiting for a moment: neither the event loop nor what decodes a live stream."""


Watcher = Callable[[VideoFrame, Shot], None]
"""Called in the thread that decodes. The event is about to be emitted, perhaps stamped anew but with the same image."""


class Pictures:
    """Who wants to see the frames of any stream. Thread-safe."""

    def __init__(self) -> None:
        self._watchers: tuple[Watcher, ...] = ()
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether anybody is watching."""
        return bool(self._watchers)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Show every frame to `watcher`, which must be quick and raise nothing; call what is returned to end it."""
        with self._lock:
            self._watchers += (watcher,)

        def end() -> None:
            with self._lock:
                self._watchers = tuple(other for other in self._watchers if other is not watcher)

        return end

    def show(self, event: VideoFrame, shot: Shot) -> None:
        """Show the picture `shot` of `event`."""
        for watcher in self._watchers:
            watcher(event, shot)
