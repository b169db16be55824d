"""HLS watched through to its end, and what it gave compared with what bare PyAV decodes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from midstream_adapters.base import Backoff, Options, supervise
from midstream_adapters.events import Figures, Kind, State, StateChanged
from midstream_adapters.hls import HLSAdapter
from tests.adapters.clips import truth
from tests.adapters.hls_server import Media, Site
from tests.adapters.recorder import Recorder

ONCE = Backoff(attempts=1)
FAST = Options(fast=True, env={})


def offer(site: Site, media: Media, name: str = "s{}.ts") -> None:
    """Put the segments (and the initialisation section) of `media` on the server."""
    site.files |= {name.format(n): segment for n, segment in enumerate(media.segments)}
    site.files["init.mp4"] = media.head


def counted(folder: Path, *streams: bytes) -> dict[str, int]:
    """What bare PyAV decodes from `streams`, each by itself."""
    total: dict[str, int] = {}
    for stream in streams:
        (folder / "whole").write_bytes(stream)
        for name, value in truth(folder / "whole").items():
            total[name] = total.get(name, 0) + value
    return total


def agrees(sink: Recorder, want: dict[str, int]) -> bool:
    """Whether `sink` has exactly the frames, chunks, samples' worth of time and bytes that bare PyAV has."""
    found = {
        "frames": len(sink.frames),
        "chunks": len(sink.chunks),
        "video_bytes": sink.nbytes(Kind.VIDEO),
        "audio_bytes": sink.nbytes(Kind.AUDIO),
    }
    assert found == {name: want[name] for name in found}
    return True


def adapter(url: str, options: Options = FAST, **settings: Any) -> HLSAdapter:
    return HLSAdapter(url, "hls", options, **settings)


async def watched(
    source: HLSAdapter, options: Options = FAST, within: float = 15.0
) -> tuple[State, Recorder]:
    sink = Recorder()
    async with asyncio.timeout(within):
        return await supervise(source, sink, options, ONCE), sink


def last_reason(sink: Recorder) -> str:
    return sink.of(StateChanged)[-1].reason


def figures(sink: Recorder) -> dict[str, float | str]:
    """The newest value of every figure."""
    return {name: value for event in sink.of(Figures) for name, value in event.values.items()}


def encrypted(data: bytes, key: bytes, iv: bytes) -> bytes:
    pad = 16 - len(data) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(data + bytes([pad]) * pad) + encryptor.finalize()
