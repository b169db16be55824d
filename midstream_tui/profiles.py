"""From words on the command line to sources: ``@NAME`` is a profile of the configuration, or one of its streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from midstream_adapters.base import Options

    from .settings import Settings, StreamSettings


def expand(words: Sequence[str], settings: Settings) -> list[str]:
    """The sources that `words` name, in order; each once.

    Raises:
        ValueError: no profile and no stream of that name; the text lists those there are.
    """
    streams = {stream.name: stream.source for stream in settings.streams if stream.name}
    found: list[str] = []
    for word in words:
        if not word.startswith("@"):
            found.append(word)
            continue
        name = word[1:]
        if name in settings.profiles:
            found += [streams.get(each.removeprefix("@"), each) for each in settings.profiles[name]]
        elif name in streams:
            found.append(streams[name])
        else:
            names = ", ".join(f"@{each}" for each in (*settings.profiles, *streams)) or "none"
            raise ValueError(f"no profile or stream {word!r} in the configuration; there are: {names}")
    return list(dict.fromkeys(found))


def stream_settings(source: str, settings: Settings) -> StreamSettings | None:
    """What the configuration says of `source`, if it names it."""
    return next((stream for stream in settings.streams if stream.source == source), None)


def stream_options(source: str, settings: Settings, options: Options) -> Options:
    """`options` as the configuration wants them for `source`."""
    wanted = stream_settings(source, settings)
    if wanted is None:
        return options
    from .models import SPEECH, VISION, has, with_models

    if wanted.prompt and not options.prompt:
        options = replace(options, prompt=wanted.prompt)
    return with_models(
        options,
        transcribe=wanted.transcribe or has(options, SPEECH),
        detect=wanted.detect or has(options, VISION),
    )
