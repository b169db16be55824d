"""Server-sent events (WHATWG HTML, 9.2) over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo
from .events import BytesReceived, Dropped, Event, Kind, Provenance, State, StateChanged
from .lines import BATCH, LineSplitter
from .loading import load
from .net import bad_certificate, detail, is_loopback, located, refused, short_body
from .payload import PayloadReader
from .redact import redact
from .sanitize import clean_line

if TYPE_CHECKING:
    import httpx

MAX_EVENT = 1 << 20
"""Bytes of one event's data; a bigger event is dropped and counted."""
MAX_RETRY = 3600.0
MAX_REDIRECTS = 5
_BOM = b"\xef\xbb\xbf"


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """Return the adapter for ``http(s)://`` or ``sse+http(s)://``.

    Raises:
        SourceError: the address has no host, or its port is none.
    """
    url = source[4:] if source[:4].lower() == "sse+" else source
    located(url, source)
    return [SSEAdapter(url, stream_id, options)]


class ServerEvent(NamedTuple):
    """One event, or bytes that made none. ``data`` is ``None`` for those; ``dropped``: it was over the limit."""

    data: str | None
    nbytes: int
    name: str = "message"
    dropped: bool = False


class SSEDecoder:
    """The event stream parser of the standard, without I/O: bounded, and linear however the bytes are cut.

    ``last_event_id`` and ``retry`` (seconds, ``None`` until told) are for the next connection. The ``nbytes`` of what
    `feed` and `flush` return add up to the bytes fed.
    """

    def __init__(self, last_event_id: str = "", limit: int = MAX_EVENT) -> None:
        self.last_event_id = last_event_id
        self.retry: float | None = None
        self._splitter = LineSplitter(limit)
        self._limit = limit
        self._first = True
        self._id = last_event_id
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0  # of the data
        self._nbytes = 0  # of all lines of the event so far
        self._part = False  # within a line that is over the limit
        self._over = False  # the event is over the limit

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """Return the events that `chunk` completes."""
        out: list[ServerEvent] = []
        for line, nbytes, ended in self._splitter.feed(chunk):
            if self._first:
                line = line.removeprefix(_BOM)
                self._first = False
            self._nbytes += nbytes
            if not ended or self._part:
                # Fields that matter are short. A comment may be longer than any event; it is nobody's loss.
                if not self._part and line[0] != 0x3A:
                    self._over = True
                    self._clear_data()
                self._part = not ended
            elif line:
                self._field(line)
            else:
                out.append(self._dispatch())
            if self._nbytes and not (self._data or self._name) and (self._over or line[:1] == b":"):
                out.append(ServerEvent(None, self._take()))
        return out

    def flush(self) -> int:
        """Return the number of bytes of an event that never ended; the standard discards it."""
        return self._take() + sum(line.nbytes for line in self._splitter.flush())

    def _take(self) -> int:
        nbytes, self._nbytes = self._nbytes, 0
        return nbytes

    def _clear_data(self) -> None:
        self._data.clear()
        self._size = 0

    def _field(self, line: bytes) -> None:
        if line[0] == 0x3A:  # a comment, most often sent to keep the connection open
            return
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._size += len(value) + 1
            if self._over or self._size > self._limit:
                self._over = True
                self._clear_data()
            else:
                self._data.append(value)
        elif name == b"event":
            self._name = value[:200].decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value and len(value) <= 4096:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            self.retry = min(int(value[:12]) / 1000.0, MAX_RETRY)

    def _dispatch(self) -> ServerEvent:
        self.last_event_id = self._id
        data = None
        if self._data and not self._over:
            data = b"\n".join(self._data).decode("utf-8", "replace")
        event = ServerEvent(data, self._take(), self._name or "message", self._over)
        self._clear_data()
        self._name, self._over = "", False
        return event


def _said(event: ServerEvent, reader: PayloadReader) -> list[Event]:
    """What an event says, and the bytes that said nothing."""
    if event.data:
        return reader.read(event.data, event.nbytes)
    at = reader.clock()
    out: list[Event] = [BytesReceived(reader.stream, at, Kind.TEXT, event.nbytes)]
    if event.dropped:
        out.append(Dropped(reader.stream, at, Kind.TEXT, 1, "limit"))
    return out


async def pump(events: list[ServerEvent], reader: PayloadReader, sink: Sink) -> None:
    """Emit what `events` say, a batch at a time."""
    for start in range(0, len(events), BATCH):
        for event in events[start : start + BATCH]:
            for said in _said(event, reader):
                sink.emit(said)
        await sink.drain()
        await asyncio.sleep(0)


