"""Real media for the pictures: a film of photographs with what the detector in the box sees in it, and a reading from a
book with what the transcriber in its extra hears. Neither is fetched: the photographs are in scikit-image's wheel, the
recordings in Debian's pocketsphinx-testdata.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from midstream_adapters.attach import ModelFactory, Thorough
from midstream_adapters.base import Options, Sink
from midstream_adapters.events import MEDIA, AudioChunk, Detections, Event, Figures, Transcript, VideoFrame
from midstream_adapters.registry import open_source
from midstream_tui.models import with_models

sys.path.append(str(Path(__file__).parents[1] / "tests" / "adapters"))
import photographs
import speech_clips

FILM, READING = "photographs.mp4", "reading.wav"
ORDER = ("astronaut.png", "chelsea.png", "motorcycle_left.png", "coffee.png")


class _Collector:
    """The sink of a run in which all that counts is what the models say; waits for them, so that nothing is shed."""

    def __init__(self) -> None:
        self.said: list[Detections | Transcript | Figures] = []
        self.models: dict[str, list[Thorough]] = {}
        self.options = Options()

    def emit(self, event: Event) -> None:
        if (
            isinstance(event, Detections)
            or (isinstance(event, Transcript) and event.final)
            or (isinstance(event, Figures) and {"speech", "vision"} & event.values.keys())
        ):
            self.said.append(event)
        elif isinstance(event, MEDIA):
            for model in self._of(event.stream):
                model.take(event)

    def _of(self, stream: str) -> list[Thorough]:
        if stream not in self.models:
            models = [cast(Thorough, make(stream, self, self.options)) for make in self.options.models]
            for model in models:
                model.waited = True
            self.models[stream] = models
        return self.models[stream]

    async def drain(self) -> None:
        for models in self.models.values():
            for model in models:
                await model.room()

    async def finish(self) -> None:
        for models in self.models.values():
            for model in models:
                await model.finish()
                await model.close()


class _Remembered:
    """Says what the real model said of the same media, at the same media time: the real one needs real time."""

    def __init__(
        self, said: Sequence[Detections | Transcript | Figures], sink: Sink, options: Options
    ) -> None:
        self._left, self._sink, self._clock = list(said), sink, options.clock

    def take(self, event: Event) -> None:
        if isinstance(event, VideoFrame | AudioChunk) and event.pts is not None:
            while self._left and _due(self._left[0]) <= event.pts:
                self._sink.emit(_stamped(self._left.pop(0), self._clock()))

    async def close(self) -> None:
        self._left.clear()


def _due(event: Detections | Transcript | Figures) -> float:
    """Media time at which it is known."""
    if isinstance(event, Transcript):
        return event.ended
    return event.pts or 0.0 if isinstance(event, Detections) else 0.0


def _stamped(event: Detections | Transcript | Figures, at: float) -> Event:
    # How long the model took is of the machine that made the pictures, and no picture shows it.
    if isinstance(event, Transcript):
        return replace(event, at=at, lag=None)
    if isinstance(event, Figures):
        return Figures(event.stream, at, {k: v for k, v in event.values.items() if k in ("speech", "vision")})
    return replace(event, at=at)


def make_files(folder: Path) -> None:
    """Write the film and the reading into `folder`."""
    photographs.make_film(folder / FILM, ORDER, seconds=5.0, size=(320, 240))
    sentences = [clip.samples for clip in speech_clips.clips(cards=False)]
    speech_clips.write(folder / READING, speech_clips.joined(sentences))


async def remember(source: str) -> ModelFactory:
    """Let the real models see and hear all of `source`; return what makes a model that remembers what they said."""
    options = with_models(Options(fast=True), transcribe=source == READING, detect=source == FILM)
    (adapter,) = open_source(source, options, frozenset())
    collector = _Collector()
    collector.options = options
    await adapter.run(collector)
    await collector.finish()
    said = sorted(collector.said, key=_due)
    if not any(isinstance(event, Detections | Transcript) for event in said):
        raise RuntimeError(f"nothing was seen or heard in {source}: the pictures need the extras `all`")

    def make(stream: str, sink: Sink, options: Options) -> _Remembered:
        return _Remembered(said, sink, options)

    return make
