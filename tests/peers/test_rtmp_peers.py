"""RTMP with who really speaks it: ffmpeg publishes, nginx-rtmp relays. Publishers are processes of their own."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from midstream_adapters.base import Adapter, Backoff, Options, supervise
from midstream_adapters.events import Kind, State, StateChanged
from midstream_adapters.registry import open_source
from midstream_tui.session import Session
from tests.adapters.recorder import Recorder

MODULES = [
    Path("/usr/lib/nginx/modules/ngx_rtmp_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_rtmp_module.so"),
]
MODULE = next((path for path in MODULES if path.exists()), None)
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed"),
]
needs_nginx = pytest.mark.skipif(
    shutil.which("nginx") is None or MODULE is None, reason="nginx with its RTMP module is not installed"
)
KEY = "peers-secret-key"


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Fold(Recorder):
    """Keeps the events and folds them as the dashboard does."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()

    def emit(self, event: object) -> None:  # type: ignore[override]
        super().emit(event)  # type: ignore[arg-type]
        self.session.apply(event)  # type: ignore[arg-type]


async def until(condition: object, seconds: float = 15.0) -> float:
    """Wait until `condition` holds; returns how long that took."""
    clock = asyncio.get_running_loop().time
    start = clock()
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0.01)
    return clock() - start


@asynccontextmanager
async def running(*command: str) -> AsyncGenerator[Process, None]:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def publishing(url: str, seconds: float = 60.0, out: str = "flv") -> tuple[str, ...]:
    """ffmpeg's command for a small film in real time."""
    return (
        *"ffmpeg -nostdin -loglevel error -re -f lavfi -i testsrc=s=160x90:r=10".split(),
        *"-re -f lavfi -i sine=r=44100 -c:v libx264 -preset ultrafast -tune zerolatency".split(),
        *"-g 10 -threads 1 -pix_fmt yuv420p -c:a aac -b:a 48k".split(),
        *("-t", str(seconds), "-f", out, url),
    )


@asynccontextmanager
async def nginx(folder: Path, port: int) -> AsyncGenerator[Process, None]:
    folder.mkdir(exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(
        f"load_module {MODULE}; daemon off; master_process off; pid {folder}/pid;\n"
        f"error_log {folder}/error.log; events {{ worker_connections 64; }}\n"
        f"rtmp {{ access_log off; server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}\n"
    )
    async with running("nginx", "-p", str(folder), "-c", str(config)) as process:
        for _ in range(200):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.02)
        yield process


@asynccontextmanager
async def watched(adapter: Adapter, options: Options) -> AsyncGenerator[Fold, None]:
    sink = Fold()
    task = asyncio.create_task(supervise(adapter, sink, options, Backoff(first=0.1, most=0.3)))
    try:
        yield sink
    finally:
        clock = asyncio.get_running_loop().time
        start = clock()
        task.cancel()
        await asyncio.wait([task])
        assert clock() - start < 2.0


def states(sink: Recorder, stream: str) -> list[State]:
    return [e.state for e in sink.of(StateChanged, stream)]


@needs_nginx
async def test_play_through_a_server_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/{KEY}"
    options = Options(env={"MIDSTREAM_STREAM_KEY": KEY})
    (adapter,) = open_source(f"rtmp://127.0.0.1:{port}/live", options)  # the key comes from the environment
    name = adapter.info.stream
    async with watched(adapter, options) as sink:
        async with nginx(tmp_path / "n", port) as server, running(*publishing(url)):
            await until(lambda: len(sink.frames) >= 10 and len(sink.chunks) >= 20)
            server.send_signal(signal.SIGKILL)
            took = await until(lambda: states(sink, name)[-1] is not State.LIVE, 3)
            assert took < 3
        before = len(sink.frames)
        lost = next(e for e in sink.of(StateChanged) if e.state is State.RECONNECTING and "lost" in e.reason)
        assert lost.reason.startswith("the server was lost")
        async with nginx(tmp_path / "n", port), running(*publishing(url)):
            await until(lambda: states(sink, name)[-1] is State.LIVE)
            await until(lambda: len(sink.frames) >= before + 10)
            state, shown = sink.session.state().streams[name], len(sink.frames)
            seen = [s for s in states(sink, name) if s is not State.CONNECTING]
    assert State.RECONNECTING in seen[seen.index(State.LIVE) :]  # it was live, was lost ...
    assert seen[-1] is State.LIVE  # ... and is live again
    assert state.video_frames == shown >= before + 10  # the history is kept
    assert state.reconnects == seen.count(State.RECONNECTING)
    assert (state.width, state.height, state.sample_rate) == (160, 90, 44_100)
    assert KEY not in repr(sink.of(StateChanged)) + repr(sink.session.state())


