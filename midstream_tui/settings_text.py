"""Settings as TOML with what every one means: what ``config --show`` prints reads back as the same settings."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from .alert_rules import Rule
from .figures import FIGURES
from .settings import Settings, StreamSettings


def as_toml(settings: Settings, title: str, commented: bool = False) -> str:
    """All of `settings`, documented. `commented` puts a # before every value, for a file to start from."""
    lines = [f"# midstream-tui: {title}", ""]
    for line in _settings(settings):
        value = line and not line.startswith(("#", "["))
        lines.append(f"# {line}" if commented and value else line)
    return "\n".join(lines) + "\n"


def _settings(settings: Settings) -> Iterator[str]:
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name == "streams":
            yield from _streams(value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from _section(field.name, value)
        else:
            yield f"# {field.metadata['about']}"
            yield f"[{field.name}]"
            yield from (f"{_key(name)} = {_value(item)}" for name, item in value.items())
            yield ""


def _section(name: str, section: Any) -> Iterator[str]:
    if doc := (type(section).__doc__ or "").strip():
        yield from (f"# {line.strip()}" for line in doc.splitlines())
    yield f"[{name}]"
    yield from _fields(section)
    yield ""
    for rule, value in getattr(section, "rules", {}).items():
        yield from _rule(f"{name}.rules.{_key(rule)}", value)


def _fields(section: Any) -> Iterator[str]:
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if isinstance(value, dict):
            continue  # tables of their own
        yield f"# {field.metadata['about']}{_limits(field.metadata['limits'])}"
        yield f"{field.name} = {_value(value)}"


def _streams(streams: list[StreamSettings]) -> Iterator[str]:
    yield f"# {StreamSettings.__doc__}"
    if not streams:
        yield "# [[streams]]"
        yield from (
            f"# {line}" if not line.startswith("#") else line
            for line in _fields(StreamSettings(source="sim:all"))
        )
    for stream in streams:
        yield "[[streams]]"
        yield from _fields(stream)
    yield ""


def _rule(name: str, rule: Rule) -> Iterator[str]:
    yield f"# {FIGURES[rule.figure].about}"
    yield f"[{name}]"
    for field in dataclasses.fields(rule):
        value = getattr(rule, field.name)
        if value is not None and (field.name == "figure" or value != field.default):
            yield f"{field.name} = {_value(value)}"
    yield ""


def _limits(limits: dict[str, Any]) -> str:
    if "ge" in limits and "le" in limits:
        return f" ({limits['ge']} to {limits['le']})"
    return ""


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else _quoted(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    """JSON's strings are TOML's, but for DEL, and for surrogates, which TOML has none of."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
