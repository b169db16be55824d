"""A clock that moves only when told, events without ceremony, a running app, a stream to be restreamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from midstream_adapters.base import Options
from midstream_adapters.events import (
    AudioChunk,
    Kind,
    Provenance,
    State,
    StateChanged,
    StreamOpened,
    TextChunk,
    VideoFrame,
)
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub
from midstream_tui.session import Session
from tests.adapters.hls_server import Media, Site, listed, make_media, playlist, serving
from tests.app.shell_pilot import painted


class FakeClock:
    """Monotonic seconds under the test's control."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        self.now += seconds
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def private_folders(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own state or exports."""
    monkeypatch.setenv("MIDSTREAM_STATE_DIR", f"{tmp_path}/state")
    monkeypatch.setenv("MIDSTREAM_EXPORT_DIR", f"{tmp_path}/exports")


def opened(stream: str, at: float, provenance: Provenance = Provenance.LIVE, *kinds: Kind) -> StreamOpened:
    return StreamOpened(stream, at, f"source of {stream}", frozenset(kinds), provenance)


def live(stream: str, at: float) -> StateChanged:
    return StateChanged(stream, at, State.LIVE)


def frame(
    stream: str, at: float, pts: float | None = None, luma: float = 100.0, nbytes: int = 1000
) -> VideoFrame:
    return VideoFrame(stream, at, np.zeros((9, 16, 3), np.uint8), 640, 360, pts, luma, None, nbytes=nbytes)


def audio(stream: str, at: float, rms: float = 0.1, nbytes: int = 640) -> AudioChunk:
    return AudioChunk(stream, at, np.zeros(320, np.float32), 16000, 48000, 2, None, 0.02, rms, rms, nbytes)


def watched(clock: FakeClock, stream: str = "s", *kinds: Kind) -> Session:
    session = Session(clock, lambda: 1_790_000_000.0)
    session.apply(opened(stream, clock.now, Provenance.LIVE, *kinds))
    session.apply(live(stream, clock.now))
    return session


@pytest.fixture
def session(clock: FakeClock) -> Session:
    return Session(clock, lambda: 1_790_000_000.0)


# -- the app


@pytest.fixture
async def pilot(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Pilot[None]]:
    """Two streams on a clock that stands still; painted when a test says so."""
    hub = Hub(Options(clock=clock), engine=False)
    for stream in ("good", "bad"):
        hub.session.apply(opened(stream, clock.now))
        hub.session.apply(live(stream, clock.now))
        hub.session.apply(frame(stream, clock.now))
        hub.session.apply(TextChunk(stream, clock.now, f"hello from {stream}"))
    app = MidStreamApp(hub, recent=RecentSources(tmp_path), refresh_ms=5000)
    async with app.run_test(size=(120, 40)) as pilot:
        await painted(pilot)
        yield pilot


# -- restreaming


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("restream")


@pytest.fixture(scope="module")
def media(folder: Path) -> Media:
    return make_media(folder / "ts", seconds=2)


@pytest.fixture
def site(media: Media) -> Iterator[Site]:
    with serving() as site:
        site.files |= {f"s{n}.ts": segment for n, segment in enumerate(media.segments)}
        site.files["x.m3u8"] = playlist(*listed(media))
        yield site
