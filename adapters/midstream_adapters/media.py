"""Any media file that libav opens, paced in real time by its PTS, or as fast as it decodes."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from .base import Adapter, Options, Sink, SourceError, StreamInfo
from .events import Provenance, State, StateChanged
from .mediainfo import MediaError, MediaInfo
from .reading import opened, play

if TYPE_CHECKING:
    from .decode import MediaReader


class MediaFile:
    """One file. Decode errors are counted and stepped over; nothing of a file is ever dropped."""

    def __init__(self, path: Path, stream: str, options: Options) -> None:
        self._path = path
        self._options = options
        self._info = StreamInfo(stream, str(path), frozenset(), Provenance.FILE, reconnects=False)
        self.media: MediaInfo | None = None
        """What the file declares; known once it is open."""

    @property
    def info(self) -> StreamInfo:
        return self._info

    async def run(self, sink: Sink) -> None:
        """Play the file once, to its end.

        Raises:
            SourceError: it is unreadable, no media, without audio and video, or damaged beyond repair.
        """
        options = self._options
        try:
            # "file:" keeps libav from taking a name such as "concat:a|b" for a protocol; the white list keeps a
            # playlist on disk from reaching out to the network.
            async with opened(
                self._reader,
                f"file:{self._path}",
                name=self._info.stream,
                options={"protocol_whitelist": "file"},
            ) as (thread, self.media):
                sink.emit(StateChanged(self._info.stream, options.clock(), State.LIVE, str(self.media)))
                await play(thread, self.media, sink, options, paced=not options.fast)
        except (MediaError, OSError) as error:
            raise SourceError(f"{self._path.name}: {getattr(error, 'strerror', None) or error}") from None

    def _reader(self) -> MediaReader:
        from .decode import MediaReader  # in its thread: this loads PyAV

        return MediaReader(self._info.stream, self._options.clock, pictures=self._options.pictures)


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter of the media file at the path `source`.

    Raises:
        SourceError: there is no regular file (opening a pipe could block for ever).
    """
    path = Path(source).expanduser()
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SourceError(f"{source}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise SourceError(f"not a regular file: {source}")
    return [MediaFile(path, stream_id, options)]
