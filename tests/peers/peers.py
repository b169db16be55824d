"""nginx-rtmp and ffmpeg as processes, and a sink that folds what comes of them; for the tests of real peers."""

from __future__ import annotations

import asyncio
import shutil
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from midstream_adapters.base import Adapter, Backoff, Options, supervise
from midstream_adapters.events import State, StateChanged
from midstream_tui.session import Session
from tests.adapters.recorder import Recorder

MODULES = [
    Path("/usr/lib/nginx/modules/ngx_rtmp_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_rtmp_module.so"),
]
MODULE = next((path for path in MODULES if path.exists()), None)
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
needs_nginx = pytest.mark.skipif(
    shutil.which("nginx") is None or MODULE is None, reason="nginx with its RTMP module is not installed"
)


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
async def running(*command: str, out: int = DEVNULL) -> AsyncGenerator[Process, None]:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=out, stderr=PIPE)
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
async def nginx(folder: Path, port: int, web: int | None = None) -> AsyncGenerator[Process, None]:
    """A relay for rtmp://127.0.0.1:`port`/live/NAME; with `web` also http://127.0.0.1:`web`/NAME.m3u8."""
    folder.mkdir(exist_ok=True)
    hls = f"hls on; hls_path {folder}/hls; hls_fragment 1s; hls_playlist_length 6s;" if web else ""
    temporary = " ".join(
        f"{name}_temp_path {folder}/temp;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    server = f"access_log off; {temporary} server {{ listen 127.0.0.1:{web}; root {folder}/hls; }}"
    pages = f"http {{ {server} }}" if web else ""
    config = folder / "nginx.conf"
    config.write_text(
        f"load_module {MODULE}; daemon off; master_process off; pid {folder}/pid;\n"
        f"error_log {folder}/error.log; events {{ worker_connections 64; }}\n"
        f"rtmp {{ access_log off; server {{ listen 127.0.0.1:{port}; application live {{ live on; {hls} }} }} }}\n"
        f"{pages}\n"
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