@needs_nginx
async def test_the_end_of_a_publisher_is_an_end(tmp_path: Path) -> None:
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/{KEY}"
    (adapter,) = open_source(url, Options())
    async with nginx(tmp_path / "n", port), watched(adapter, Options()) as sink:
        async with running(*publishing(url, 2)) as ffmpeg:
            await ffmpeg.wait()
        await until(lambda: State.ENDED in states(sink, adapter.info.stream))
    assert len(sink.frames) >= 15


async def listen(env: dict[str, str]) -> tuple[Adapter, Options, str]:
    port = free_port()
    options = Options(env=env)
    (adapter,) = open_source(f"rtmp+listen://127.0.0.1:{port}/live", options)
    return adapter, options, f"rtmp://127.0.0.1:{port}"


async def test_ingest_two_publishers_one_killed_one_ends() -> None:
    adapter, options, base = await listen({"MIDSTREAM_STREAM_KEY": KEY})
    one, two = (f"{adapter.info.stream}/{name}" for name in ("1", "cam"))
    async with watched(adapter, options) as sink:
        await until(lambda: any("listening" in e.reason for e in sink.of(StateChanged)))
        async with (
            running(*publishing(f"{base}/live/{KEY}")) as first,
            running(*publishing(f"{base}/live/cam?key={KEY}", 5)) as second,
        ):
            await until(lambda: all(State.LIVE in states(sink, name) for name in (one, two)))
            await until(lambda: {e.stream for e in sink.frames} == {one, two})
            first.send_signal(signal.SIGKILL)
            await until(lambda: states(sink, one)[-1] is State.RECONNECTING, 3)
            assert states(sink, two) == [State.CONNECTING, State.LIVE]
            more = len(sink.frames) + 5
            await until(lambda: len(sink.frames) >= more)
            await second.wait()
            await until(lambda: states(sink, two)[-1] is State.ENDED)
        state = sink.session.state().streams
    assert state[two].video_frames == 50
    assert state[two].state == "ended"
    assert states(sink, two) == [State.CONNECTING, State.LIVE, State.ENDED]
    assert sink.nbytes(Kind.AUDIO) > 10_000
    assert KEY not in repr(sink.of(StateChanged)) + repr(sink.session.state())


async def test_a_publisher_that_stops_sending_is_shown_within_three_seconds() -> None:
    adapter, options, base = await listen({})
    async with watched(adapter, options) as sink:
        await until(lambda: any("listening" in e.reason for e in sink.of(StateChanged)))
        async with running(*publishing(f"{base}/live/whatever")) as ffmpeg:
            name = f"{adapter.info.stream}/1"
            await until(lambda: sink.frames)
            ffmpeg.send_signal(signal.SIGSTOP)
            await until(lambda: states(sink, name)[-1] is State.RECONNECTING, 3)
            ffmpeg.send_signal(signal.SIGCONT)
            await until(lambda: states(sink, name)[-1] is State.LIVE)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("live/nonsense", "wrong stream key"),
        (f"other/{KEY}", "wrong application"),
        ("live/x?key=no", "wrong"),
    ],
)
async def test_ffmpeg_is_refused_and_nothing_is_decoded(path: str, said: str) -> None:
    adapter, options, base = await listen({"MIDSTREAM_STREAM_KEY": KEY})
    async with watched(adapter, options) as sink:
        await until(lambda: any("listening" in e.reason for e in sink.of(StateChanged)))
        async with running(*publishing(f"{base}/{path}")) as ffmpeg:
            _, errors = await asyncio.wait_for(ffmpeg.communicate(), 15)
            assert ffmpeg.returncode != 0
            assert b"Server error" in errors
    assert {e.stream for e in sink.events} == {adapter.info.stream}
    assert not sink.frames
    assert not sink.chunks
    assert said in sink.of(StateChanged)[-1].reason
    assert KEY not in repr(sink.events)


async def test_mpegts_over_udp() -> None:
    port = free_port(socket.SOCK_DGRAM)
    (adapter,) = open_source(f"udp://127.0.0.1:{port}", Options())
    async with (
        watched(adapter, Options()) as sink,
        running(*publishing(f"udp://127.0.0.1:{port}?pkt_size=1316", 30, "mpegts")) as ffmpeg,
    ):
        await until(lambda: len(sink.frames) >= 10 and len(sink.chunks) >= 10)
        assert ffmpeg.returncode is None
    assert State.LIVE in states(sink, adapter.info.stream)
