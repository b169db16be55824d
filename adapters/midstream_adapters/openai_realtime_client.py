"""`OpenAIRealtimeClient`: a Realtime session for programs, which speak to it and listen to its events."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self

from .base import Backoff, Sink, SourceError, explain, supervise
from .emitter import GuardedEmitter
from .events import AudioChunk, Event, State, StateChanged, Transcript, TurnEnded, Usage
from .openai_realtime import RealtimeAdapter
from .openai_realtime_config import RealtimeConfig
from .openai_realtime_target import target_of
from .openai_realtime_values import Json, RealtimeError, is_preview, message, present_name, string
from .redact import MASK, redact

MOST_AUDIO = 192 << 10
"""Bytes of sound that go into one message; more are sent as several."""
_log = logging.getLogger(__name__)


class OpenAIRealtimeClient(GuardedEmitter):
    """One Realtime session at a time. Listeners are functions or coroutine functions; all of it is the event loop's.

    Every server event is told under its name, the preview's and the present one alike: a listener of
    ``response.text.delta`` hears ``response.output_text.delta`` too, and the other way round. Events whose name ends in
    ``.delta`` give the delta (a string; base64 where it is sound), others the whole event as a dict, as the server sent
    it; ``event`` gives every event. Further: ``audio(AudioChunk)`` (decoded, with levels), ``transcript(Transcript)``
    (what the user said), ``connected(session)``, ``disconnected(reason)`` and ``error(Exception)``, which for the
    server's own errors is a `RealtimeError` with its code.

    A lost session is opened again by itself, with its settings (``disconnected`` and ``connected`` are told); its
    conversation is the server's, and starts empty. ``sink`` is given every event in the dashboard's vocabulary: a
    `MidStreamDashboard` there shows the session as a stream.
    """

    def __init__(
        self,
        config: RealtimeConfig | None = None,
        *,
        sink: Sink | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__("openai-realtime", _log, self._hide)
        self.config = config or RealtimeConfig()
        self.usage = Usage(0, 0)
        """Tokens of all answers so far, as the server counted them; each answer's once."""
        self._backoff, self._beside = backoff, sink
        self._key = ""
        self._adapter: RealtimeAdapter | None = None
        self._task: asyncio.Task[State] | None = None
        self._reason = ""

    # -- life

    async def connect(self, timeout: float = 30.0) -> None:
        """Open the session; returns when it stands and is set up.

        Raises:
            ConnectionError: no key, refused, or not open within `timeout` seconds; the text says why, without the key.
            RuntimeError: there is a session already.
        """
        if self._task is not None and not self._task.done():
            raise RuntimeError("connected already; disconnect() first")
        config = self.config
        env = dict(config.options.env)
        if config.api_key:
            env["OPENAI_API_KEY"] = env["AGENTIC_FLOW_API_KEY"] = config.api_key
        if config.url:
            env["MIDSTREAM_REALTIME_URL"] = config.url
        options = replace(config.options, prompt=None, prompts=(), env=env)
        try:
            target = target_of(f"openai-realtime:{config.model}", env)
        except SourceError as error:
            raise ConnectionError(explain(error)) from None
        self._key = target.key
        adapter = RealtimeAdapter(target, config.stream, options, config.session, self._hear)
        self._adapter, self._live, self._connected, self._reason = adapter, asyncio.Event(), False, ""
        self._task = asyncio.create_task(
            supervise(adapter, _Ears(self), options, self._backoff), name=f"realtime {config.stream}"
        )
        waiting = asyncio.create_task(self._live.wait())
        try:
            await asyncio.wait([self._task, waiting], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if self._live.is_set():
                return
            reason = self._reason
            if not self._task.done():
                reason = f"not connected within {timeout:g} s{': ' if reason else ''}{reason}"
            await self.disconnect()
            raise ConnectionError(reason or "the session ended before it was open")
        except asyncio.CancelledError:
            await self.disconnect()
            raise
        finally:
            waiting.cancel()

    async def disconnect(self) -> None:
        """Leave the session; ``disconnected`` is told. Doing it twice does no harm."""
        task, self._task = self._task, None
        if task is None or task.done():
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if task.cancelled():  # else it has said itself how it ended
            now = self.config.options.clock()
            _Ears(self).emit(StateChanged(self.config.stream, now, State.ENDED, "disconnected"))

    async def wait(self) -> None:
        """Wait until the session is over for good."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    @property
    def connected(self) -> bool:
        """Whether there is a session now."""
        return self._connected

    @property
    def session(self) -> Json:
        """The session as the server told it last; empty while there is none."""
        return self._adapter.session if self._adapter is not None else {}

    # -- speaking; each raises ConnectionError while there is no session

    async def send(self, event: Mapping[str, Any]) -> str:
        """Send a client event (``{"type": ...}``); return its ``event_id``, which is made up where it has none."""
        if self._adapter is None:
            raise ConnectionError("not connected; connect() first")
        return await self._adapter.send(event)

    async def send_text(self, text: str, role: str = "user", *, respond: bool = True) -> None:
        """Add a text to the conversation, and ask for an answer unless `respond` is False."""
        await self.send(message(text, role, is_preview(self.session)))
        if respond:
            await self.create_response()

    async def send_audio(self, pcm: bytes | bytearray | memoryview) -> None:
        """Add sound to the input: 16-bit little-endian PCM, mono, 24 kHz, unless the session was given another format.

        Sound is sent as fast as the connection takes it; who paces it in real time gets true turn latencies.
        """
        data = memoryview(pcm).cast("B")
        for start in range(0, len(data), MOST_AUDIO):
            piece = base64.b64encode(data[start : start + MOST_AUDIO]).decode("ascii")
            await self.send({"type": "input_audio_buffer.append", "audio": piece})

    async def commit_audio(self) -> None:
        """Make a message of the sound sent so far. (With voice activity detection the server does so itself.)"""
        await self.send({"type": "input_audio_buffer.commit"})

    async def clear_audio(self) -> None:
        """Forget the sound that is not committed."""
        await self.send({"type": "input_audio_buffer.clear"})

    async def create_response(self, **response: Any) -> str:
        """Ask for an answer, with fields of its own (``instructions``, ``tools``...); return the event's id."""
        event: Json = {"type": "response.create"}
        return await self.send(event | ({"response": response} if response else {}))

    async def cancel_response(self, response_id: str | None = None) -> None:
        """Break off the answer under way, or the one named."""
        event: Json = {"type": "response.cancel"}
        await self.send(event | ({"response_id": response_id} if response_id else {}))

    async def truncate(self, item_id: str, audio_end_ms: int, content_index: int = 0) -> None:
        """Tell the server how much (milliseconds) of an answer's sound was played before the user interrupted it."""
        await self.send({
            "type": "conversation.item.truncate", "item_id": item_id, "content_index": content_index,
            "audio_end_ms": audio_end_ms,
        })  # fmt: skip

    async def update_session(self, **session: Any) -> None:
        """Change fields of the session, named as the server's API names them; kept for when it is opened again."""
        if not is_preview(self.session):
            session = {"type": "realtime", **session}
        await self.send({"type": "session.update", "session": session})

    # -- listening

    def _add_event_handler(self, event: str, k: Callable[..., Any], v: Callable[..., Any]) -> None:
        super()._add_event_handler(present_name(event), k, v)

    def once(self, event: str, f: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """As `on`, for one time."""
        return super().once(present_name(event), f)

    def _remove_listener(self, event: str, f: Callable[..., Any]) -> None:
        super()._remove_listener(present_name(event), f)

    def listeners(self, event: str) -> list[Callable[..., Any]]:
        """The listeners of `event`, by whichever of its names."""
        return super().listeners(present_name(event))

    def _hear(self, value: Json) -> None:
        name = present_name(string(value.get("type")) or "")
        self.emit("event", value)
        if name == "error":
            self.emit("error", RealtimeError.of(value.get("error"), self._hide))
        elif name.endswith(".delta"):
            self.emit(name, value.get("delta"))
        elif "." in name:  # names without a dot are ours
            self.emit(name, value)

    def _told(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            self._changed(event)
        elif isinstance(event, AudioChunk):
            self.emit("audio", event)
        elif isinstance(event, Transcript):
            self.emit("transcript", event)
        elif isinstance(event, TurnEnded) and event.usage is not None:
            self.usage = _sum(self.usage, event.usage)

    def _changed(self, event: StateChanged) -> None:
        if event.reason:
            self._reason = event.reason
        self.tell_state(event, lambda: self.session)

    def _hide(self, text: str) -> str:
        return redact(text.replace(self._key, MASK) if len(self._key) > 6 else text)


class _Ears:
    """The client's sink. The adapter emits in the loop; models beside it, in threads of theirs."""

    def __init__(self, client: OpenAIRealtimeClient) -> None:
        self._client = client
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()

    def emit(self, event: Event) -> None:
        if self._client._beside is not None:
            self._client._beside.emit(event)
        if threading.get_ident() == self._thread:
            self._client._told(event)
        else:
            with suppress(RuntimeError):  # the loop has ended before its threads
                self._loop.call_soon_threadsafe(self._client._told, event)

    async def drain(self) -> None:
        """Wait while listeners, or the sink beside, are behind."""
        if self._client._beside is not None:
            await self._client._beside.drain()
        await self._client.room()


def _sum(a: Usage, b: Usage) -> Usage:
    def both(x: int | None, y: int | None) -> int | None:
        return None if x is None and y is None else (x or 0) + (y or 0)

    return Usage(
        a.prompt + b.prompt,
        a.completion + b.completion,
        both(a.reasoning, b.reasoning),
        both(a.cached, b.cached),
        both(a.prompt_audio, b.prompt_audio),
        both(a.completion_audio, b.completion_audio),
    )
