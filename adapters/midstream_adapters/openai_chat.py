"""One question to an OpenAI-compatible server, its answer streamed (chat completions).

The official SDK makes the request and holds the connection; the body is read here, because its own parser has no bounds
and does not tell bytes. TTFT starts when the request's first byte is written, not when the connection is made.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .base import Adapter, Clock, Interrupted, Options, Sink, SourceError, StreamInfo
from .events import (
    BytesReceived,
    Event,
    Kind,
    Provenance,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
)
from .net import bad_certificate, detail, is_loopback, is_private, refused, short_body
from .payload import PayloadReader
from .redact import MASK, redact
from .sanitize import clean_line
from .sse import MAX_EVENT, SSEDecoder, pump

if TYPE_CHECKING:
    from openai import AsyncAPIResponse, AsyncOpenAI

OPENAI = "https://api.openai.com/v1"
QUESTION = "In a few sentences, explain how a river shapes its valley."
READ_TIMEOUT = 600.0
"""Seconds between two pieces of an answer after which the connection counts as lost."""
MAX_BROKEN = 3
"""Answers that may break off one after another; each was paid for, so this is not tried for ever."""
_NO_OPTIONS = re.compile(
    r"stream_options|include_usage|extra (?:inputs|fields)|unrecogni[sz]ed|unknown (?:field|param)",
    re.IGNORECASE,
)


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """Return the adapter for ``openai:MODEL``.

    Raises:
        SourceError: no model, no key (needed but for servers on this machine or network), or a bad OPENAI_BASE_URL.
    """
    model = source.partition(":")[2].strip()
    if not model:
        raise SourceError("name a model, as in openai:gpt-4o-mini")
    base = options.env.get("OPENAI_BASE_URL", "").strip() or OPENAI
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise SourceError(f"OPENAI_BASE_URL is not a web address: {redact(base)}")
    key = options.env.get("OPENAI_API_KEY", "").strip()
    if not key:
        if not is_private(host):
            raise SourceError(f"OPENAI_API_KEY is not set: {host} needs a key (put it in the environment)")
        key = "none"
    return [ChatAdapter(model, base, key, stream_id, options)]


class _Refused(Exception):
    """An HTTP status that is no success, raised from within the SDK's client."""

    def __init__(self, status: int, body: str, wait: str | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.body, self.wait = status, body, wait


class _Attempt:
    """One request and its answer: a sink that every event of the turn passes."""

    def __init__(self, started: TurnStarted, sink: Sink, clock: Clock, hide: Callable[[str], str]) -> None:
        self.started = False
        self.answered = False
        self.ended = False
        self._event = started
        self._sink = sink
        self._clock = clock
        self._hide = hide

    def start(self) -> None:
        """The request is being written, now."""
        self.started = True
        self._sink.emit(replace(self._event, at=self._clock()))

    def emit(self, event: Event) -> None:
        if isinstance(event, TurnEnded):
            self.ended = True
            event = replace(event, error=self._hide(event.error) if event.error else None)
        self.answered |= isinstance(event, TextChunk)
        self._sink.emit(event)

    async def drain(self) -> None:
        """Wait as the sink behind does."""
        await self._sink.drain()

    def end(self, error: str | None = None) -> None:
        """The answer is over, if nothing else has said so."""
        if self.started and not self.ended:
            self.emit(TurnEnded(self._event.stream, self._clock(), self._event.turn, error=error))


class ChatAdapter:
    """Asks once; a run that fails before the answer is complete asks again as a new turn."""

    def __init__(self, model: str, base: str, key: str, stream: str, options: Options) -> None:
        self.info = StreamInfo(stream, redact(f"openai:{model}"), frozenset({Kind.TEXT}), Provenance.LIVE)
        self._model = model
        self._base = base
        self._key = key
        self._options = options
        self._prompt = options.prompt or QUESTION
        self._usage = True  # whether the server takes stream_options
        self._asked = 0
        self._broken = 0

    async def run(self, sink: Sink) -> None:
        """Ask, emit the answer, and return when it is complete."""
        openai = await asyncio.to_thread(import_module, "openai")  # more than a second, the first time
        stream, clock = self.info.stream, self._options.clock
        if not self._asked:
            sink.emit(TextChunk(stream, clock(), self._prompt, "user"))
        self._asked += 1
        turn = f"{stream}:{self._asked}"
        attempt = _Attempt(TurnStarted(stream, 0.0, turn, self._model, self._prompt), sink, clock, self._hide)
        client: AsyncOpenAI = await asyncio.to_thread(self._client, openai, attempt)
        try:
            async with client:
                await self._ask(openai, client, turn, attempt)
            attempt.end()
        except (SourceError, Interrupted) as error:
            reason = self._hide(str(error))
            attempt.end(reason)
            if attempt.answered and isinstance(error, Interrupted):
                self._broken += 1
                if self._broken >= MAX_BROKEN:
                    raise SourceError(
                        f"{reason} ({self._broken} answers broke off; no more are asked for)"
                    ) from None
            error.args = (reason,)
            raise

    def _hide(self, text: str) -> str:
        """Take the key out of what the server says, whatever its form."""
        return redact(text.replace(self._key, MASK) if len(self._key) > 6 else text)

    def _client(self, openai: Any, attempt: _Attempt) -> AsyncOpenAI:
        """Make the SDK's client, which tells when a request is written, and reads no refusal beyond its start."""
        options = self._options

        async def trace(name: str, info: object) -> None:
            if name.endswith("send_request_headers.started"):
                attempt.start()

        async def on_request(request: Any) -> None:
            request.extensions["trace"] = trace

        async def on_response(response: Any) -> None:
            if response.status_code >= 400:
                wait = response.headers.get("retry-after")
                raise _Refused(response.status_code, await short_body(response), wait)

        http = openai.DefaultAsyncHttpxClient(
            trust_env=not is_loopback(urlsplit(self._base).hostname),
            event_hooks={"request": [on_request], "response": [on_response]},
        )
        client: AsyncOpenAI = openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self._base,
            organization=options.env.get("OPENAI_ORG_ID"),
            project=options.env.get("OPENAI_PROJECT_ID"),
            default_headers={"Accept-Encoding": "identity", **options.headers},
            max_retries=0,
            timeout=openai.Timeout(READ_TIMEOUT, connect=options.connect_timeout),
            http_client=http,
        )
        return client

    async def _ask(self, openai: Any, client: AsyncOpenAI, turn: str, attempt: _Attempt) -> None:
        messages: list[Any] = [{"role": "user", "content": self._prompt}]
        if self._options.system:
            messages.insert(0, {"role": "system", "content": self._options.system})
        while True:
            extra: dict[str, Any] = {"stream_options": {"include_usage": True}} if self._usage else {}
            try:
                async with client.chat.completions.with_streaming_response.create(
                    model=self._model, messages=messages, stream=True, **extra
                ) as response:
                    await self._answer(response, turn, attempt)
                return
            except (_Refused, openai.APIConnectionError) as error:
                cause = (
                    error if isinstance(error, _Refused) else error.__cause__
                )  # SDK 2 wraps it, SDK 3 does not
                if isinstance(cause, _Refused):
                    if self._usage and cause.status in (400, 422) and _NO_OPTIONS.search(cause.body):
                        self._usage = False
                        continue
                    raise refused(cause.status, detail(cause.body), cause.wait) from None
                if trust := bad_certificate(error):
                    raise SourceError(trust) from None
                what = cause or error
                raise Interrupted(f"cannot connect: {str(what) or type(what).__name__}") from None
            except openai.OpenAIError as error:
                raise SourceError(f"the request cannot be made: {error}") from None

    async def _answer(self, response: AsyncAPIResponse[Any], turn: str, attempt: _Attempt) -> None:
        """Read the body of a response with status 200; raise `Interrupted` unless the answer in it is complete."""
        stream, clock = self.info.stream, self._options.clock
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("text/event-stream", "application/json"):
            raise SourceError(
                f"{self._base} answered {clean_line(kind, 80) or 'without a content type'}, not an event stream: "
                "is OPENAI_BASE_URL right? It often ends in /v1"
            )
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise SourceError("the server compresses the answer though it was asked not to")
        attempt.emit(StateChanged(stream, clock(), State.LIVE))
        reader = PayloadReader(stream, clock, turn)
        decoder = SSEDecoder()
        whole = b""  # of a server that does not stream
        reason = "the answer broke off"
        try:
            async for chunk in response.iter_bytes():
                if kind == "application/json":
                    whole += chunk
                    if len(whole) > MAX_EVENT:
                        raise SourceError(
                            f"the server does not stream, and its answer is over {MAX_EVENT >> 10} KiB"
                        )
                    continue
                await pump(decoder.feed(chunk), reader, attempt)
                if reader.done:
                    break
        except Exception as error:
            if not type(error).__module__.startswith(
                "httpx"
            ):  # httpx or httpx2: the SDK lets both through here
                raise
            reason = f"the answer broke off: {error or type(error).__name__}"
        if whole:
            for said in reader.read(whole.decode("utf-8", "replace"), len(whole)):
                attempt.emit(said)
        if rest := decoder.flush():
            attempt.emit(BytesReceived(stream, clock(), Kind.TEXT, rest))
        complete = reader.done or reader.complete
        for said in reader.lost(reason):
            attempt.emit(said)
            complete |= isinstance(said, TurnEnded) and said.error is None
        if reader.error or not complete:
            raise Interrupted(reader.error or reason)
