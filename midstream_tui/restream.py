"""`RestreamClient`: one RTMP, HLS or WebRTC stream as an object that emits events, for programs.

Sources, reconnecting and counting are those of the dashboard; only the listeners are the caller's.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self
from urllib.parse import SplitResult, urlsplit

from midstream_adapters.base import Backoff, SourceError, explain, supervise
from midstream_adapters.emitter import GuardedEmitter
from midstream_adapters.events import Detections, State, StateChanged, Transcript, VideoFrame
from midstream_adapters.redact import redact
from midstream_adapters.registry import open_source
from midstream_adapters.sanitize import clean_line
from midstream_adapters.speech import lacking, listener
from midstream_adapters.vision import with_detection
from midstream_adapters.vision_onnx import Unusable
from midstream_adapters.vision_onnx import lacking as vision_lacking

from .inbox import Heard, Inbox
from .restream_values import (
    Audio,
    Connected,
    Frame,
    Objects,
    RestreamConfig,
    RestreamStats,
    StreamAnalysis,
    Transcription,
    mask,
)
from .session import Session
from .state import Pattern

if TYPE_CHECKING:
    from midstream_adapters.attach import ModelFactory
    from midstream_analysis.agent import MidStreamAgent

    from .state import StreamState

_SIGNALLING = {"ws": "webrtc+", "wss": "webrtc+", "http": "whep+", "https": "whep+"}
_log = logging.getLogger(__name__)


class RestreamClient(GuardedEmitter):
    """Receives one stream at a time and tells listeners (functions or coroutine functions) of it.

    Events: ``connected(Connected)``, ``disconnected(reason)``, ``frame(Frame)``, ``audio(Audio)``,
    ``transcription(Transcription)`` (final text), ``partial_transcription(Transcription)``,
    ``objects_detected(Objects)``, ``error(Exception)``. A lost stream is connected again by
    itself, with ``disconnected`` and ``connected`` told each time. What a listener raises becomes an ``error``; what a
    listener of ``error`` raises, and errors that nobody listens to, are logged.
    """

    def __init__(
        self,
        config: RestreamConfig | None = None,
        *,
        backoff: Backoff | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("restream", _log, lambda text: mask(text, self.config))
        self.config = config or RestreamConfig()
        self._backoff, self._wall = backoff, wall
        self._inbox: Inbox | None = None
        self._task: asyncio.Task[State] | None = None
        self._stream = ""
        self._emitted, self._due = 0, -math.inf
        self._said: MidStreamAgent | None = None

    # -- life

    async def connect_rtmp(self, timeout: float = 30.0) -> None:
        """Play ``config.rtmp_url``; returns when it is live.

        Raises:
            ValueError: no RTMP address is configured, or a key that can't be joined to it.
            ConnectionError: refused, or not live within `timeout` seconds; the text says why, without the key.
            RuntimeError: there is a connection already.
        """
        url, key = (self.config.rtmp_url or "").strip(), self.config.stream_key
        parts = _parts(url, "rtmp_url", ("rtmp", "rtmps"))
        env = {}
        if key:
            env["MIDSTREAM_STREAM_KEY"] = key
            path = parts.path.strip("/")
            if "/" in path:  # the application's name has parts: the last of them is no key
                if set(key) & set("/#"):
                    raise ValueError("a stream_key with / or # needs an application without /")
                url = parts._replace(path=f"/{path}/{key}").geturl()
        await self._connect(url, timeout, env)

    async def connect_webrtc(self, timeout: float = 30.0) -> None:
        """Play what ``config.webrtc_signaling`` offers; returns when media flows. Raises as `connect_rtmp` does."""
        url, key = (self.config.webrtc_signaling or "").strip(), self.config.api_key
        kinds = (*_SIGNALLING, "webrtc+ws", "webrtc+wss", "whep+http", "whep+https")
        scheme = _parts(url, "webrtc_signaling", kinds).scheme.lower()
        source = _SIGNALLING.get(scheme, "") + url
        if source.lower().startswith("whep+"):
            await self._connect(source, timeout, {"MIDSTREAM_WHEP_TOKEN": key} if key else {})
        else:
            await self._connect(source, timeout, {}, {"Authorization": f"Bearer {key}"} if key else {})

    async def connect_hls(self, url: str, timeout: float = 30.0) -> None:
        """Play the playlist at `url` (``http(s)://``); returns when it is live. Raises as `connect_rtmp` does."""
        url, key = url.strip(), self.config.api_key
        scheme = _parts(url, "url", ("http", "https", "hls+http", "hls+https")).scheme.lower()
        source = url if scheme.startswith("hls+") else f"hls+{url}"
        await self._connect(source, timeout, {"MIDSTREAM_HLS_TOKEN": key} if key else {})

    async def disconnect(self) -> None:
        """Leave the stream; ``disconnected`` is told. What was counted stays. Doing it twice does no harm."""
        task, inbox = self._task, self._inbox
        if task is None or inbox is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        clock = self.config.options.clock
        ended = task.cancelled()  # else it has said itself how it ended
        inbox.close(StateChanged(self._stream, clock(), State.ENDED, "disconnected") if ended else None)
        if self._task is task:
            self._task = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    async def _connect(
        self, source: str, timeout: float, env: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> None:
        if self._task is not None and not self._task.done():
            raise RuntimeError("connected already; disconnect() first")
        if self._inbox is not None:
            self._inbox.close()  # what the connection before still had to say is said first
        given = self.config.options
        named = {name.lower() for name in given.headers}
        more = {name: value for name, value in (headers or {}).items() if name.lower() not in named}
        models = self._models()
        options = replace(
            given,
            env={**given.env, **env},
            headers={**given.headers, **more},
            models=(*given.models, *models),
        )
        if self.config.enable_object_detection:
            try:
                options = with_detection(options, self.config.detector, self.config.detect_rate)
            except Unusable as error:
                raise ValueError(f"detector: {error}") from None
        try:
            adapter = open_source(source, options)[0]
        except SourceError as error:
            raise ConnectionError(mask(explain(error), self.config)) from None
        self._stream = adapter.info.stream
        self._live, self._connected = asyncio.Event(), False
        self._emitted, self._due = 0, -math.inf
        self._inbox = Inbox(
            Session(options.clock, self._wall),
            self._hear,
            lambda: self.busy,
            partial(mask, config=self.config),
        )
        self._task = asyncio.create_task(
            supervise(adapter, self._inbox, options, self._backoff), name=f"restream {self._stream}"
        )
        self._task.add_done_callback(partial(self._broke, self._inbox))
        await self._opening(self._task, self._inbox, self._live, timeout)
        if self.config.enable_transcription and (lack := lacking(self.config.speech_engine)):
            self.emit("error", RuntimeError(f"transcription: {lack}"))
        if self.config.enable_object_detection and (lack := vision_lacking()):
            self.emit("error", RuntimeError(f"object detection: {lack}"))

    def _models(self) -> list[ModelFactory]:
        """What is to listen to the stream. Raises `ValueError` where there is no such engine."""
        self._said = None
        if not self.config.enable_transcription:
            return []
        from midstream_analysis.agent import MidStreamAgent

        self._said = MidStreamAgent()
        return [listener(self.config.speech_engine)]

    async def _opening(
        self, task: asyncio.Task[State], inbox: Inbox, live: asyncio.Event, timeout: float
    ) -> None:
        waiting = asyncio.create_task(live.wait())
        try:
            await asyncio.wait([task, waiting], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            over = task.done()
            if over and inbox.lived:  # if only for a moment: listeners are about to hear of it
                await asyncio.wait([waiting], timeout=timeout)
            if live.is_set():
                return
            reason = self.stats.reason
            await self.disconnect()
            if not over:
                reason = f"not live within {timeout:g} s{': ' if reason else ''}{reason}"
            raise ConnectionError(reason or "the source ended before anything came")
        except asyncio.CancelledError:
            await self.disconnect()
            raise
        finally:
            waiting.cancel()

    def _broke(self, inbox: Inbox, task: asyncio.Task[State]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            reason = f"internal error: {type(error).__name__}: {explain(error)}"
            inbox.emit(StateChanged(self._stream, self.config.options.clock(), State.FAILED, reason))

    # -- what listeners hear

    def _hear(self, event: Heard, number: int) -> None:
        if isinstance(event, StateChanged):
            self.tell_state(event, lambda: self._about(event))
        elif isinstance(event, VideoFrame):
            if self._allowed(event.at):
                self._emitted += 1
                at = self._unix(event.at)
                self.emit("frame", Frame(number, at, event.width, event.height, event.image, event.pts,
                                         event.keyframe))  # fmt: skip
        elif isinstance(event, Transcript):
            if event.final and self._said is not None:
                self._said.process_message(event.text, event.role)
            self.emit("transcription" if event.final else "partial_transcription", Transcription.of(event))
        elif isinstance(event, Detections):
            if event.boxes:
                self.emit("objects_detected", Objects.of(event, self._unix(event.at)))
        else:
            self.emit("audio", Audio(event.sample_rate, event.channels, event.samples, event.rate, event.pts,
                                     event.duration))  # fmt: skip

    def _about(self, event: StateChanged) -> Connected:
        stats = self.stats
        return Connected(stats.source or "", event.reason, stats.reconnects)

    def _allowed(self, at: float) -> bool:
        """Whether the frame that came at `at` may be told: a grid of ``frame_rate``, with a step's slack for jitter."""
        if self.config.frame_rate is None:
            return True
        if at < self._due:
            return False
        step = 1.0 / self.config.frame_rate
        self._due = max(self._due + step, at - step) if self._due > -math.inf else at + step
        return True

    def _unix(self, at: float) -> float:
        return self._wall() - (self.config.options.clock() - at)

    # -- what is known

    @property
    def connected(self) -> bool:
        """Whether the stream is live now."""
        return self._connected

    @property
    def analysis(self) -> StreamAnalysis:
        """A frozen snapshot of what was measured, from any thread."""
        state = self._state()
        if state is None:
            return StreamAnalysis()
        known = state.width is not None and state.height is not None
        wanted = self.config.resolution
        return StreamAnalysis(
            frame_count=state.video_frames,
            frames_emitted=self._emitted,
            audio_chunks=state.audio_chunks,
            fps=state.fps,
            patterns=() if self._said is None else _patterns(self._said),
            bitrate=None if state.bytes_per_s is None else round(state.bytes_per_s * 8 / 1000, 3),
            duration_s=max(state.media_s.values(), default=None),
            width=state.width,
            height=state.height,
            resolution_matches=f"{state.width}x{state.height}" == wanted if wanted and known else None,
            sample_rate=state.sample_rate,
            channels=state.channels,
            dropped=sum(state.drops.values()),
        )

    @property
    def stats(self) -> RestreamStats:
        """A frozen snapshot of the connection, from any thread."""
        state = self._state()
        if state is None:
            return RestreamStats()
        return RestreamStats(
            state.state, mask(state.source, self.config), state.reason, state.reconnects, state.bytes,
            state.drops, state.figures, state.started, state.last_data,
        )  # fmt: skip

    def _state(self) -> StreamState | None:
        return None if self._inbox is None else self._inbox.read(self._stream)


def _patterns(said: MidStreamAgent) -> tuple[Pattern, ...]:
    hits = said.analyze_conversation().patterns
    return tuple(Pattern(hit.label, round(hit.confidence, 4), hit.count) for hit in hits)


def _parts(url: str, name: str, schemes: tuple[str, ...]) -> SplitResult:
    """Take `url` apart. Raises `ValueError` where it is missing or of another scheme."""
    if not url:
        raise ValueError(f"no {name} is configured")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"{name} is no address: {redact(url)} ({error})") from None
    if parts.scheme.lower() not in schemes or "://" not in url:
        raise ValueError(f"{name} must begin with one of {', '.join(schemes)}: {clean_line(redact(url))}")
    return parts
