"""Which models a stream's options ask for, by what they do: transcription and object detection."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from midstream_adapters.attach import ModelFactory
    from midstream_adapters.base import Options

SPEECH, VISION = "speech", "vision"
_MAKERS = {SPEECH: "listener", VISION: "watcher"}
_NEEDS = {SPEECH: ("moonshine_voice",), VISION: ("onnxruntime",)}


def has(options: Options, module: str) -> bool:
    """Whether `options` ask for a model of that adapter module."""
    return any(_of(factory, module) for factory in options.models)


def missing(module: str) -> str | None:
    """What has to be installed before that kind of model works here, in one line; None when nothing has."""
    if all(find_spec(name) is not None for name in _NEEDS[module]):
        return None
    return f'needs the extra: pip install "midstream-tui[{module}]"'


def with_models(options: Options, *, transcribe: bool, detect: bool) -> Options:
    """`options` with or without each kind of model; one that is there already, and other models, stay as they are."""
    models = options.models
    for module, wanted in ((SPEECH, transcribe), (VISION, detect)):
        if wanted and not has(options, module):
            maker = getattr(import_module(f"midstream_adapters.{module}"), _MAKERS[module])
            models = (*models, maker())
        elif not wanted:
            models = tuple(factory for factory in models if not _of(factory, module))
    return options if models == options.models else replace(options, models=models)


def _of(factory: ModelFactory, module: str) -> bool:
    return getattr(factory, "__module__", "") == f"midstream_adapters.{module}"
