"""What is to be seen in a stream: pictures at a chosen rate go to a detector in a thread of its own, and come back as
`Detections`.

The stream is never held up: of the pictures that wait, the latest of each stream wins. One detector and one thread
serve all streams in turn, so that looking takes one core at most. Only a file that is read fast waits for its detector,
so that every picture that is due is looked at.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from .base import explain
from .events import Box, Detections, Event, Figures, VideoFrame
from .levels import Picture
from .sanitize import clean_line
from .vision_boxes import MOST_BOXES
from .vision_onnx import Unusable, check_file, lacking
from .vision_tracks import Tracker

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .base import Options, Sink
    from .pictures import Shot

RATE = 4.0
"""Pictures a second of media time that are looked at."""
MOST_RATE = 60.0
LAST_LOOK = 1.5
"""Seconds that a stream has at its end for pictures that still wait."""
_IDLE = 5.0
_LOADING = {False: 2.0, True: 20.0}
"""Seconds that a file (one that is read fast) waits at most for the model, so that its start is not missed."""
_MOST_READY = 64
"""Pictures of a stream that may wait to be looked at, when all are to be: as many as a decoder gives at a time."""
_FAILURES = 3
"""Pictures in a row on which a detector may fail before it is given up."""
_MOST_EYES = 64
_MOST_COMING = 24 << 20
"""Bytes of a stream's pictures that wait for their frame to be shown."""
_MOST_HELD = 192 << 20
"""Bytes of all pictures that wait."""


class Detector(Protocol):
    """Finds objects in a picture; used by one thread at a time."""

    name: str
    """What it is, for the screen."""

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The size (width, height) at which it wants a picture of `width` by `height`."""

    def detect(self, picture: Picture) -> Sequence[Box]:
        """Objects in `picture`, RGB, uint8, shape (height, width, 3); edges are fractions of it. Blocks.

        Raises:
            Unusable: it will not work with any other picture either.
        """


def with_detection(
    options: Options, detector: str | Path | Callable[[], Detector] | None = None, rate: float = RATE
) -> Options:
    """`options` for sources whose pictures are looked at, `rate` a second, by one detector for all of them.

    ``detector``: None for the one in the box, the path of an ONNX file of the YOLO family, or what makes a `Detector`
    (called in the worker thread). A detector that can't be had is told in the streams' figures (``vision``); nothing
    else breaks.

    Raises:
        ValueError: a rate that can't be. Unusable: there is no such file.
    """
    if not 0.0 < rate <= MOST_RATE:
        raise ValueError(f"pictures to look at must be above 0 and at most {MOST_RATE:g} a second: {rate:g}")
    eyes = Eyes(_maker(detector), rate, patient=options.fast)
    return replace(options, models=(*options.models, eyes.model), pictures=options.pictures.also(eyes.show))


_shared: WeakValueDictionary[str, Detector] = WeakValueDictionary()
_sharing = threading.Lock()


def _embedded() -> Detector:
    """The detector in the box: one for all who use it at the same time, for it takes 80 MB."""
    from .vision_ssd import SsdLite

    with _sharing:
        if lack := lacking():
            raise Unusable(lack)
        detector = _shared.get(SsdLite.name)
        if detector is None:
            detector = _shared[SsdLite.name] = SsdLite()
        return detector


def _maker(detector: str | Path | Callable[[], Detector] | None) -> Callable[[], Detector]:
    if detector is None:
        return _embedded
    if callable(detector):
        return detector
    path = Path(detector).expanduser()
    check_file(path)

    def yolo() -> Detector:
        from .vision_yolo import Yolo

        return Yolo(path)

    return yolo


@dataclass(slots=True)
class _Look:
    """A picture at the detector's size, and the frame it is of."""

    view: npt.NDArray[np.uint8]
    picture: Picture
    pts: float | None


@dataclass(slots=True)
class _Eye:
    """One stream: which pictures are due, which wait for their frame to be shown, and which to be looked at."""

    next: float | None = None
    coming: deque[_Look] = field(default_factory=deque)
    ready: deque[_Look] = field(default_factory=deque)
    watch: Watch | None = None

    def due(self, at: float, step: float) -> bool:
        """Whether the picture at `at` (seconds of media time) is one to look at: a grid of `step` seconds."""
        if self.next is None or not self.next - 2 * step <= at <= self.next + step:
            self.next = at + step  # the first, or a jump
            return True
        if at < self.next - 1e-6:
            return False
        self.next += step
        return True


