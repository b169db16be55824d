"""Whole pictures for those who ask: a `VideoFrame` carries only a small view, and few are ever looked at closer.

Whatever decodes shows every frame here before it emits the event; a watcher decides at once whether it wants the
picture, and at which size. With nobody watching, this costs nothing.
"""

from __future__ import annotations

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
"""Called in the thread that decodes; quick, and raises nothing. The event is about to be emitted, perhaps stamped anew
but with the same image."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Who wants to see the frames of all streams that are opened with it."""

    watchers: tuple[Watcher, ...] = ()

    def __bool__(self) -> bool:
        """Whether anybody is watching."""
        return bool(self.watchers)

    def also(self, watcher: Watcher) -> Pictures:
        """These and one more."""
        return Pictures((*self.watchers, watcher))

    def show(self, event: VideoFrame, shot: Shot) -> None:
        """Show the picture `shot` of `event`."""
        for watcher in self.watchers:
            watcher(event, shot)
