"""Detection on what real programs send: a film of photographs, by ffmpeg to our RTMP listener, and as nginx' HLS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Detections
from midstream_adapters.registry import open_source
from midstream_adapters.vision import with_detection
from tests.adapters.photographs import TOP, make_film
from tests.peers.peers import Fold, free_port, needs_ffmpeg, needs_nginx, nginx, running, until, watched

pytestmark = [pytest.mark.peer, needs_ffmpeg]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4", seconds=1.2, size=(480, 360))


def sending(film: Path, url: str) -> tuple[str, ...]:
    """ffmpeg's command to publish `film` in real time, again and again."""
    head = "ffmpeg -nostdin -loglevel error -re -stream_loop 20 -i".split()
    codec = "-c:v libx264 -preset ultrafast -tune zerolatency -g 25 -threads 1 -f flv".split()
    return (*head, str(film), *codec, url)


def seen(sink: Fold) -> set[str]:
    return {box.label for event in sink.of(Detections) for box in event.boxes}


async def test_rtmp_ingest_from_ffmpeg(film: Path) -> None:
    port = free_port()
    options = with_detection(Options(env={"MIDSTREAM_STREAM_KEY": "k"}), rate=5)
    (adapter,) = open_source(f"rtmp+listen://127.0.0.1:{port}/live", options)
    async with watched(adapter, options) as sink, running(*sending(film, f"rtmp://127.0.0.1:{port}/live/k")):
        await until(lambda: seen(sink) >= set(TOP.values()))
        await until(lambda: len({event.pts for event in sink.of(Detections)}) >= 20)
        states = sink.session.state().to_json()["streams"]
    (found,) = [stream["detections"] for stream in states.values() if stream["detections"]]
    assert found["pictures"] >= 20
    assert json.dumps(found)
    arrival = {frame.pts: frame.at for frame in sink.frames}
    lags = sorted(event.at - arrival[event.pts] for event in sink.of(Detections))
    print(f"lag of detections behind their frames: median {lags[len(lags) // 2] * 1000:.0f} ms")
    assert lags[0] >= 0


@needs_nginx
async def test_hls_from_nginx(film: Path, tmp_path: Path) -> None:
    port, web = free_port(), free_port()
    options = with_detection(Options(env={}), rate=5)
    async with nginx(tmp_path / "n", port, web), running(*sending(film, f"rtmp://127.0.0.1:{port}/live/cam")):
        await until((tmp_path / "n/hls/cam.m3u8").exists)
        (adapter,) = open_source(f"http://127.0.0.1:{web}/cam.m3u8", options)
        async with watched(adapter, options) as sink:
            await until(lambda: seen(sink) >= set(TOP.values()), 30)
            found = sink.session.state().to_json()["streams"][adapter.info.stream]["detections"]
    assert set(found["seen"]) >= set(TOP.values())
    assert found["pictures"] >= 4
    moments = [event.pts for event in sink.of(Detections)]
    assert moments == sorted(moments)