class Eyes:
    """One detector for all streams, in one thread that is there while there is something to look at."""

    def __init__(self, make: Callable[[], Detector], rate: float, patient: bool = False) -> None:
        self._make, self._step, self._patient = make, 1.0 / rate, patient
        self._detector: Detector | None = None
        self.problem = ""
        """Why there is no detector, in one line; empty while there may be one."""
        self._changed = threading.Condition()
        self._eyes: dict[str, _Eye] = {}
        self._queue: OrderedDict[str, None] = (
            OrderedDict()
        )  # streams with a picture, in the order of their turn
        self._looking: str | None = None
        self._held = 0
        self._thread: threading.Thread | None = None
        self._started = -1e9
        self._failed = 0

    # -- from the stream's side

    def show(self, event: VideoFrame, shot: Shot) -> None:
        """Take the picture if it is due; a `Watcher`, called by whatever decodes."""
        with self._changed:
            eye = self._eye(event.stream)
            if eye is None or self.problem:
                return
            self._start()
            if self._detector is None and shot.may_wait:
                left = self._started + _LOADING[self._patient] - time.monotonic()
                self._changed.wait_for(lambda: self._detector is not None or self.problem, max(0.0, left))
            detector = self._detector
            if detector is None or not eye.due(event.at if event.pts is None else event.pts, self._step):
                return
        try:
            picture = shot.render(*detector.fit(shot.width, shot.height))
        except Exception:  # libav can't convert it: the stream says so itself
            return
        with self._changed:
            # Frames may never be shown: decoded for nobody, or lost with their connection.
            while eye.coming and picture.nbytes * (len(eye.coming) + 1) > _MOST_COMING:
                self._release(eye.coming.popleft())
            if self._held + picture.nbytes > _MOST_HELD:
                self._forget_unwatched()
            if self._held + picture.nbytes <= _MOST_HELD and self._eyes.get(event.stream) is eye:
                self._held += picture.nbytes
                eye.coming.append(_Look(event.image, picture, event.pts))

    def model(self, stream: str, sink: Sink, options: Options) -> Watch:
        """What `attach` asks for: the model of one stream. A `ModelFactory`."""
        watch = Watch(self, stream, sink, options)
        with self._changed:
            if (eye := self._eye(stream)) is not None:
                eye.watch = watch
            self._start()
            name, problem = self._detector and self._detector.name, self.problem
        if name or problem:
            watch.tell(problem or f"{name}")
        return watch

    def shown(self, event: VideoFrame) -> None:
        """The frame is on its way to the screen: if a picture of it was taken, it is looked at next."""
        eye = self._eyes.get(event.stream)
        if eye is None or not eye.coming:
            return
        with self._changed:
            # By identity: frames are stamped anew on their way, and their times may be moved.
            at = next((n for n, look in enumerate(eye.coming) if look.view is event.image), None)
            if at is None:
                return
            for _ in range(at):  # of frames that were never shown
                self._release(eye.coming.popleft())
            while len(eye.ready) >= (_MOST_READY if self._patient else 1):
                self._release(eye.ready.popleft())
            eye.ready.append(replace(eye.coming.popleft(), pts=event.pts))
            self._queue.setdefault(event.stream)
            self._start()
            self._changed.notify_all()

    def settled(self, stream: str, timeout: float | None) -> bool:
        """Wait until nothing of `stream` is left to look at; whether that was within `timeout` seconds. Blocks."""

        def over() -> bool:
            if self.problem or stream not in self._eyes:  # forgotten: a detector may be stuck for good
                return True
            return stream not in self._queue and self._looking != stream

        with self._changed:
            return self._changed.wait_for(over, timeout)

    def forget(self, watch: Watch) -> None:
        """The stream of `watch` is over."""
        with self._changed:
            eye = self._eyes.get(watch.stream)
            if eye is None or eye.watch is not watch:
                return
            del self._eyes[watch.stream]
            self._queue.pop(watch.stream, None)
            for look in (*eye.coming, *eye.ready):
                self._release(look)
            self._changed.notify_all()

    def _eye(self, stream: str) -> _Eye | None:
        eye = self._eyes.get(stream)
        if eye is None:
            if len(self._eyes) >= _MOST_EYES:
                self._forget_unwatched()
            if len(self._eyes) < _MOST_EYES:
                eye = self._eyes[stream] = _Eye()
        return eye

    def _forget_unwatched(self) -> None:
        """Streams that were given no model: a source gives models to its first streams only."""
        for stream in [stream for stream, eye in self._eyes.items() if eye.watch is None]:
            for look in self._eyes.pop(stream).coming:
                self._release(look)

    def _release(self, look: _Look) -> None:
        self._held -= look.picture.nbytes

    # -- the thread

    def _start(self) -> None:
        if self._thread is None and not self.problem:
            if self._detector is None:
                self._started = time.monotonic()  # a lock's own clock: it bounds a wait, and measures nothing
            self._thread = threading.Thread(target=self._work, name="vision", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        if self._detector is None:
            self._load()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or not self._eyes, _IDLE)
                if self.problem or not self._queue:
                    self._thread = None  # under the lock: whoever finds something to look at starts another
                    return
                stream, _ = self._queue.popitem(last=False)
                eye = self._eyes[stream]
                look, watch = eye.ready.popleft(), eye.watch
                if eye.ready:
                    self._queue[stream] = None
                self._looking = stream
            try:
                if watch is not None:
                    self._look(look, watch)
            finally:
                with self._changed:
                    self._release(look)
                    self._looking = None
                    self._changed.notify_all()

    def _load(self) -> None:
        problem, detector = "", None
        try:
            detector = self._make()
        except Unusable as error:
            problem = str(error)
        except Exception as error:  # somebody else's detector
            problem = f"the detector can't be loaded: {type(error).__name__}: {explain(error)}"
        self._become(detector, problem)

    def _become(self, detector: Detector | None, problem: str) -> None:
        with self._changed:
            self._detector, self.problem = detector, clean_line(problem, 120)
            watches = [eye.watch for eye in self._eyes.values() if eye.watch is not None]
            if self.problem:
                self._queue.clear()
                for eye in self._eyes.values():
                    for look in (*eye.coming, *eye.ready):
                        self._release(look)
                    eye.coming.clear()
                    eye.ready.clear()
            self._changed.notify_all()
        for watch in watches:
            watch.tell(self.problem or (detector.name if detector is not None else ""))

    def _look(self, look: _Look, watch: Watch) -> None:
        detector = self._detector
        assert detector is not None
        began = watch.clock()
        try:
            boxes = detector.detect(look.picture)
        except Unusable as error:
            self._become(None, str(error))
        except Exception as error:
            self._failed += 1
            if self._failed >= _FAILURES:
                self._become(None, f"{detector.name} failed: {type(error).__name__}: {explain(error)}")
        else:
            self._failed = 0
            watch.saw(look.pts, boxes, watch.clock() - began)


