"""The fold: `Session.apply(event)` counts one event and says which areas of the screen it changed.

Pure but for its own memory: no terminal, no I/O, no clock but the injected one. Replay is the same fold over a file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import Enum, auto

from midstream_adapters.events import (
    AudioChunk,
    BytesReceived,
    Detections,
    Dropped,
    Event,
    Figures,
    Impairment,
    Kind,
    Provenance,
    SpeechActivity,
    State,
    StateChanged,
    StreamOpened,
    TextChunk,
    TurnEnded,
    TurnStarted,
    VideoFrame,
)
from midstream_adapters.events import (
    Transcript as Heard,
)
from midstream_analysis.report import AnalysisReport, PatternHit, SeriesReport

from .alerts import Alerts
from .metrics import RecentHistogram, WindowedRate
from .snapshot import snapshot
from .state import DashboardState
from .tally import Tally
from .transcript import Message, Transcript
from .turns import Objectives

MOST_STREAMS = 256
SAMPLE_EVERY = 0.25
ENOUGH = 64
"""Samples below which `classify` says unknown."""
OBSERVABLES = ("reward", "token rate", "interval", "motion", "luma", "level", "frame interval")
"""What is analysed, the most telling first."""


class Area(Enum):
    """Parts of the screen, one a panel."""

    METRICS = auto()
    TEMPORAL = auto()
    PATTERNS = auto()
    STATUS = auto()
    STREAMS = auto()
    MESSAGES = auto()


_LIFE = frozenset({Area.METRICS, Area.STATUS, Area.STREAMS})
_TEXT = frozenset({Area.METRICS, Area.STREAMS, Area.STATUS, Area.MESSAGES, Area.TEMPORAL})
_MEDIA = frozenset({Area.METRICS, Area.STREAMS, Area.STATUS, Area.TEMPORAL})
_REPORT = frozenset({Area.TEMPORAL, Area.PATTERNS, Area.MESSAGES})
_NOTHING: frozenset[Area] = frozenset()


class Session:
    """Everything the dashboard knows. One thread at a time; whoever shares it holds a lock."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        on_message: Callable[[Message], None] | None = None,
        on_piece: Callable[[Message, str], None] | None = None,
        objectives: Objectives | None = None,
    ) -> None:
        self.clock = clock
        self.objectives = objectives or Objectives()
        self._wall = wall
        self.started = clock()
        self.streams: dict[str, Tally] = {}
        self.transcript = Transcript()
        self.report: AnalysisReport | None = None
        self.processing = RecentHistogram()
        self.token_rate = WindowedRate()
        self.tokens = 0
        self.dropped = 0
        self._closed: dict[str, None] = {}
        self.refused = 0
        """Events of streams beyond the bound on their number: counted and shown, not filed."""
        self.alerts: Alerts | None = None
        """Who watches the figures, where somebody does."""
        self.selected: str | None = None
        self.observable: str | None = None
        """What the user chose to look at, of the selected stream; None leaves it to `focus`."""
        self.events = 0
        self._on_message, self._on_piece = on_message, on_piece
        self._sampled = self.started
        self._fold: dict[type[Event], Callable[..., frozenset[Area]]] = {
            StreamOpened: self._opened,
            StateChanged: self._changed,
            TextChunk: self._text,
            TurnStarted: self._turn_started,
            TurnEnded: self._turn_ended,
            AudioChunk: self._audio,
            VideoFrame: self._video,
            BytesReceived: self._bytes,
            Dropped: self._drops,
            Figures: self._figures,
            Impairment: self._impaired,
            Heard: self._heard,
            SpeechActivity: self._spoke,
            Detections: self._seen,
        }

    # -- the fold

    def apply(self, event: Event, now: float | None = None) -> frozenset[Area]:
        """Fold one event in; return the areas it changed. ``now`` saves a reading of the clock in a batch."""
        self.events += 1
        tally = self.streams.get(event.stream)
        if tally is None:
            if event.stream in self._closed:
                if not isinstance(event, StreamOpened):
                    return _NOTHING  # it was still under way when its source was closed
                del self._closed[event.stream]
            if len(self.streams) >= MOST_STREAMS:
                self.refused += 1
                return _LIFE
            tally = self._add(event)
        return self._fold[type(event)](tally, event, self.clock() if now is None else now)

    def apply_all(self, events: Iterable[Event]) -> frozenset[Area]:
        """Fold a batch in; return all areas it changed."""
        now = self.clock()
        areas: frozenset[Area] = _NOTHING
        for event in events:
            areas |= self.apply(event, now)
        return areas

    def take(self, report: AnalysisReport) -> frozenset[Area]:
        """Take the engine's newest word."""
        before, self.report = self.report, report
        for stream, said in report.conversations.items():
            if before is None or before.conversations.get(stream) is not said:
                self.transcript.note(said.said)
        return _REPORT

    def tick(self, now: float) -> None:
        """Sample what is a rate, every quarter of a second, so that it becomes a series of even steps."""
        if now - self._sampled < SAMPLE_EVERY:
            return
        # Even steps: the series' dt must be true, so a late tick does not move the grid.
        self._sampled = max(self._sampled + SAMPLE_EVERY, now - SAMPLE_EVERY)
        for tally in self.streams.values():
            if tally.tokens and tally.active(Kind.TEXT, now):
                rate = tally.token_rate.rate(now)
                if rate is not None:
                    tally.sample("token rate", "s", rate, SAMPLE_EVERY)

    def forget(self, stream: str, *, closed: bool = False) -> None:
        """Remove a stream and its history; its messages stay.

        `closed`: its source was ended, so that what still comes of it is late and not a new stream.
        """
        if self.streams.pop(stream, None) is not None and closed:
            self._closed[stream] = None
            if len(self._closed) > MOST_STREAMS:
                del self._closed[next(iter(self._closed))]
        self.transcript.close(stream)
        if self.selected == stream:
            self.selected = None

    def _add(self, event: Event) -> Tally:
        if isinstance(event, StreamOpened):
            tally = Tally(event.stream, event.at, event.source, event.provenance, self.objectives)
        else:  # pushed in by a library caller without a source of its own
            tally = Tally(event.stream, event.at, event.stream, Provenance.LIVE, self.objectives)
            tally.said = State.LIVE
        self.streams[event.stream] = tally
        return tally

    def _opened(self, tally: Tally, event: StreamOpened, now: float) -> frozenset[Area]:
        tally.source, tally.provenance = event.source, event.provenance
        tally.kinds |= event.kinds
        return _LIFE

    def _changed(self, tally: Tally, event: StateChanged, now: float) -> frozenset[Area]:
        tally.change(event)
        if event.state in (State.ENDED, State.FAILED, State.RECONNECTING):
            self._close(tally.stream)
        return _LIFE | _TEXT

    def _processed(self, tally: Tally, at: float, now: float) -> None:
        """What arrived `at` is folded `now`."""
        self.processing.add(now, now - at)
        tally.processing.add(now, now - at)

    def _text(self, tally: Tally, chunk: TextChunk, now: float) -> frozenset[Area]:
        self._processed(tally, chunk.at, now)
        tokens, guess = tally.text(chunk)
        self.tokens += tokens
        if not chunk.sent:
            self.token_rate.add(chunk.at, tokens)
        if not chunk.text and chunk.turn is None:
            return _TEXT
        message, begun = self.transcript.add(chunk)
        message.tokens += tokens
        message.tokens_estimated |= guess
        tally.messages += begun
        if message.open:
            if self._on_piece is not None:
                self._on_piece(message, chunk.text)
        elif self._on_message is not None:
            self._on_message(message)
        return _TEXT

    def _turn_started(self, tally: Tally, event: TurnStarted, now: float) -> frozenset[Area]:
        tally.turn_started(event)
        return _LIFE

    def _turn_ended(self, tally: Tally, event: TurnEnded, now: float) -> frozenset[Area]:
        self.tokens += tally.turn_ended(event)
        self._close(tally.stream, event.turn)
        if event.error:
            tally.reason = event.error
        return _TEXT

    def _close(self, stream: str, turn: str | None = None) -> None:
        for message in self.transcript.close(stream, turn):
            if self._on_message is not None:
                self._on_message(message)

    def _audio(self, tally: Tally, chunk: AudioChunk, now: float) -> frozenset[Area]:
        self._processed(tally, chunk.at, now)
        tally.hear(chunk)
        return _MEDIA

    def _video(self, tally: Tally, frame: VideoFrame, now: float) -> frozenset[Area]:
        self._processed(tally, frame.at, now)
        tally.see(frame)
        return _MEDIA

    def _bytes(self, tally: Tally, event: BytesReceived, now: float) -> frozenset[Area]:
        track = tally.track(event.kind)
        track.bytes += event.nbytes
        track.flow.add(event.at, event.nbytes)
        return _LIFE

    def _drops(self, tally: Tally, event: Dropped, now: float) -> frozenset[Area]:
        tally.drops[event.where] = tally.drops.get(event.where, 0) + event.count
        self.dropped += event.count
        return _LIFE

    def _figures(self, tally: Tally, event: Figures, now: float) -> frozenset[Area]:
        tally.tell(event.values)
        return _LIFE

    def _impaired(self, tally: Tally, event: Impairment, now: float) -> frozenset[Area]:
        tally.impairments.take(event)
        return _LIFE

    def _heard(self, tally: Tally, heard: Heard, now: float) -> frozenset[Area]:
        message, begun = self.transcript.hear(heard)
        tally.listen(heard)
        tally.messages += begun
        if heard.final and self._on_message is not None:
            self._on_message(message)
        return _TEXT

    def _spoke(self, tally: Tally, event: SpeechActivity, now: float) -> frozenset[Area]:
        if event.role in tally.speaking or len(tally.speaking) < 8:
            tally.speaking[event.role] = event.speaking
        return _LIFE

    def _seen(self, tally: Tally, event: Detections, now: float) -> frozenset[Area]:
        tally.recognise(event)
        return _LIFE

    # -- what it says

    def wall(self, at: float) -> datetime:
        """Wall time of a monotonic time, for display and export."""
        return datetime.fromtimestamp(self._wall() - (self.clock() - at), UTC)

    @property
    def tokens_estimated(self) -> bool:
        return any(tally.guessed > 0 for tally in self.streams.values())

    def fps(self, now: float) -> float | None:
        """Frames a second of all video streams that are not over."""
        rates = [
            rate
            for tally in self.streams.values()
            if not tally.over
            and (track := tally.tracks.get(Kind.VIDEO))
            and (rate := track.rate(now, False)) is not None
        ]
        return sum(rates) if rates else None

    def average_reward(self) -> float | None:
        """Mean over all rewards of all streams."""
        rewards = sum(tally.rewards for tally in self.streams.values())
        return sum(tally.reward_sum for tally in self.streams.values()) / rewards if rewards else None

    def focus(self) -> tuple[Tally, str | None] | None:
        """The stream that the analysis panels show, and its most telling observable, if it has one.

        The selected stream, else any; an observable with enough samples for a verdict goes first, then the order of
        `OBSERVABLES`.
        """
        chosen = self.streams.get(self.selected) if self.selected else None
        tallies = [chosen] if chosen is not None else list(self.streams.values())
        if chosen is not None and self.observable in chosen.series:
            return chosen, self.observable
        for least in (ENOUGH, 1):
            for observable in OBSERVABLES:
                for tally in tallies:
                    series = tally.series.get(observable)
                    if series is not None and len(series.samples) >= least:
                        return tally, observable
        return (tallies[0], None) if tallies else None

    def next_observable(self) -> None:
        """Look at the next observable of the focused stream."""
        focus = self.focus()
        if focus is None or (shown := focus[1]) is None:
            return
        tally = focus[0]
        names = [name for name in OBSERVABLES if name in tally.series]
        self.selected, self.observable = tally.stream, names[(names.index(shown) + 1) % len(names)]

    def verdict(self) -> SeriesReport | None:
        """The engine's newest word on what `focus` names."""
        focus = self.focus()
        if focus is None or focus[1] is None or self.report is None:
            return None
        return self.report.series.get((focus[0].stream, focus[1]))

    def moves(self) -> tuple[PatternHit, ...]:
        """Moves detected in the focused stream, else in the first stream with any."""
        if self.report is None:
            return ()
        focus = self.focus()
        if focus is not None and (report := self.report.conversations.get(focus[0].stream)) is not None:
            return report.moves
        return next((report.moves for report in self.report.conversations.values() if report.moves), ())

    def state(self, now: float | None = None) -> DashboardState:
        """A frozen snapshot of everything, JSON-ready."""
        return snapshot(self, self.clock() if now is None else now)
