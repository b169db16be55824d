"""Which models a stream's options ask for, by what they do: transcription and object detection."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from midstream_adapters.events import Kind
from midstream_adapters.extras import install

if TYPE_CHECKING:
    from collections.abc import Mapping

    from midstream_adapters.attach import ModelFactory
    from midstream_adapters.base import Options

    from .hub import Source
    from .session import Session

SPEECH, VISION = "speech", "vision"
_NEEDS = {SPEECH: ("moonshine_voice",), VISION: ("onnxruntime",)}


def has(options: Options, module: str) -> bool:
    """Whether `options` ask for a model of that adapter module."""
    return any(_of(factory, module) for factory in options.models)


def missing(module: str) -> str | None:
    """What has to be installed before that kind of model works here, in one line; None when nothing has."""
    if all(find_spec(name) is not None for name in _NEEDS[module]):
        return None
    return f"needs the extra: {install(module)}"


def with_models(options: Options, *, transcribe: bool, detect: bool) -> Options:
    """`options` with or without each kind of model; one that is there already, and other models, stay as they are."""
    if not detect and has(options, VISION):
        options = replace(_without(options, VISION), pictures=type(options.pictures)())
    elif detect and not has(options, VISION):
        from midstream_adapters.vision import with_detection

        options = with_detection(options)
    if not transcribe:
        return _without(options, SPEECH) if has(options, SPEECH) else options
    if has(options, SPEECH):
        return options
    from midstream_adapters.speech import listener

    return replace(options, models=(*options.models, listener()))


def _without(options: Options, module: str) -> Options:
    return replace(options, models=tuple(factory for factory in options.models if not _of(factory, module)))


def loading(sources: Mapping[str, Source], session: Session) -> set[str]:
    """The kinds of model that a stream with media waits for: asked for, and not heard of yet."""
    waiting: set[str] = set()
    for name, held in sources.items():
        tally = session.streams.get(name)
        if tally is None or tally.over or not held.options.models:
            continue
        for module, kind in ((SPEECH, Kind.AUDIO), (VISION, Kind.VIDEO)):
            if kind in tally.tracks and module not in tally.figures and has(held.options, module):
                waiting.add(module)
    return waiting


def _of(factory: ModelFactory, module: str) -> bool:
    return getattr(factory, "__module__", "") == f"midstream_adapters.{module}"