class Watch:
    """Watches one stream: a `Model`, and `Thorough`. Says `Detections`, and the figure ``vision``: the detector, or why
    there is none.
    """

    def __init__(self, eyes: Eyes, stream: str, sink: Sink, options: Options) -> None:
        self.stream, self.clock = stream, options.clock
        self.waited = False
        self._eyes, self._sink = eyes, sink
        self._tracker = Tracker()

    def take(self, event: Event) -> None:
        """A frame is on its way to the screen."""
        if isinstance(event, VideoFrame):
            self._eyes.shown(event)

    async def room(self) -> None:
        """Wait until all that was shown has been looked at."""
        await self._settled(None)

    async def finish(self) -> None:
        """Wait until everything that came has been looked at."""
        await self._settled(None)

    async def close(self) -> None:
        """Look at what is left within `LAST_LOOK` seconds."""
        try:
            await self._settled(LAST_LOOK)
        finally:
            self._eyes.forget(self)

    async def _settled(self, timeout: float | None) -> None:
        if not self._eyes.settled(self.stream, 0.0):
            await asyncio.to_thread(self._eyes.settled, self.stream, timeout)

    def tell(self, text: str) -> None:
        """Say what looks at this stream, or why nothing does."""
        self._sink.emit(Figures(self.stream, self.clock(), {"vision": text}))

    def saw(self, pts: float | None, boxes: Sequence[Box], took: float) -> None:
        """Number the objects and say what was seen; in the worker thread."""
        clean = [replace(box, label=clean_line(box.label, 40)) for box in boxes[:MOST_BOXES]]
        self._sink.emit(Detections(self.stream, self.clock(), pts, self._tracker.follow(clean), took))
