"""The `MediaReader` of live inputs. Importing this module loads PyAV."""

from __future__ import annotations

from .base import Clock
from .decode import MediaReader
from .events import Event
from .pictures import Pictures


class LiveReader(MediaReader):
    """Gives each packet's events at once: what is decoded never waits for a packet that may not come."""

    def __init__(self, stream: str, clock: Clock, *, pictures: Pictures | None = None) -> None:
        super().__init__(stream, clock, threads="SLICE", hold=False, pictures=pictures)

    def read(self, most: int = 1, seconds: float = 0.025) -> list[Event]:
        """`MediaReader.read` up to the first packet of which something comes."""
        return super().read(1, seconds=60.0)
