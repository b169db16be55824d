"""Encoded frames to aiortc's decoder and decoded ones to the sink, both through queues with an end.

aiortc's own queues grow without bound (aiortc#554, #1091), and closing one holds the event loop until it is empty.
"""

from __future__ import annotations

import queue
import re
import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .base import Clock, Sink
from .events import AudioChunk, BytesReceived, Dropped, Figures, Kind, VideoFrame
from .pictures import Pictures

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.video.frame import VideoFrame as Picture

MOST_ENCODED = {Kind.VIDEO: 60, Kind.AUDIO: 100}
"""Frames that may wait for the decoder: two seconds of either."""
MOST_DECODED = {Kind.VIDEO: 4, Kind.AUDIO: 50}
"""Frames that may wait for conversion; pictures are large."""
MOST_PIXELS = 4096 * 4096
_IDR = re.compile(rb"\x00\x00\x01[\x05\x07\x25\x27\x45\x47\x65\x67]")


def is_key_frame(codec: str, data: bytes) -> bool:
    """Whether an encoded frame can be decoded by itself: VP8 (RFC 6386, 9.1) or H.264 in Annex B form."""
    if codec.upper() == "VP8":
        return bool(data) and not data[0] & 1
    return _IDR.search(data) is not None


class DecodeErrors(threading.Event):
    """aiortc's sign that a frame could not be decoded (it then asks the sender for a key frame), with a count."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def set(self) -> None:
        self.count += 1
        super().set()

    def ask(self) -> None:
        """Have a key frame asked for, though nothing went wrong in the decoder."""
        super().set()


class DecoderQueue(queue.Queue[Any]):
    """The queue before aiortc's decoder thread. A full one is emptied: what is old helps no live viewer.

    Of video all is then dropped until the next key frame, since it could not be decoded without what is gone.
    Filled from the event loop only.
    """

    def __init__(self, kind: Kind, errors: DecodeErrors) -> None:
        super().__init__()
        self.dropped = 0
        self.fed = 0
        """Frames put so far."""
        self._kind = kind
        self._errors = errors
        self._waiting = False
        self._keys: deque[int] = deque(maxlen=64)

    def is_key(self, pts: int | None) -> bool:
        """Whether the frame of `pts` came as a key frame; libav's libvpx does not tell."""
        return pts in self._keys

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:  # the end: whoever closes waits for the decoder, so that nothing may lie before it
            self._empty()
        else:
            codec, frame = item
            self.fed += 1
            if not frame.data:  # libav takes an empty packet for the end, and decodes nothing after it
                self.dropped += 1
                return
            if self.qsize() >= MOST_ENCODED[self._kind]:
                self.dropped += self._empty()
                self._waiting = self._kind is Kind.VIDEO
                if self._waiting:
                    self._errors.ask()
            if self._kind is Kind.VIDEO and is_key_frame(codec.name, frame.data):
                self._waiting = False
                self._keys.append(frame.timestamp)
            if self._waiting:
                self.dropped += 1
                return
        super().put(item)

    def restart(self) -> None:
        """Something is missing for good: begin anew with a key frame, which is asked for."""
        self._waiting = True
        self._errors.ask()

    def _empty(self) -> int:
        count = 0
        try:
            while True:
                self.get_nowait()
                count += 1
        except queue.Empty:
            return count


def skip_hole(buffer: Any) -> bool:
    """Empty aiortc's jitter buffer if a packet is missing in it while later ones are there; tell whether it was so.

    By itself aiortc waits for that packet until the buffer is full: 512 packets, many seconds of a small video.
    """
    if buffer._origin is None:
        return False
    size = buffer.capacity
    there = [buffer._packets[(buffer._origin + n) % size] is not None for n in range(size)]
    if all(there) or True not in there[there.index(False) :]:
        return False
    buffer.remove(size)
    buffer._origin = None
    return True


