"""Where speech is: Silero VAD's probabilities, and the segments that follow from them.

A recogniser hears words in silence (Moonshine says "You" to three seconds of zeros), so it is only given speech.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Samples = npt.NDArray[np.float32]

RATE = 16_000
FRAME = 512
"""Samples of a frame, 32 ms: what Silero VAD takes at 16 kHz."""
MODEL = "silero/silero_vad_16k_op15.onnx"
_CONTEXT = 64


class SileroVad:
    """Probability of speech, frame by frame (Silero VAD 6, MIT). Belongs to one stream; a frame takes about 0.1 ms.

    Raises:
        ImportError: onnxruntime is not installed.
    """

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # more would spin for nothing
        options.log_severity_level = 3
        self._session: InferenceSession = onnxruntime.InferenceSession(
            files(__package__).joinpath(MODEL).read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(RATE, np.int64)
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: the next frame does not follow the last."""
        self._state = np.zeros((2, 1, 128), np.float32)
        self._input = np.zeros((1, _CONTEXT + FRAME), np.float32)

    def probability(self, frame: Samples) -> float:
        """Probability, 0 to 1, that there is speech in `frame`, float32, shape (512,)."""
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        self._input[0, _CONTEXT:] = frame
        inputs = {"input": self._input, "state": self._state, "sr": self._rate}
        probability, self._state = self._session.run(None, inputs)
        return float(probability[0, 0])


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech: ``samples`` float32, shape (n,), at 16 kHz, from sample number ``start`` of the stream.

    ``number`` counts segments from 1. ``whole`` tells that speech ended with it: else it was cut for its length.
    """

    number: int
    start: int
    samples: Samples
    whole: bool = True

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


class Segmenter:
    """Cuts a stream of frames into segments of speech, by hysteresis on their probability.

    Speech begins with a frame at `enter` or above and ends with `silence` seconds below `leave` (half of that
    in a segment longer than a third of `most`). A segment begins `before` seconds earlier and keeps `after` seconds of
    the silence; one with less than `least` seconds of speech is a click, and none. At `most` seconds it is cut where
    speech was least likely within its last third.
    """

    def __init__(
        self,
        *,
        enter: float = 0.5,
        leave: float = 0.35,
        silence: float = 0.5,
        before: float = 0.3,
        after: float = 0.2,
        least: float = 0.2,
        most: float = 15.0,
    ) -> None:
        self._enter, self._leave = enter, leave
        self._silence, self._after, self._least = _frames(silence), _frames(after), _frames(least)
        self._most = max(3, _frames(most))
        self._before: deque[Samples] = deque(maxlen=max(1, _frames(before)))
        self._frames: list[Samples] = []
        self._chances: list[float] = []
        self._start = 0
        self._quiet = self._spoken = 0
        self._number = 0
        self.position = 0
        """Samples taken so far."""

    @property
    def speaking(self) -> bool:
        """Whether a segment is open and long enough to be speech."""
        return self._spoken >= self._least

    @property
    def since(self) -> int:
        """Number of the first sample that is still needed: where the open segment begins, or the next may."""
        return self._start if self._frames else self.position - sum(map(len, self._before))

    def open(self) -> Segment | None:
        """The segment that is still being spoken, as far as it goes."""
        return self._cut(len(self._frames), whole=False) if self.speaking else None

    def feed(self, frame: Samples, chance: float) -> Segment | None:
        """Take one frame and its probability of speech; return the segment that it completes, if it does."""
        start, self.position = self.position, self.position + len(frame)
        if not self._frames:
            if chance < self._enter:
                self._before.append(frame)
                return None
            self._frames = list(self._before)
            self._chances = [0.0] * len(self._frames)
            self._start = start - sum(map(len, self._frames))
            self._before.clear()
            self._number += 1
        self._frames.append(frame)
        self._chances.append(chance)
        self._spoken += chance >= self._leave
        self._quiet = 0 if chance >= self._leave else self._quiet + 1
        long = 3 * len(self._frames) > self._most
        if self._quiet >= (self._silence + long) // (1 + long):
            return self._finish()
        return self._split() if len(self._frames) >= self._most else None

    def flush(self) -> Segment | None:
        """End the open segment, if any: nothing follows, or nothing that belongs to it."""
        segment = self._finish() if self._frames else None
        self._before.clear()
        return segment

    def _finish(self) -> Segment | None:
        keep = len(self._frames) - max(0, self._quiet - self._after)
        segment = self._cut(keep, whole=True) if self.speaking else None
        self._before.extend(self._frames[keep:])
        self._frames, self._chances = [], []
        self._quiet = self._spoken = 0
        return segment

    def _split(self) -> Segment:
        first = 2 * self._most // 3
        at = first + int(np.argmin(self._chances[first:])) + 1
        segment = self._cut(at, whole=False)
        self._start = segment.end
        self._frames, self._chances = self._frames[at:], self._chances[at:]
        self._spoken = sum(chance >= self._leave for chance in self._chances)
        self._number += 1
        return segment

    def _cut(self, count: int, whole: bool) -> Segment:
        return Segment(self._number, self._start, np.concatenate(self._frames[:count]), whole)


def _frames(seconds: float) -> int:
    return round(seconds * RATE / FRAME)
