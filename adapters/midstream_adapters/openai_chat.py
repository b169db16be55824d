"""Questions to an OpenAI-compatible server, their answers streamed (chat completions, or the Responses API).

The official SDK makes the request and holds the connection; the body is read here, because its own parser has no bounds
and does not tell bytes. TTFT starts when the request is written, not when the connection is made.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .base import Adapter, Clock, Interrupted, NotConfigured, Options, Sink, SourceError, StreamInfo
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
from .loading import load
from .net import bad_certificate, detail, is_loopback, is_private, refused, short_body
from .payload import PayloadReader
from .redact import MASK, redact
from .sanitize import clean_line
from .sse import MAX_EVENT, SSEDecoder, pump
from .tokens import counter

if TYPE_CHECKING:
    from openai import AsyncAPIResponse, AsyncOpenAI

OPENAI = "https://api.openai.com/v1"
QUESTION = "In a few sentences, explain how a river shapes its valley."
READ_TIMEOUT = 600.0
"""Seconds between two pieces of an answer after which the connection counts as lost."""
MAX_BROKEN = 3
"""Answers that may break off one after another; each was paid for, so this is not tried for ever."""
MOST_WAITING = 100
"""Questions that may wait for their turn, beside those the source began with."""
_NO_OPTIONS = re.compile(
    r"stream_options|include_usage|extra (?:inputs|fields)|unrecogni[sz]ed|unknown (?:field|param)",
    re.IGNORECASE,
)


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """Return the adapter for ``openai:MODEL`` or ``openai-responses:MODEL``.

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
            raise NotConfigured(f"OPENAI_API_KEY is not set: {host} needs a key (put it in the environment)")
        key = "none"
    responses = source.lower().startswith("openai-responses:")
    return [ChatAdapter(model, base, key, stream_id, options, responses)]


