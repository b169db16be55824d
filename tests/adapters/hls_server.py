"""An HTTP server on a thread of its own whose resources a test changes as it goes, and HLS media made by PyAV."""

from __future__ import annotations

import gzip
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.adapters.clips import make_clip


@dataclass
class Answer:
    """What a path answers: a body (or a function that writes one), a status and headers; ``wait`` seconds before."""

    body: bytes | Callable[[BaseHTTPRequestHandler], None] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0


@dataclass
class Site:
    """The resources of a running server by path (without its slash), and the requests that came."""

    port: int
    files: dict[str, bytes | Answer] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str = "x.m3u8", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"

    def asked(self, path: str) -> int:
        return sum(seen == path for seen, _ in self.seen)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A server of ranges, redirects, refusals and whatever else `Site.files` holds."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            site.seen.append((path, {k.lower(): v for k, v in self.headers.items()}))
            found = site.files.get(path, Answer(b"", 404))
            answer = found if isinstance(found, Answer) else Answer(found)
            if stopped.wait(answer.wait):
                return
            if callable(answer.body):
                self.close_connection = True
                answer.body(self)
                return
            body, status, headers = answer.body, answer.status, dict(answer.headers)
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if span and status == 200:
                body, status = body[int(span[1]) : int(span[2]) + 1], 206
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def handle(self) -> None:
            with suppress(OSError):  # the client has left, as it may
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

    stopped = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    server.block_on_close = False
    site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A playlist that never stops, slowly enough to be told from one that is merely large."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"#EXTM3U\n")
    for _ in range(2000):
        handler.wfile.write(b"# and on\n" * 200)
        time.sleep(0.001)


def bomb(size: int) -> bytes:
    """A gzip of a playlist of `size` bytes that are all comment."""
    return gzip.compress(b"#EXTM3U\n#" + b" " * size)


@dataclass(frozen=True)
class Media:
    """One stream cut into segments of a second: ``head`` is the initialisation section of fMP4, else empty."""

    segments: list[bytes]
    durations: list[float]
    head: bytes

    def whole(self, *numbers: int) -> bytes:
        """The segments of these numbers (all: none given) as one stream."""
        return self.head + b"".join(self.segments[n] for n in numbers or range(len(self.segments)))


def make_media(folder: Path, *, seconds: int = 4, kind: str = "mpegts", **clip: object) -> Media:
    """Cut a clip with libav's own HLS muxer; ``kind`` is mpegts or fmp4."""
    folder.mkdir()
    options = {
        "hls_time": "1",
        "hls_list_size": "0",
        "hls_segment_type": kind,
        "hls_flags": "independent_segments",
        "hls_segment_filename": str(folder / ("seg%03d.m4s" if kind == "fmp4" else "seg%03d.ts")),
    }
    path = folder / "made.m3u8"
    settings = {"frames": 30 * seconds, "video_options": {"g": "30"}, "audio_rate": 48_000} | clip
    make_clip(path, file_format="hls", container_options=options, **settings)  # type: ignore[arg-type]
    text = path.read_text()
    names = re.findall(r"^seg\S+$", text, re.MULTILINE)
    durations = [float(d) for d in re.findall(r"#EXTINF:([\d.]+)", text)]
    head = (folder / "init.mp4").read_bytes() if kind == "fmp4" else b""
    return Media([(folder / name).read_bytes() for name in names], durations, head)


def playlist(*lines: str, target: float = 1, ended: bool = True, sequence: int | None = 0) -> bytes:
    """A media playlist of `lines` between the usual tags."""
    head = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{target:g}"]
    if sequence is not None:
        head.append(f"#EXT-X-MEDIA-SEQUENCE:{sequence}")
    return "\n".join([*head, *lines, *(["#EXT-X-ENDLIST"] if ended else []), ""]).encode()


def listed(media: Media, first: int = 0, last: int | None = None, name: str = "s{}.ts") -> list[str]:
    """EXTINF and address of the segments from `first` to before `last`."""
    out: list[str] = []
    for n in range(first, len(media.segments) if last is None else last):
        out += [f"#EXTINF:{media.durations[n % len(media.durations)]},", name.format(n)]
    return out
