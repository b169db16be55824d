"""A folder of HLS (RFC 8216): a rolling playlist with its segments, which any web server can serve."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from .base import Options, SourceError, explain
from .publish import Counts, Plan, playing
from .stream_simulator import StreamSimulator

if TYPE_CHECKING:
    from .publish_encode import Encoder

PLAYLIST = "index.m3u8"
LISTED = 6
"""Segments in the playlist; some more stay on disk for viewers who are late."""


def open_output(target: str, plan: Plan, _: Options) -> HLSOutput:
    """The output for ``hls:FOLDER``; with ``#fmp4`` after it the segments are fragmented MP4, else MPEG-TS.

    Raises:
        SourceError: no folder is named, it is a file, or its name can't be used.
    """
    name = target.partition(":")[2]
    fmp4 = name.endswith("#fmp4")
    name = name.removesuffix("#fmp4").removesuffix("#ts")
    folder = Path(name).expanduser()
    if not name or name.startswith("//"):
        raise SourceError("hls: takes a folder of this machine, as in hls:/tmp/live")
    if "%" in name:  # libav takes it for the segment's number, and has no way to write a plain one
        raise SourceError(f"a folder without % in its path is needed, not {folder}")
    if folder.exists() and not folder.is_dir():
        raise SourceError(f"not a folder: {folder}")
    return HLSOutput(folder, plan, fmp4=fmp4)


class HLSOutput:
    """Writes ``index.m3u8`` and its segments to `folder`, which is made if need be."""

    def __init__(self, folder: Path, plan: Plan, *, fmp4: bool = False) -> None:
        self.address = f"hls:{folder}"
        self.counts = Counts()
        self._folder, self._plan, self._fmp4 = folder, plan, fmp4

    async def run(self, simulator: StreamSimulator) -> None:
        """Write until cancelled; the playlist then says that the stream has ended."""
        try:
            encoder = await asyncio.to_thread(self._open)
            try:
                async with playing(simulator, self._plan, encoder.picture, encoder.sound) as failed:
                    await failed
            finally:
                await asyncio.to_thread(encoder.close)
        except OSError as error:
            raise SourceError(f"can't write to {self._folder}: {error.strerror or explain(error)}") from None

    def _open(self) -> Encoder:
        from .publish_encode import KEY_SECONDS, Encoder

        self._folder.mkdir(parents=True, exist_ok=True)
        suffix = "m4s" if self._fmp4 else "ts"
        options = {
            "hls_time": str(KEY_SECONDS),
            "hls_list_size": str(LISTED),
            # Numbered by the time of day: a stream that is published again never goes back to numbers it has had.
            "hls_start_number_source": "epoch",
            "hls_segment_type": "fmp4" if self._fmp4 else "mpegts",
            "hls_segment_filename": f"file:{self._folder}/segment-%d.{suffix}",
            "hls_flags": "delete_segments+temp_file+independent_segments+program_date_time",
        }
        return Encoder(f"file:{self._folder / PLAYLIST}", "hls", self._plan, self.counts, options)
