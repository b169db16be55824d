"""From chunks of sound to transcripts, one stream, one thread: what a `speech.Listener` does in its worker."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from .events import AudioChunk, Dropped, Event, Figures, Kind, SpeechActivity, Transcript
from .speech_activity import FRAME, RATE, Samples, Segment, Segmenter, SileroVad
from .speech_engines import Failed, Shared

if TYPE_CHECKING:
    from av.audio.resampler import AudioResampler

    from .base import Clock

PARTIAL_EVERY = 0.7
"""Seconds between two partial transcripts, at least."""
PARTIAL_SHARE = 0.1
"""Of the time, that partial transcripts may take: they get rarer as a segment grows, and on a slow machine."""
_FIRST_PARTIAL = RATE
_JUMP = 0.3
"""Seconds between two chunks that are a gap, or an overlap, and no jitter."""


class Timeline:
    """Where samples stand in media time, and when they came. Chunks without a PTS follow those before them."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._chunks: list[tuple[float, float]] = []  # media time and arrival of each start
        self._next: float | None = None

    def follows(self, pts: float | None) -> bool:
        """Whether a chunk at `pts` follows what is filed."""
        return pts is None or self._next is None or abs(pts - self._next) <= _JUMP

    def add(self, start: int, count: int, pts: float | None, at: float) -> None:
        """File a chunk of `count` samples from number `start` on."""
        place = pts if pts is not None else self._next or 0.0
        self._starts.append(start)
        self._chunks.append((place, at))
        self._next = place + count / RATE

    def pts(self, sample: int) -> float:
        """Media time of a sample, in seconds."""
        n = self._find(sample)
        return self._chunks[n][0] + (sample - self._starts[n]) / RATE

    def at(self, sample: int) -> float:
        """When a sample came."""
        return self._chunks[self._find(sample)][1]

    def count(self, start: int, end: int | None = None) -> int:
        """Chunks from the sample `start` on, up to the sample `end`."""
        if not self._starts:
            return 0
        last = len(self._starts) if end is None else self._find(end - 1) + 1
        return last - self._find(start)

    def forget(self, before: int) -> None:
        """Forget chunks that end before the sample `before`."""
        if (n := self._find(before)) > 256:  # now and then, not with every chunk
            del self._starts[:n], self._chunks[:n]

    def _find(self, sample: int) -> int:
        return max(0, bisect_right(self._starts, sample) - 1)


class Hearing:
    """Hears one stream: sound in, `SpeechActivity` and `Transcript` out through `say`. All calls from one thread."""

    def __init__(
        self, stream: str, say: Callable[[Event], None], clock: Clock, engine: Shared, vad: SileroVad
    ) -> None:
        self._stream, self._say, self._clock, self._engine, self._vad = stream, say, clock, engine, vad
        self._segmenter = Segmenter()
        self._timeline = Timeline()
        self._rest: Samples = np.zeros(0, np.float32)
        self._resampler: tuple[int, AudioResampler] | None = None
        self._speaking = False
        self._working: Segment | None = None
        self._partial = (0, "", 0)
        """The segment last told of while it was spoken, its text, and the samples it was made of."""
        self._due = -1e9

    @property
    def speaking(self) -> bool:
        """Whether somebody is within a sentence, as far as is known."""
        return self._speaking

    @property
    def unheard(self) -> int:
        """Chunks of what is being said, or worked on: they have made no final transcript yet."""
        segment = self._working
        if segment is not None:
            return self._timeline.count(segment.start)
        return self._timeline.count(self._segmenter.since) if self._speaking else 0

    def hear(self, chunk: AudioChunk, follows: bool = True) -> None:
        """Take a chunk with samples; blocks while a segment that it completes is transcribed.

        ``follows``: no sound is missing before it. Raises `Unavailable`.
        """
        samples = chunk.samples if chunk.rate == RATE else self._resample(chunk)
        if not (follows and self._timeline.follows(chunk.pts)):
            self.flush()
            self._timeline = Timeline()
        start = self._segmenter.position + len(self._rest)
        self._timeline.add(start, len(samples), chunk.pts, chunk.at)
        self._feed(samples)
        self._timeline.forget(self._segmenter.since)

    def flush(self) -> None:
        """Nothing follows what came: say the rest. Raises `Unavailable`."""
        if len(self._rest):
            self._feed(np.zeros(FRAME - len(self._rest), np.float32))
        segment = self._segmenter.flush()
        if segment is not None:
            self._final(segment)
        self._active(False, self._segmenter.position)
        self._vad.reset()

    def partial(self) -> None:
        """Say what is being said so far, when it is time for that. Raises `Unavailable`."""
        if not self._speaking or not self._engine.partials or self._clock() < self._due:
            return
        segment = self._segmenter.open()
        if segment is None or len(segment.samples) < _FIRST_PARTIAL:
            return
        before, said, length = self._partial
        if segment.number == before and len(segment.samples) - length < RATE // 2:
            return
        began = self._clock()
        try:
            text = self._engine.transcribe(segment.samples, patient=False)
        except Failed:
            text = None  # the final one will tell
        now = self._clock()
        self._due = now + max(PARTIAL_EVERY, (now - began) / PARTIAL_SHARE)
        if text and (segment.number != before or text != said):
            self._partial = segment.number, text, len(segment.samples)
            self._transcribed(segment, text, final=False)

    def _feed(self, samples: Samples) -> None:
        for frame in self._frames(samples):
            segment = self._segmenter.feed(frame, self._vad.probability(frame))
            if self._segmenter.speaking:
                self._active(True, self._segmenter.since)
            if segment is not None:
                if segment.whole:
                    self._active(False, segment.end)
                self._final(segment)
            elif not self._segmenter.speaking:
                self._active(False, self._segmenter.position)

    def _frames(self, samples: Samples) -> Iterator[Samples]:
        sound = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(sound) - len(sound) % FRAME
        self._rest = sound[whole:]
        return (sound[n : n + FRAME] for n in range(0, whole, FRAME))

    def _final(self, segment: Segment) -> None:
        self._working = segment
        try:
            text = self._engine.transcribe(segment.samples)
        except Failed as error:
            lost = self._timeline.count(segment.start, segment.end)
            now = self._clock()
            self._say(Dropped(self._stream, now, Kind.AUDIO, lost, "speech"))
            self._say(Figures(self._stream, now, {"speech": str(error)}))
            text = None
        finally:
            self._working = None
        number, said, _ = self._partial
        told = number == segment.number
        if text or told:
            self._transcribed(segment, said if text is None else text, final=True)

    def _transcribed(self, segment: Segment, text: str, final: bool) -> None:
        line, now = self._timeline, self._clock()
        last = segment.end - 1
        began, ended, lag = line.pts(segment.start), line.pts(last) + 1 / RATE, max(0.0, now - line.at(last))
        self._say(Transcript(self._stream, now, segment.number, text or "", began, ended, final, lag))

    def _active(self, speaking: bool, sample: int) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            pts = self._timeline.pts(sample)
            self._say(SpeechActivity(self._stream, self._clock(), "speech", speaking, pts))

    def _resample(self, chunk: AudioChunk) -> Samples:
        """The chunk's samples at 16 kHz."""
        import av
        from av.audio.resampler import AudioResampler

        if self._resampler is None or self._resampler[0] != chunk.rate:
            self._resampler = chunk.rate, AudioResampler("flt", "mono", RATE)
        frame = av.AudioFrame.from_ndarray(chunk.samples.reshape(1, -1), "flt", "mono")
        frame.sample_rate = chunk.rate
        pieces = [out.to_ndarray()[0] for out in self._resampler[1].resample(frame) if out is not None]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
