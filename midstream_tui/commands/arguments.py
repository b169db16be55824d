"""Arguments that several commands share, and what becomes of them."""

from __future__ import annotations

import argparse
import os
import re
from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from . import Refusal

if TYPE_CHECKING:
    from midstream_adapters.attach import ModelFactory
    from midstream_adapters.base import Options

    from ..settings import Settings


def seconds(text: str) -> float:
    """A number of seconds above zero."""
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be a number of seconds above zero")
    return value


def above_zero(text: str) -> float:
    """A number above zero."""
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError("must be a number above zero")
    return value


def refresh(text: str) -> int:
    """A refresh interval in milliseconds."""
    from ..config import clamp_refresh

    try:
        return clamp_refresh(float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


_ENGINE = re.compile(r"moonshine|whisper:.+|openai(:.+)?")


def speech_engine(text: str) -> str:
    """The name of a speech engine."""
    if not _ENGINE.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"no speech engine {text!r}: moonshine, whisper:PATH or openai[:MODEL]"
        )
    return text


def part(args: Sequence[str]) -> list[str]:
    """`args` with the default engine written out where ``--transcribe`` stands before something that is none."""
    parted = list(args)
    for n in reversed(range(len(parted) - 1)):
        if parted[n] == "--transcribe" and not _ENGINE.fullmatch(parted[n + 1]):
            parted.insert(n + 1, "moonshine")
    return parted


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked of sources."""
    parser.add_argument(
        "--fast", action="store_true", help="read files as fast as they decode, not in real time"
    )
    parser.add_argument(
        "--transcribe",
        nargs="?",
        const="moonshine",
        type=speech_engine,
        metavar="ENGINE",
        help="say what is heard: moonshine (the default), whisper:PATH or openai[:MODEL]",
    )
    parser.add_argument("--detect", action="store_true", help="say what is to be seen: objects, with boxes")
    parser.add_argument(
        "--detector", metavar="PATH", help="detect with a model of the YOLO family, an .onnx file"
    )
    parser.add_argument(
        "--detect-rate", type=float, metavar="N", help="pictures a second to look at (default 4, at most 60)"
    )
    parser.add_argument("--prompt", metavar="TEXT", help="what to ask an openai: source")
    parser.add_argument(
        "--prompts", metavar="FILE", help='ask one after the other: a prompt a line, or JSON {"prompt": ...}'
    )
    parser.add_argument(
        "--rate",
        type=above_zero,
        metavar="N",
        help="prompts a minute (default: each when the last is answered)",
    )
    parser.add_argument(
        "--frame-rate", type=float, default=30.0, metavar="FPS", help="of the simulator (default 30)"
    )


def add_screen_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked of the screen."""
    parser.add_argument(
        "--refresh", type=refresh, metavar="MS", help="repaint every MS, 50 to 5000 (default 67)"
    )
    parser.add_argument("--duration", type=seconds, metavar="S", help="leave after S seconds")


def user_settings() -> Settings:
    """The user's configuration.

    Raises:
        Refusal: something in it is wrong; the text names the line.
    """
    from ..settings_file import SettingsError, load_settings

    try:
        return load_settings()
    except SettingsError as error:
        raise Refusal(str(error)) from None


def expanded(sources: Sequence[str], settings: Settings) -> list[str]:
    """`sources` with ``@NAME`` replaced by what it names. Raises `Refusal` where there is no such name."""
    from ..profiles import expand

    try:
        return expand(sources, settings)
    except ValueError as error:
        raise Refusal(str(error)) from None


def source_options(parsed: argparse.Namespace, settings: Settings) -> Options:
    """The options that `add_source_arguments` read, and what the settings say of all sources."""
    from midstream_adapters.base import Options

    models: list[ModelFactory] = []
    if parsed.transcribe:
        from midstream_adapters.speech import listener

        models.append(listener(parsed.transcribe))
    options = Options(
        fast=parsed.fast, prompt=parsed.prompt, frame_rate=parsed.frame_rate, models=tuple(models),
        prompts=_prompts(parsed), rate=parsed.rate, env=_objectives(settings),
    )  # fmt: skip
    return _detecting(parsed, options)


def _objectives(settings: Settings) -> Mapping[str, str]:
    """The environment, with the objectives of the configuration where it names none."""
    said = {
        "MIDSTREAM_TTFT_MS": f"{settings.objectives.ttft_ms:g}",
        "MIDSTREAM_ITL_MS": f"{settings.objectives.itl_ms:g}",
    }
    return ChainMap(os.environ, said)


def _prompts(parsed: argparse.Namespace) -> tuple[str, ...]:
    """What --prompts names.

    Raises:
        Refusal: it can't be read, or --prompt is there too.
    """
    if parsed.prompts is None:
        return ()
    if parsed.prompt is not None:
        raise Refusal("--prompt or --prompts, not both")
    from midstream_adapters.base import SourceError
    from midstream_adapters.prompts import read_prompts

    try:
        return read_prompts(parsed.prompts)
    except SourceError as error:
        raise Refusal(f"--prompts: {error}") from None


def _detecting(parsed: argparse.Namespace, options: Options) -> Options:
    """`options` with the detector that was asked for, if one was.

    Raises:
        Refusal: there is no such file, or the rate can't be.
    """
    if not (parsed.detect or parsed.detector):
        if parsed.detect_rate is not None:
            raise Refusal("--detect-rate goes with --detect or --detector PATH")
        return options
    from midstream_adapters.vision import RATE, with_detection
    from midstream_adapters.vision_onnx import Unusable

    rate = RATE if parsed.detect_rate is None else parsed.detect_rate
    try:
        return with_detection(options, parsed.detector, rate)
    except (ValueError, Unusable) as error:
        raise Refusal(f"detection: {error}") from None


def check_sources(sources: Sequence[str], options: Options) -> None:
    """Try to name every source; nothing is connected.

    Raises:
        Refusal: one of them can't be named, or none can be used; the text says why and what can.
    """
    from midstream_adapters.base import NotConfigured, SourceError, UnknownSource
    from midstream_adapters.registry import known_kinds, open_source

    from ..turns import Objectives

    try:
        Objectives.of(options.env)
    except ValueError as error:
        raise Refusal(str(error)) from None
    taken: set[str] = set()
    unusable: list[SourceError] = []
    for source in sources:
        try:
            taken.update(adapter.info.stream for adapter in open_source(source, options, taken))
        except UnknownSource as error:
            raise Refusal(f"{error}\nA source is one of\n{known_kinds()}") from None
        except SourceError as error:
            unusable.append(error)
    if not unusable or len(unusable) < len(sources):
        return  # what can't be used is a stream that says so; the others go on
    said = "\n".join(map(str, unusable))
    if not all(isinstance(error, NotConfigured) for error in unusable):  # else they are named well
        said += f"\nA source is one of\n{known_kinds()}"
    raise Refusal(said)
