"""What is counted of one stream: O(1) for every event, bounded whatever comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from midstream_adapters.events import (
    AudioChunk,
    Detections,
    Impairment,
    Kind,
    Provenance,
    State,
    StateChanged,
    TextChunk,
    Transcript,
    TurnEnded,
    TurnStarted,
    VideoFrame,
)

from .impairments import Impairments
from .metrics import RecentHistogram, WindowedRate
from .sound import SoundRing
from .turns import Objectives, TurnLog

KEEP_MEDIA = 100
SERIES = 1000
MOST_FIGURES = 64
FLOWING = 0.5
"""Seconds after the last item for which a track counts as flowing."""
STALL_FLOOR = {Kind.TEXT: 10.0, Kind.AUDIO: 2.0, Kind.VIDEO: 2.0}


@dataclass(slots=True)
class Track:
    """One kind of one stream: how much came, how fast, how regularly."""

    count: int = 0
    bytes: int = 0
    first: float | None = None
    last: float | None = None
    seconds: float = 0.0
    items: WindowedRate = field(default_factory=WindowedRate)
    flow: WindowedRate = field(default_factory=WindowedRate)
    gaps: RecentHistogram = field(default_factory=RecentHistogram)
    gap: float = 0.0
    """Moving mean of the seconds between two items."""

    def add(self, at: float, nbytes: int, paused: bool = False) -> float | None:
        """Count one item; return the time since the one before, unless the source had `paused` between the two."""
        self.count += 1
        self.bytes += nbytes
        self.items.add(at)
        if nbytes:
            self.flow.add(at, nbytes)
        last, self.last = self.last, at
        if last is None:
            self.first = at
            return None
        if paused:
            return None
        gap = at - last
        self.gap += 0.1 * (gap - self.gap)
        self.gaps.add(at, gap)
        return gap

    def rate(self, now: float, over: bool) -> float | None:
        """Items a second: over the last 3 s, or over the whole life of a stream that is over."""
        return self._life(self.count - 1) if over else self.items.rate(self._until(now))

    def speed(self, now: float, over: bool) -> float | None:
        """Bytes a second, likewise."""
        return self._life(self.bytes) if over else self.flow.rate(self._until(now))

    def _until(self, now: float) -> float:
        """The end of the time of which all is known: what is still in the decoder or the queue is not missing.

        Half of the time between two items after the last: a window that ends with an item would count one too many.
        """
        if self.last is None or now - self.last >= FLOWING:
            return now
        return min(now, self.last + self.gap / 2)

    def _life(self, amount: float) -> float | None:
        if self.first is None or self.last is None or self.last - self.first < 0.05:
            return None
        return amount / (self.last - self.first)


class Series:
    """Recent samples of one observable, each `dt` `unit` after the other (a chunk, a frame, a message, s)."""

    __slots__ = ("dt", "samples", "total", "unit")

    def __init__(self, unit: str, dt: float = 1.0, capacity: int = SERIES) -> None:
        self.unit = unit
        self.dt = dt
        self.samples: deque[float] = deque(maxlen=capacity)
        self.total = 0

    def append(self, value: float) -> None:
        self.samples.append(value)
        self.total += 1


def guess_tokens(chunk: TextChunk) -> int:
    """Tokens of a chunk whose source told none: a piece of a turn is about one token, other text four letters each."""
    if not chunk.text:
        return 0
    return 1 if chunk.turn is not None else max(1, (len(chunk.text) + 2) // 4)


class Tally:
    """Counters of one stream."""

    def __init__(
        self,
        stream: str,
        at: float,
        source: str,
        provenance: Provenance,
        objectives: Objectives | None = None,
    ) -> None:
        self.stream = stream
        self.source = source
        self.provenance = provenance
        self.opened = at
        self.said = State.CONNECTING
        self.reason = ""
        self.retry_at: float | None = None
        self.reconnects = 0
        self.kinds: set[Kind] = set()
        self.tracks: dict[Kind, Track] = {}
        self.drops: dict[str, int] = {}
        self.processing = RecentHistogram()
        """Seconds from arrival to fold."""
        self.frames: deque[VideoFrame] = deque(maxlen=KEEP_MEDIA)
        self.audio: deque[AudioChunk] = deque(maxlen=KEEP_MEDIA)
        self.sound = SoundRing()
        self.tokens = 0
        self.guessed = 0
        self.token_rate = WindowedRate()
        self.messages = 0
        self.turns = 0
        self.log = TurnLog(stream, objectives)
        self.prompt_guess = 0
        self.rewards = 0
        self.reward_sum = 0.0
        self.series: dict[str, Series] = {}
        self.figures: dict[str, float | str] = {}
        self.impairments = Impairments()
        self.speaking: dict[str, bool] = {}
        self.heard: deque[Transcript] = deque(maxlen=KEEP_MEDIA)
        """The last transcripts, one a segment: the newest word on it."""
        self.detections: Detections | None = None
        self.seen: dict[str, int] = {}
        """Detections per label since the stream was opened, one a picture and object."""
        self.looks = 0
        """Pictures that a detector has looked at, and the seconds between the last two."""
        self.look_every = 0.0

    # -- lifecycle

    def change(self, event: StateChanged) -> None:
        if event.state is State.RECONNECTING:
            self.reconnects += 1
        if event.state is not State.CONNECTING or event.reason:
            self.reason = event.reason
        self.said = event.state
        self.retry_at = None if event.retry_in is None else event.at + event.retry_in
        if event.state in (State.ENDED, State.FAILED, State.RECONNECTING):
            self.log.end_all(event.at, event.reason or f"the stream {event.state}")

    @property
    def over(self) -> bool:
        return self.said in (State.ENDED, State.FAILED)

    @property
    def last_data(self) -> float | None:
        times = [track.last for track in self.tracks.values() if track.last is not None]
        return max(times, default=None)

    def state(self, now: float) -> State:
        """The state to show: a live stream that has gone silent for longer than it does is stalled."""
        if self.said is not State.LIVE:
            return self.said
        for kind, track in self.tracks.items():
            if track.last is None:
                continue
            silent = now - track.last
            if kind is Kind.TEXT and self.turns and not self.log.open:
                return State.LIVE  # nothing was asked, so nothing is owed
            if silent <= (self.log.patience(STALL_FLOOR[kind]) if self.log.open else STALL_FLOOR[kind]):
                return State.LIVE
            if silent <= 3 * (track.gaps.read(now).quantile(0.5) or 0.0):
                return State.LIVE
        # Bytes alone (a keep-alive, a refused message) promise nothing that could fail to come.
        return State.STALLED if self.last_data is not None else State.LIVE

    def active(self, kind: Kind, now: float) -> bool:
        """Whether data of `kind` is flowing now."""
        track = self.tracks.get(kind)
        return (
            self.said is State.LIVE
            and track is not None
            and track.last is not None
            and now - track.last < 2.0
        )

    # -- data

    def track(self, kind: Kind) -> Track:
        track = self.tracks.get(kind)
        if track is None:
            track = self.tracks[kind] = Track()
            self.kinds.add(kind)
        return track

    def sample(self, name: str, unit: str, value: float, dt: float = 1.0) -> None:
        series = self.series.get(name)
        if series is None:
            series = self.series[name] = Series(unit, dt)
        series.append(value)

    def text(self, chunk: TextChunk) -> tuple[int, bool]:
        """Count a chunk of text; return its tokens and whether they are a guess."""
        tokens = chunk.tokens
        guess = tokens is None
        if tokens is None:
            tokens = guess_tokens(chunk)
            self.guessed += tokens
        self.tokens += tokens
        if not chunk.sent:
            self.token_rate.add(chunk.at, tokens)
        turn, begins = self.log.chunk(chunk, tokens, guess)
        # The pause before an answer is TTFT and that before a question is the asker's: no gaps between chunks.
        paused = begins or (self.turns > 0 and turn is None)
        gap = None
        if not chunk.sent:
            gap = self.track(Kind.TEXT).add(chunk.at, chunk.nbytes or len(chunk.text), paused)
        if turn is None and guess and chunk.turn is None and chunk.role in ("user", "system"):
            self.prompt_guess += tokens
        if gap is not None:
            self.sample("interval", "chunk", gap)
        if chunk.reward is not None:
            self.rewards += 1
            self.reward_sum += chunk.reward
            self.sample("reward", "message", chunk.reward)
        return tokens, guess

    def turn_started(self, event: TurnStarted) -> None:
        self.turns += 1
        self.log.start(event)
        self.log.open[event.turn].prompt_guess, self.prompt_guess = self.prompt_guess, 0

    def turn_ended(self, event: TurnEnded) -> int:
        """Close a turn; return by how much the provider's own count corrects the tokens counted so far."""
        spoken = self.log.open.get(event.turn)
        if event.usage is not None and not event.usage.completion and spoken is not None and spoken.tokens:
            # A server that fills in zeros has not counted: the estimate holds.
            event = replace(event, usage=None)
        turn = self.log.end(event)
        if turn is None:
            return 0
        correction = 0
        if event.usage is not None:
            correction = event.usage.completion - turn.tokens
            self.guessed -= turn.guessed
            asked = turn.prompt_guess
            if turn.started is None:  # nobody saw its request: what was said last is taken for its prompt
                asked, self.prompt_guess = self.prompt_guess, 0
            if asked:
                correction += event.usage.prompt - asked
                self.guessed -= asked
            self.tokens += correction
        return correction

    def tell(self, values: Mapping[str, float | str]) -> None:
        """Take what the source says of itself; at most `MOST_FIGURES` names. An empty text takes one back."""
        for name, value in values.items():
            if value == "":
                self.figures.pop(name, None)
            elif name in self.figures or len(self.figures) < MOST_FIGURES:
                self.figures[name] = value

    def hear(self, chunk: AudioChunk) -> None:
        track = self.track(Kind.AUDIO)
        track.add(chunk.at, chunk.nbytes)
        track.seconds += chunk.duration
        self.audio.append(chunk)
        self.sound.add(chunk.samples, chunk.rate)
        if chunk.rms is not None:
            self.sample("level", "chunk", chunk.rms)

    def see(self, frame: VideoFrame) -> None:
        track = self.track(Kind.VIDEO)
        gap = track.add(frame.at, frame.nbytes)
        if frame.pts is not None and self.frames and self.frames[-1].pts is not None:
            track.seconds += max(0.0, frame.pts - self.frames[-1].pts)
        self.frames.append(frame)
        if frame.luma is not None:
            self.sample("luma", "frame", frame.luma)
        if frame.motion is not None:
            self.sample("motion", "frame", frame.motion)
        if gap is not None:
            self.sample("frame interval", "frame", gap)

    def listen(self, heard: Transcript) -> None:
        """Take a transcript in the place of the one before of its segment."""
        for n in range(len(self.heard) - 1, max(-1, len(self.heard) - 9), -1):
            old = self.heard[n]
            if not old.final and (old.segment, old.role) == (heard.segment, heard.role):
                self.heard[n] = heard
                return
        self.heard.append(heard)

    def recognise(self, event: Detections) -> None:
        """Take what a detector saw in a picture; at most `MOST_FIGURES` labels are counted."""
        if self.detections is not None:
            self.look_every = event.at - self.detections.at
        self.looks += 1
        self.detections = event
        for box in event.boxes:
            if box.label in self.seen or len(self.seen) < MOST_FIGURES:
                self.seen[box.label] = self.seen.get(box.label, 0) + 1

    def lasted(self, event: Impairment, now: float) -> float:
        """Seconds of media for which an impairment that is not over has lasted; where no media comes, seconds."""
        if isinstance(stalled := event.figures.get("stalled_s"), int | float):
            return stalled + max(0.0, now - event.at)
        media = self.frames if event.kind is Kind.VIDEO else self.audio
        pts = media[-1].pts if media else None
        return max(0.0, pts - event.began) if pts is not None else max(0.0, now - event.at)

    @property
    def average_reward(self) -> float | None:
        return self.reward_sum / self.rewards if self.rewards else None
