"""What a user can set, with its default, its limits and what it means: the one list that the loader checks against and
that ``midstream-tui config --show`` prints.

Plain dataclasses: nothing that costs at start-up is imported here. Secrets are no settings; they stay in the
environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .alert_rules import BUILT_IN, Rule

LEVELS = ("warning", "error")
NOTHING: Mapping[str, Any] = MappingProxyType({})


def setting(default: Any, about: str, **limits: Any) -> Any:
    """A field with its documentation; `limits` are those of a pydantic field (ge, le, pattern, max_length...)."""
    metadata = {"about": about, "limits": limits}
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Screen:
    """How the dashboard looks and feels."""

    refresh_ms: int = setting(67, "repaint every so many milliseconds", ge=50, le=5000)
    theme: str = setting("midstream", "a theme's name; `t` goes through them", min_length=1)
    mouse: bool = setting(True, "false leaves the mouse to the terminal, for selecting text")
    graphics: str = setting(
        "off",
        "video in the terminal's own graphics: off, auto, kitty or sixel",
        pattern="^(off|auto|kitty|sixel)$",
    )


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """A stream that the picker offers, and that the command line takes as @NAME."""

    source: str = setting("", "what to watch, as on the command line", min_length=1)
    name: str = setting("", "what to call it", pattern=r"^[\w.-]*$", max_length=40)
    transcribe: bool = setting(False, "transcribe its speech")
    detect: bool = setting(False, "detect objects in its pictures")
    prompt: str = setting("", "what to ask an openai: source")


@dataclass(frozen=True, slots=True)
class Objectives:
    """What a good answer keeps; goodput counts the answers that do."""

    ttft_ms: float = setting(200.0, "time to first token, milliseconds", gt=0)
    itl_ms: float = setting(50.0, "inter-token latency, milliseconds", gt=0)


@dataclass(frozen=True, slots=True)
class Export:
    """Where exports go."""

    folder: str = setting("", "a folder; empty is the current one, or MIDSTREAM_EXPORT_DIR")


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Who is told when a rule fires, and the rules: `[alerts.rules.NAME]` adds one or changes a built-in one."""

    enabled: bool = setting(True, "false watches nothing")
    toast: bool = setting(True, "show a toast")
    bell: bool = setting(False, "ring the terminal's bell")
    command: list[str] = setting(
        [], "a program and its arguments, run with the alert as JSON on its standard input"
    )
    webhook: str = setting("", "an http(s) address that gets the alert as JSON", pattern=r"^(https?://.+)?$")
    rules: dict[str, Rule] = setting(BUILT_IN, "the rules by name")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything. `origins` tells where a section's values come from; `path` is the file that was read."""

    screen: Screen = field(default_factory=Screen)
    keys: dict[str, str] = setting(
        {}, 'keys by the id of a binding, as `view.pause = "p,space"`; ? shows the ids'
    )
    streams: list[StreamSettings] = setting([], "streams to offer in the picker")
    profiles: dict[str, list[str]] = setting(
        {}, "named lists of sources or of streams above: `midstream-tui @NAME` opens one"
    )
    objectives: Objectives = field(default_factory=Objectives)
    export: Export = field(default_factory=Export)
    alerts: AlertSettings = field(default_factory=AlertSettings)