class SSEAdapter:
    """One event stream; each run is one connection, and the next tells the server the last event's id."""

    def __init__(self, url: str, stream: str, options: Options) -> None:
        self.info = StreamInfo(stream, redact(url), frozenset({Kind.TEXT}), Provenance.LIVE)
        self._url = url
        self._options = options
        self._last_event_id = ""
        self._retry: float | None = None

    async def run(self, sink: Sink) -> None:
        """Emit events until the server says there are no more (204, or the end of an answer), else raise."""
        async with self._connect(sink) as response:
            if response is None:
                return
            import httpx  # loaded by now, in a thread

            clock = self._options.clock
            sink.emit(StateChanged(self.info.stream, clock(), State.LIVE))
            decoder = SSEDecoder(self._last_event_id)
            reader = PayloadReader(self.info.stream, clock)
            reason = "the server closed the stream"
            try:
                async for chunk in response.aiter_raw():
                    await pump(decoder.feed(chunk), reader, sink)
            except httpx.HTTPError as error:
                reason = f"the connection was lost: {error or type(error).__name__}"
            finally:
                self._last_event_id = decoder.last_event_id
                self._retry = decoder.retry if decoder.retry is not None else self._retry
            if rest := decoder.flush():
                sink.emit(BytesReceived(self.info.stream, clock(), Kind.TEXT, rest))
            complete = reader.complete
            for said in reader.lost(reason):
                sink.emit(said)
            if not complete:
                raise Interrupted(reason, self._retry)

    @asynccontextmanager
    async def _connect(self, sink: Sink) -> AsyncGenerator[httpx.Response | None, None]:
        """Open the stream, following redirects; gives ``None`` when the server says it has ended (204)."""
        await load("httpx", lambda: import_module("httpx"), self.info.stream, sink, self._options.clock)
        import httpx

        context = await asyncio.to_thread(httpx.create_ssl_context)
        timeout = httpx.Timeout(None, connect=self._options.connect_timeout)
        url, home = self._url, urlsplit(self._url)
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._options.connect_timeout):
                    for _ in range(MAX_REDIRECTS + 1):
                        target = urlsplit(url)
                        same = (target.scheme, target.netloc) == (home.scheme, home.netloc)
                        proxied = not is_loopback(target.hostname)
                        client = await stack.enter_async_context(
                            httpx.AsyncClient(verify=context, timeout=timeout, trust_env=proxied)
                        )
                        request = client.build_request("GET", url, headers=self._headers(same))
                        response = await client.send(request, stream=True)
                        stack.push_async_callback(response.aclose)
                        if response.status_code not in (301, 302, 303, 307, 308):
                            break
                        url = _redirect(url, response.headers.get("location", ""))
                    else:
                        raise SourceError(f"more than {MAX_REDIRECTS} redirects")
                    usable = await _check(response)
            except TimeoutError:
                raise TimeoutError(f"no answer within {self._options.connect_timeout:g} s") from None
            except httpx.InvalidURL as error:
                raise SourceError(f"not an address: {error}") from None
            except httpx.HTTPError as error:
                if trust := bad_certificate(error):
                    raise SourceError(trust) from None
                if isinstance(
                    error, httpx.LocalProtocolError
                ):  # its text may quote the header, and that a key
                    raise SourceError("a header given for this source can't be sent") from None
                if isinstance(error, httpx.UnsupportedProtocol):
                    raise SourceError(str(error)) from None
                raise Interrupted(f"cannot connect: {error or type(error).__name__}") from None
            yield response if usable else None

    def _headers(self, same: bool) -> dict[str, str]:
        # Not compressed: bytes are counted as they come, and a small body can't inflate into a large one.
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store", "Accept-Encoding": "identity"}
        if same:  # a user's headers may hold keys, which are not for the host that a redirect names
            headers |= self._options.headers
        if self._last_event_id and self._last_event_id.isascii():
            headers["Last-Event-ID"] = self._last_event_id
        return headers


def _redirect(url: str, location: str) -> str:
    """The address that `url` leads to. Raises `SourceError` for one that no browser would follow from there."""
    try:
        target = urlsplit(found := urljoin(url, location))
        usable = target.scheme in ("http", "https") and bool(target.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise SourceError(f"the server redirects to what is no web address: {redact(location)}")
    if url.startswith("https:") and target.scheme == "http":
        raise SourceError(f"the server redirects from https to http: {redact(found)}")
    return found


async def _check(response: httpx.Response) -> bool:
    """Whether `response` is an event stream; false when the server says that there is no more.

    Raises:
        SourceError, Interrupted: it is neither.
    """
    status = response.status_code
    if status == 204:
        return False
    if status != 200:
        raise refused(status, detail(await short_body(response)), response.headers.get("retry-after"))
    kind = response.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "text/event-stream":
        raise SourceError(
            f"the server answered {clean_line(kind, 80) or 'without a content type'}, not text/event-stream: "
            "is this the address of an event stream?"
        )
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise SourceError("the server compresses the stream though it was asked not to")
    return True
