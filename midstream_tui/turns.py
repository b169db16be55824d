"""One request and its answer: what the wire said of it, and the log of the last ones of a stream.

Definitions (vLLM's and those of OpenTelemetry's GenAI conventions where they have one; only non-empty chunks count, all
times are monotonic seconds of one clock, t0 is when the request was written):
TTFT = first chunk - t0; TTFAT = first chunk that is no reasoning - t0; thinking = TTFAT - TTFT;
ICL = time between two chunks; ITL = (last - first chunk) / (output tokens - 1); E2E = end - t0.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from midstream_adapters.events import TextChunk, TurnEnded, TurnStarted, Usage
from midstream_adapters.redact import redact

from .metrics import Histogram, WindowedRate

KEEP = 100
"""Finished turns that a stream's log holds."""
MOST_OPEN = 256
TIMES = 512
"""Chunk times that a record holds; of a longer answer every second, fourth, ... chunk's."""
PROMPT = 200
"""Characters of a prompt's start that a record holds."""
STALL = 2.0
"""Seconds without a chunk that are a stall at least; it takes three times the median ICL where that is more."""
GOODPUT_WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Objectives:
    """What a good answer keeps, in seconds; the defaults are those usual for chat."""

    ttft: float = 0.2
    itl: float = 0.05

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Objectives:
        """From ``MIDSTREAM_TTFT_MS`` and ``MIDSTREAM_ITL_MS`` (milliseconds) where they are set.

        Raises:
            ValueError: one of them is no number above zero; the text says which.
        """
        found = {"ttft": cls().ttft, "itl": cls().itl}
        for name in found:
            variable = f"MIDSTREAM_{name.upper()}_MS"
            if text := env.get(variable, "").strip():
                try:
                    value = float(text)
                except ValueError:
                    value = math.nan
                if not 0 < value < math.inf:
                    raise ValueError(f"{variable} is a number of milliseconds above zero, not {text[:40]!r}")
                found[name] = value / 1000.0
        return cls(**found)


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A turn as far as it is known: ``ended`` is None while it lasts. Times are monotonic seconds, None when unknown.

    ``tokens`` are of the answer, reasoning included: the provider's count, else a tokenizer's, else (``estimated``)
    a guess. ``times`` are those of the chunks, or of every ``every``-th where there were more than `TIMES`; ``prompt``
    is the start of the prompt, redacted.
    """

    stream: str
    turn: str
    model: str | None = None
    prompt: str = ""
    started: float | None = None
    first: float | None = None
    first_answer: float | None = None
    last: float | None = None
    ended: float | None = None
    chunks: int = 0
    times: tuple[float, ...] = ()
    every: int = 1
    tokens: int = 0
    estimated: bool = False
    usage: Usage | None = None
    finish_reason: str | None = None
    error: str | None = None
    icl_p50: float | None = None
    icl_p90: float | None = None
    icl_p99: float | None = None
    icl_max: float | None = None
    stalls: int = 0
    stalled: float = 0.0
    """Seconds that the stalls took together."""

    @property
    def ttft(self) -> float | None:
        return _between(self.started, self.first)

    @property
    def ttfat(self) -> float | None:
        return _between(self.started, self.first_answer)

    @property
    def thinking(self) -> float | None:
        """Seconds from the first chunk to the first of the answer; None without an answer."""
        return _between(self.first, self.first_answer)

    @property
    def e2e(self) -> float | None:
        return _between(self.started, self.ended)

    @property
    def itl(self) -> float | None:
        """(last - first chunk) / (tokens - 1): vLLM's TPOT; None of fewer than two tokens or of one chunk.

        The tokens of spoken answers are of text and of sound; the chunks are of text, so only the former count.
        """
        span = _between(self.first, self.last)
        sound = (self.usage.completion_audio or 0) if self.usage is not None else 0
        return span / (self.tokens - sound - 1) if span and self.tokens - sound > 1 else None

    @property
    def user_rate(self) -> float | None:
        """Tokens/s as the user reads them: 1 / ITL."""
        return 1.0 / self.itl if self.itl else None

    @property
    def request_rate(self) -> float | None:
        """Tokens/s of the request: output tokens / E2E."""
        return self.tokens / self.e2e if self.e2e and self.tokens else None

    def good(self, objectives: Objectives) -> bool | None:
        """Whether a finished turn kept the objectives; None where TTFT is unknown. An unknown ITL breaks none."""
        if self.error is not None:
            return False
        if self.ended is None or self.ttft is None:
            return None
        return self.ttft <= objectives.ttft and (self.itl is None or self.itl <= objectives.itl)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)


@dataclass(slots=True)
class OpenTurn:
    """A turn in flight."""

    stream: str
    turn: str
    model: str | None = None
    prompt: str = ""
    started: float | None = None
    first: float | None = None
    first_answer: float | None = None
    last: float | None = None
    chunks: int = 0
    times: list[float] = field(default_factory=list)
    every: int = 1
    tokens: int = 0
    guessed: int = 0
    prompt_guess: int = 0
    """Tokens guessed of what was asked, until the provider tells their number."""
    gaps: Histogram = field(default_factory=Histogram)
    stalls: int = 0
    stalled: float = 0.0

    def stall(self, now: float) -> float:
        """Seconds without a chunk, up to `now`, where they are a stall by now; else zero."""
        gap = now - self.last if self.last is not None else 0.0
        return gap if gap >= STALL and gap >= 3.0 * (self.gaps.quantile(0.5) or 0.0) else 0.0

    def add(self, chunk: TextChunk, tokens: int, guess: bool) -> None:
        """Count a chunk that is not empty."""
        self.tokens += tokens
        self.guessed += tokens if guess else 0
        if self.first is None:
            self.first = chunk.at
        if self.first_answer is None and not chunk.reasoning:
            self.first_answer = chunk.at
        if self.last is not None:
            if stall := self.stall(chunk.at):
                self.stalls += 1
                self.stalled += stall
            self.gaps.add(max(0.0, chunk.at - self.last))
        self.last = chunk.at
        if self.chunks % self.every == 0:
            if len(self.times) >= TIMES:
                self.times, self.every = self.times[::2], 2 * self.every
            if self.chunks % self.every == 0:
                self.times.append(chunk.at)
        self.chunks += 1

    def record(self, now: float, ended: TurnEnded | None = None) -> TurnRecord:
        """What is known at `now`, or at the end, the stall that lasts until then counted.

        The provider's count of tokens replaces what was counted.
        """
        stall = self.stall(now)
        usage = ended.usage if ended is not None else None
        return TurnRecord(
            self.stream,
            self.turn,
            self.model,
            self.prompt,
            self.started,
            self.first,
            self.first_answer,
            self.last,
            ended.at if ended is not None else None,
            self.chunks,
            tuple(self.times),
            self.every,
            usage.completion if usage is not None else self.tokens,
            usage is None and self.guessed > 0,
            usage,
            ended.finish_reason if ended is not None else None,
            ended.error if ended is not None else None,
            self.gaps.quantile(0.5),
            self.gaps.quantile(0.9),
            self.gaps.quantile(0.99),
            self.gaps.greatest if self.gaps.count else None,
            self.stalls + (stall > 0.0),
            self.stalled + stall,
        )


class TurnLog:
    """The turns of one stream: those in flight, the last `KEEP` that are over, and what all of them add up to.

    ``ttft`` and its kind are histograms of seconds over all turns; ``icl`` is over all chunks; ``request_rate`` is a
    histogram of tokens/s.
    """

    def __init__(self, stream: str, objectives: Objectives | None = None) -> None:
        self.stream = stream
        self.objectives = objectives or Objectives()
        self.open: OrderedDict[str, OpenTurn] = OrderedDict()
        self.done: deque[TurnRecord] = deque(maxlen=KEEP)
        self.ttft, self.ttfat, self.thinking = Histogram(), Histogram(), Histogram()
        self.itl, self.icl, self.e2e = Histogram(), Histogram(), Histogram()
        self.request_rate = Histogram()
        self.ttft_last: float | None = None
        self.errors = 0
        self.stalls = 0
        """Those that are over; `stalls_by` knows the others too."""
        self.completed = 0
        """Turns that ended well."""
        self.good = 0
        """Of those, the ones that kept the objectives."""
        self._goodput = WindowedRate(GOODPUT_WINDOW, 60)

    def start(self, event: TurnStarted) -> None:
        """A request was written; one of the same name that is still open is over."""
        if event.turn in self.open:
            self.end(TurnEnded(event.stream, event.at, event.turn, error="asked again before it ended"))
        prompt = redact(event.prompt[: 4 * PROMPT])[:PROMPT] if event.prompt else ""
        self._open(OpenTurn(event.stream, event.turn, event.model, prompt, event.at))
        self._goodput.add(event.at, 0.0)

    def chunk(self, chunk: TextChunk, tokens: int, guess: bool) -> tuple[OpenTurn | None, bool]:
        """Count a piece of a turn; return the turn and whether this is its first piece.

        An answer whose request nobody saw is a turn without a start.
        """
        if chunk.turn is None or not chunk.text:
            return None, False
        turn = self.open.get(chunk.turn)
        if turn is None:
            if chunk.final or chunk.role not in ("assistant", "tool"):
                return None, False
            turn = OpenTurn(chunk.stream, chunk.turn)
            self._open(turn)
        begins = turn.first is None
        before, stalls = turn.last, turn.stalls
        turn.add(chunk, tokens, guess)
        self.stalls += turn.stalls - stalls
        if before is not None:
            self.icl.add(chunk.at - before)
        elif turn.started is not None:
            self.ttft_last = chunk.at - turn.started
            self.ttft.add(self.ttft_last)
        return turn, begins

    def end(self, event: TurnEnded) -> OpenTurn | None:
        """The answer is complete or broke off; return its turn, if it is known."""
        turn = self.open.pop(event.turn, None)
        if turn is None:
            return None
        record = turn.record(event.at, event)
        self.stalls += record.stalls - turn.stalls
        self.done.append(record)
        for histogram, value in (
            (self.ttfat, record.ttfat),
            (self.thinking, record.thinking),
            (self.itl, record.itl),
        ):
            if value is not None:
                histogram.add(value)
        if record.error is not None:
            self.errors += 1
            return turn
        self.completed += 1
        if record.e2e is not None:
            self.e2e.add(record.e2e)
        if record.request_rate is not None:
            self.request_rate.add(record.request_rate)
        if record.good(self.objectives):
            self.good += 1
            self._goodput.add(event.at)
        return turn

    def end_all(self, at: float, error: str) -> None:
        """The stream is over or was lost, and with it every answer in flight."""
        for name in list(self.open):
            self.end(TurnEnded(self.stream, at, name, error=error))

    def patience(self, floor: float) -> float:
        """Seconds without a chunk that are no stall while turns are open; one that waits for its first has more."""
        if any(turn.first is not None for turn in self.open.values()):
            return STALL
        return max(floor, 3.0 * (self.ttft.quantile(0.5) or 0.0))

    def goodput(self, now: float) -> float | None:
        """Turns a second that kept the objectives, over the last minute; None before any was asked."""
        return self._goodput.rate(now)

    def stalls_by(self, now: float) -> int:
        """Stalls of all turns, those that still last at `now` counted."""
        return self.stalls + sum(turn.stall(now) > 0.0 for turn in self.open.values())

    def records(self, now: float) -> tuple[TurnRecord, ...]:
        """All that is held, oldest first, those in flight last, as they are at `now`."""
        return (*self.done, *(turn.record(now) for turn in self.open.values()))

    def _open(self, turn: OpenTurn) -> None:
        self.open[turn.turn] = turn
        if len(self.open) > MOST_OPEN:
            name, lost = next(iter(self.open.items()))
            at = lost.last or lost.started or 0.0
            self.end(TurnEnded(self.stream, at, name, error="no longer followed: too many turns are open"))
