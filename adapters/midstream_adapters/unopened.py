"""The place of a source that can't be opened now (no key, no such file): a stream that has failed and says why."""

from __future__ import annotations

from .base import Sink, SourceError, StreamInfo
from .events import Provenance
from .redact import redact


class Unopened:
    """Stands where the adapter of `source` would; every run raises `reason`."""

    def __init__(self, source: str, stream: str, reason: SourceError) -> None:
        self.info = StreamInfo(stream, redact(source), frozenset(), Provenance.LIVE)
        self._reason = reason

    async def run(self, sink: Sink) -> None:
        """Raises `SourceError`: why the source could not be opened."""
        raise self._reason