class Converter:
    """One peer's decoded frames to events, in a thread of its own; the oldest go where it cannot follow.

    `push` is called on the event loop; events leave from the thread, none after `close`.
    """

    def __init__(self, stream: str, sink: Sink, clock: Clock, pictures: Pictures | None = None) -> None:
        self._stream, self._sink, self._clock, self._pictures = stream, sink, clock, pictures
        self._news = threading.Condition()
        self._waiting: dict[Kind, deque[tuple[Any, int, bool]]] = {kind: deque() for kind in MOST_DECODED}
        self._owed = dict.fromkeys(
            MOST_DECODED, 0
        )  # bytes whose frame was dropped: the next one carries them
        self._dropped: dict[tuple[Kind, str], int] = {}
        self._closed = False
        self._busy = False
        self._thread = threading.Thread(target=self._run, name=f"convert {stream}", daemon=True)
        self._thread.start()

    def push(self, kind: Kind, frame: Any, nbytes: int, key: bool = False) -> None:
        """Take a decoded frame that took `nbytes` of the stream."""
        with self._news:
            waiting = self._waiting[kind]
            if len(waiting) >= MOST_DECODED[kind]:
                self._owed[kind] += waiting.popleft()[1]
                self._count(kind, "queue")
            waiting.append((frame, nbytes, key))
            self._news.notify()

    @property
    def idle(self) -> bool:
        """Whether everything that was pushed has been emitted."""
        with self._news:
            return not (self._busy or any(self._waiting.values()))

    def close(self) -> None:
        """Emit nothing more but the bytes that made no event; does not wait for the thread."""
        with self._news:
            if self._closed:
                return
            self._closed = True
            for kind, waiting in self._waiting.items():
                nbytes = self._owed[kind] + sum(size for _, size, _ in waiting)
                waiting.clear()
                if nbytes:
                    self._sink.emit(BytesReceived(self._stream, self._clock(), kind, nbytes))
            self._tell()
            self._news.notify()

    def _count(self, kind: Kind, where: str, count: int = 1) -> None:
        self._dropped[kind, where] = self._dropped.get((kind, where), 0) + count

    def _tell(self) -> None:
        dropped, self._dropped = self._dropped, {}
        for (kind, where), count in dropped.items():
            self._sink.emit(Dropped(self._stream, self._clock(), kind, count, where))

    def _run(self) -> None:
        from .taps import AudioTap, VideoTap

        video = VideoTap(self._stream, self._clock, self._pictures)
        audio = AudioTap(self._stream, self._clock, hold=False)
        while True:
            with self._news:
                self._busy = False
                while not (self._closed or self._dropped or any(self._waiting.values())):
                    self._news.wait()
                if self._closed:
                    return
                self._tell()
                kind = next((k for k in (Kind.AUDIO, Kind.VIDEO) if self._waiting[k]), None)
                if kind is None:
                    continue
                frame, nbytes, key = self._waiting[kind].popleft()
                nbytes += self._owed[kind]
                self._owed[kind] = 0
                self._busy = True
            events = self._convert(video if kind is Kind.VIDEO else audio, frame, nbytes, key)
            with self._news:
                made = sum(e.nbytes for e in events)
                self._owed[kind] += nbytes - made
                if not events:
                    self._count(kind, "limit" if _too_large(frame) else "decoder")
                if self._closed:
                    if nbytes:
                        self._sink.emit(BytesReceived(self._stream, self._clock(), kind, nbytes))
                    return
                for event in events:
                    self._sink.emit(event)
                if kind is Kind.AUDIO and (told := audio.loudness()):
                    self._sink.emit(Figures(self._stream, self._clock(), told))

    @staticmethod
    def _convert(
        tap: Any, frame: Picture | AudioFrame, nbytes: int, key: bool
    ) -> list[VideoFrame | AudioChunk]:
        from av.error import FFmpegError

        try:
            if _too_large(frame):
                return []
            made: Any = tap.frame(frame, nbytes)
            return [replace(made, keyframe=key)] if isinstance(made, VideoFrame) else list(made)
        except (FFmpegError, ValueError):
            return []


def _too_large(frame: Any) -> bool:
    return bool(getattr(frame, "width", 0) * getattr(frame, "height", 0) > MOST_PIXELS)