class _Refused(Exception):
    """An HTTP status that is no success, raised from within the SDK's client."""

    def __init__(self, status: int, body: str, wait: str | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.body, self.wait = status, body, wait


class _Rejected(SourceError):
    """This question can't be answered; others may."""


class _Attempt:
    """One request and its answer: a sink that every event of the turn passes."""

    def __init__(self, started: TurnStarted, sink: Sink, clock: Clock, hide: Callable[[str], str]) -> None:
        self._count = counter(started.model or "")
        self.started = False
        self.answered = False
        self.ended = False
        self._event = started
        self._sink = sink
        self._clock = clock
        self._hide = hide

    def start(self) -> None:
        """The request is written, now."""
        if not self.started:
            self.started = True
            self._sink.emit(replace(self._event, at=self._clock()))

    def emit(self, event: Event) -> None:
        if isinstance(event, TurnEnded):
            self.ended = True
            event = replace(event, error=self._hide(event.error) if event.error else None)
        if isinstance(event, TextChunk):
            self.answered = True
            if event.tokens is None and self._count is not None and event.text:
                event = replace(event, tokens=self._count(event.text))
        self._sink.emit(event)

    async def drain(self) -> None:
        """Wait as the sink behind does."""
        await self._sink.drain()

    def end(self, error: str | None = None) -> None:
        """The answer is over, if nothing else has said so."""
        if self.started and not self.ended:
            self.emit(TurnEnded(self._event.stream, self._clock(), self._event.turn, error=error))


class _Tracer:
    """Told by the HTTP library what it does; tells the attempt of now when its request is written."""

    attempt: _Attempt | None = None

    async def __call__(self, name: str, info: object) -> None:
        if self.attempt is not None and name.endswith("send_request_body.complete"):
            self.attempt.start()


class ChatAdapter:
    """Asks one question after the other, each in a conversation of its own; `run` returns when all are answered.

    What breaks off is asked again as a new turn. A run with nothing left to ask begins with the first question again.
    """

    def __init__(
        self, model: str, base: str, key: str, stream: str, options: Options, responses: bool = False
    ) -> None:
        kind = "openai-responses" if responses else "openai"
        self.info = StreamInfo(stream, redact(f"{kind}:{model}"), frozenset({Kind.TEXT}), Provenance.LIVE)
        self._model = model
        self._base = base
        self._key = key
        self._options = options
        self._responses = responses
        self._questions = (options.prompt,) if options.prompt else options.prompts or (QUESTION,)
        self._left: deque[str] = deque(self._questions)
        self._shown = False  # whether the question in front has been said
        self._usage = True  # whether the server takes stream_options
        self._turns = 0
        self._broken = 0
        self._due: float | None = None

    def ask(self, text: str) -> None:
        """Ask `text` when all that was asked before has been answered; on a stream that has ended, start it again.

        Raises:
            ValueError: `text` is empty, or over `MOST_WAITING` questions wait already.
        """
        if not text.strip():
            raise ValueError("a question has words")
        if len(self._left) >= max(MOST_WAITING, len(self._questions)):
            raise ValueError(f"{len(self._left)} questions wait already")
        self._left.append(text)

    async def run(self, sink: Sink) -> None:
        """Ask until nothing is left, emitting the answers."""
        openai = await load(
            "openai", lambda: import_module("openai"), self.info.stream, sink, self._options.clock
        )
        if not self._left:
            self._left.extend(self._questions)
        tracer = _Tracer()
        client: AsyncOpenAI = await asyncio.to_thread(self._client, openai, tracer)
        async with client:
            while self._left:
                await self._wait()
                await self._turn(openai, client, tracer, sink)

    async def _wait(self) -> None:
        """Keep to the rate, if there is one; a question that is late is asked at once and holds up none behind it."""
        if self._options.rate is None or len(self._questions) == 1:
            return
        now = self._options.clock()
        due = now if self._due is None else self._due
        if due > now:
            await self._options.sleep(due - now)
        self._due = max(due, now - READ_TIMEOUT) + 60.0 / self._options.rate

    async def _turn(self, openai: Any, client: AsyncOpenAI, tracer: _Tracer, sink: Sink) -> None:
        """Ask the question in front, and take it away once it is answered, or can't be."""
        stream, clock, question = self.info.stream, self._options.clock, self._left[0]
        if not self._shown:
            sink.emit(TextChunk(stream, clock(), question, "user", sent=True))
            self._shown = True
        self._turns += 1
        turn = f"{stream}:{self._turns}"
        started = TurnStarted(stream, 0.0, turn, self._model, question)
        attempt = tracer.attempt = _Attempt(started, sink, clock, self._hide)
        try:
            await self._ask(openai, client, turn, attempt)
            attempt.end()
            self._next()
        except (SourceError, Interrupted) as error:
            reason = self._hide(str(error))
            attempt.end(reason)
            if attempt.answered and isinstance(error, Interrupted):
                self._broken += 1
                if self._broken >= MAX_BROKEN:
                    raise SourceError(
                        f"{reason} ({self._broken} answers broke off; no more are asked for)"
                    ) from None
            if isinstance(error, SourceError):
                self._next()
                if isinstance(error, _Rejected) and self._left:
                    return
            error.args = (reason,)
            raise

    def _next(self) -> None:
        self._left.popleft()
        self._shown, self._broken = False, 0

    def _hide(self, text: str) -> str:
        """Take the key out of what the server says, whatever its form."""
        return redact(text.replace(self._key, MASK) if len(self._key) > 6 else text)

    def _client(self, openai: Any, tracer: _Tracer) -> AsyncOpenAI:
        """Make the SDK's client, which tells when a request is written, and reads no refusal beyond its start."""
        options = self._options

        async def on_request(request: Any) -> None:
            request.extensions["trace"] = tracer

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
        question, system = self._left[0], self._options.system
        while True:
            if self._responses:
                extra: dict[str, Any] = {"instructions": system} if system else {}
                request = client.responses.with_streaming_response.create(
                    model=self._model, input=question, stream=True, **extra
                )
            else:
                messages: list[Any] = [{"role": "system", "content": system}] if system else []
                messages.append({"role": "user", "content": question})
                extra = {"stream_options": {"include_usage": True}} if self._usage else {}
                request = client.chat.completions.with_streaming_response.create(
                    model=self._model, messages=messages, stream=True, **extra
                )
            try:
                async with request as response:
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
                    said = refused(cause.status, detail(cause.body), cause.wait)
                    raise (_Rejected(*said.args) if cause.status in (400, 413, 422) else said) from None
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
