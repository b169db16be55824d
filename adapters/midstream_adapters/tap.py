"""The tap, ``tap+listen://HOST:PORT?upstream=URL``: point an app's base URL here and watch what it asks a model.

A transparent proxy runs in a process of its own (`tap_process`); this adapter starts it, reads what it tells and makes
events of it: every request a turn, a stream for each model, named ``TAP/MODEL``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo, explain
from .events import Figures, Kind, Provenance, State, StateChanged, StreamOpened
from .net import bracketed, is_loopback
from .redact import redact
from .sanitize import clean_line
from .tap_exchange import Exchange
from .tap_frames import What, receive
from .tap_proxy import Upstream
from .tap_question import Places

PORT = 8790
TOKEN = "MIDSTREAM_TAP_TOKEN"
MOST_MODELS = 32
"""Streams of one tap; models beyond that share one."""
MOST_EXCHANGES = 1024
OTHER = "other requests"
_log = logging.getLogger(__name__)
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop()); from midstream_adapters.tap_process import main; main()"
)


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``tap+listen://[host][:port]?upstream=URL``; 127.0.0.1 and 8790 where it says nothing else.

    Raises:
        SourceError: no address, no upstream, or a host that others can reach and no token set.
    """
    try:
        parts = urlsplit(source)
        host, port = parts.hostname or "127.0.0.1", PORT if parts.port is None else parts.port
    except ValueError as error:
        raise SourceError(f"not an address: {redact(source)} ({error})") from None
    # The rest of the query belongs to the upstream's address, which may hold an unescaped one.
    asked = parts.query.removeprefix("upstream=") if parts.query.startswith("upstream=") else ""
    url = dict(parse_qsl(parts.query)).get("upstream", "") if "%3A" in asked.upper() else asked
    url = url or options.env.get("OPENAI_BASE_URL", "").strip()
    if not url:
        raise SourceError(
            "name the upstream, as in tap+listen://127.0.0.1:8790?upstream=https://api.openai.com"
        )
    if parts.path.strip("/") or parts.username is not None:
        raise SourceError("tap+listen://HOST:PORT?upstream=URL has neither a path nor a user")
    try:
        upstream = Upstream.of(url)
    except ValueError as error:
        raise SourceError(f"{error}: {redact(url)}") from None
    if is_loopback(upstream.host) and upstream.port == port and is_loopback(host):
        raise SourceError("the upstream is the tap itself: give one of them another port")
    token = options.env.get(TOKEN) or None
    if token is None and not is_loopback(host):
        raise SourceError(
            f"{host} can be reached by others: set {TOKEN} to the first part of the path that clients must use"
        )
    return [TapListener(host, port, url, upstream, token, stream_id, options)]


class TapListener:
    """Waits for clients at one address; `run` goes on until it is cancelled. ``port`` 0 lets the system choose."""

    def __init__(
        self,
        host: str,
        port: int,
        url: str,
        upstream: Upstream,
        token: str | None,
        stream: str,
        options: Options,
    ) -> None:
        self.host, self.port = host, port
        self._url, self._upstream, self._token, self._options = url, upstream, token, options
        self.info = StreamInfo(stream, self._address(port), frozenset(), Provenance.LIVE)
        self._streams: dict[str, str] = {}
        self._exchanges: dict[int, Exchange] = {}
        self._asked = self._failed = self._open = self._turns = 0

    async def run(self, sink: Sink) -> None:
        """Proxy and tell until cancelled; every model's stream then ends.

        Raises:
            SourceError: the address can't be listened on.
            Interrupted: the proxy's process is gone.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _START, str(Path(__file__).parents[1]),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True, limit=1 << 20,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {
            "host": self.host, "port": self.port, "upstream": self._url, "token": self._token,
            "connect_timeout": self._options.connect_timeout,
        }  # fmt: skip
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            await self._frames(process.stdout, sink)
        except (asyncio.IncompleteReadError, OSError):
            raise Interrupted("the tap's process is gone") from None
        finally:
            process.stdin.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._close(sink)

    async def _frames(self, reader: asyncio.StreamReader, sink: Sink) -> None:
        offset = self._options.clock() - time.monotonic()  # the proxy knows the real clock only
        while True:
            what, number, at, data = await receive(reader)
            if what is What.REFUSED:
                raise SourceError(f"can't listen on {self._address(self.port)}: {clean_line(data.decode())}")
            if what is What.LISTENING:
                self.port = json.loads(data)["port"]
                self._tell(sink)
                continue
            self._exchange(what, number, at + offset, data, sink)
            await sink.drain()

    def _exchange(self, what: What, number: int, at: float, data: bytes, sink: Sink) -> None:
        exchange = self._exchanges.get(number)
        if exchange is None:
            if what not in (What.REQUEST, What.RESPONSE) or len(self._exchanges) >= MOST_EXCHANGES:
                return
            exchange = self._exchanges[number] = Exchange(Places(self._place, self._turn), sink)
            self._asked += 1
            self._open += 1
            if what is What.REQUEST:
                self._tell(sink)
        try:
            exchange.take(what, at, data)
        except Exception as error:  # a fault of ours is this exchange's alone; its bytes pass all the same
            _log.warning("tap: %s: %s", type(error).__name__, explain(error))
            with suppress(Exception):
                exchange.take(What.LOST, at, f"internal error: {type(error).__name__}".encode())
            exchange.over = exchange.failed = True
        if exchange.over:
            del self._exchanges[number]
            self._open -= 1
            self._failed += exchange.failed
            self._tell(sink, exchange.complaint)

    def _place(self, model: str, at: float, sink: Sink) -> str:
        """The stream of `model`, opened when first asked for."""
        name = clean_line(redact(model), 60) or OTHER
        if name not in self._streams and len(self._streams) >= MOST_MODELS:
            name = OTHER
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = f"{self.info.stream}/{name}"
            source = f"{self._address(self.port)} {name}"
            sink.emit(StreamOpened(stream, at, source, frozenset({Kind.TEXT}), Provenance.LIVE))
            sink.emit(StateChanged(stream, at, State.LIVE))
        return stream

    def _turn(self, stream: str) -> str:
        self._turns += 1
        return f"{stream}:{self._turns}"

    def _address(self, port: int) -> str:
        return f"tap+listen://{bracketed(self.host)}:{port}?upstream={redact(self._url)}"

    def _tell(self, sink: Sink, note: str = "") -> None:
        """The tap's own state and figures."""
        stream, now = self.info.stream, self._options.clock()
        token = "/TOKEN" if self._token else ""
        base = f"http://{bracketed(self.host)}:{self.port}{token}/v1"
        text = f"base URL {base} goes to {self._upstream.authority}"
        sink.emit(StateChanged(stream, now, State.LIVE, f"{text}; {note}" if note else text))
        values: dict[str, float | str] = {"requests": self._asked, "open": self._open, "failed": self._failed}
        sink.emit(Figures(stream, now, values))

    def _close(self, sink: Sink) -> None:
        now = self._options.clock()
        for exchange in self._exchanges.values():
            exchange.take(What.LOST, now, b"the tap was closed")
        self._exchanges.clear()
        self._open = 0
        for stream in self._streams.values():
            sink.emit(StateChanged(stream, now, State.ENDED, "the tap was closed"))
        self._streams.clear()
