"""Settings from the TOML file, the environment (``MIDSTREAM_SCREEN__THEME``) and ``.env``, by pydantic-settings.

pydantic-settings takes a fifth of a second to load, so it is, only when there is something to read. Precedence: the
environment, then ``.env`` in the current folder, then the file, then the defaults.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from .alert_rules import BUILT_IN, Rule
from .figures import FIGURES
from .settings import Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

MOST_BYTES = 1 << 20
_SECTIONS = tuple(field.name for field in dataclasses.fields(Settings))
_OURS = re.compile(rf"MIDSTREAM_(?:{'|'.join(_SECTIONS)})(?:__|$)", re.IGNORECASE)


class SettingsError(Exception):
    """The settings can't be used; the text names the file, the line and the reason."""


def settings_path(env: Mapping[str, str] = os.environ) -> Path:
    """The file: ``MIDSTREAM_CONFIG``, else ``config.toml`` in the platform's folder for configuration."""
    if named := env.get("MIDSTREAM_CONFIG"):
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("midstream") / "config.toml"


def load_settings(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this user.

    Raises:
        SettingsError: the file can't be read, or something in it, in the environment or in ``.env`` is wrong.
    """
    path = path or settings_path(env)
    text = _read(path, must="MIDSTREAM_CONFIG" in env)
    dotenv = Path(".env") if Path(".env").is_file() else None
    said = any(_OURS.match(name) for name in env)
    if dotenv is not None and not said:
        said = any(_OURS.match(line.strip().removeprefix("export ")) for line in _lines(dotenv))
    if text is None and not said:
        return Settings()
    return _checked(text or "", path, dotenv)


def _read(path: Path, must: bool) -> str | None:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SettingsError(f"{path}: over {MOST_BYTES >> 20} MiB is no configuration")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if must:
            raise SettingsError(f"{path}: no such file (MIDSTREAM_CONFIG names it)") from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {getattr(error, 'strerror', None) or 'is not UTF-8 text'}") from None


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(MOST_BYTES).splitlines()
    except OSError:
        return []


def _checked(text: str, path: Path, dotenv: Path | None) -> Settings:
    from pydantic import ValidationError
    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
    from pydantic_settings.exceptions import SettingsError as Unreadable

    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None

    class Loader(BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix="MIDSTREAM_",
            env_nested_delimiter="__",
            env_file=dotenv,
            extra="ignore",  # MIDSTREAM_STREAM_KEY and its like are no settings
            nested_model_default_partial_update=True,
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, dotenv_settings, init_settings

    unknown = next((name for name in given if name not in _SECTIONS), None)
    if unknown is not None:
        raise SettingsError(_said(path, text, (unknown,), f"unknown; there are {', '.join(_SECTIONS)}"))
    model = _model(Settings, Loader)
    try:
        found = model(**_with_built_in(given))
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(part for part in first["loc"] if part != "value")
        raise SettingsError(_said(path, text, place, _reason(first))) from None
    except Unreadable as error:
        raise SettingsError(f"environment: {error}") from None
    settings: Settings = _plain(Settings, found)
    for name, rule in settings.alerts.rules.items():
        if rule.figure not in FIGURES:
            reason = f"no figure {rule.figure!r}; there are {', '.join(FIGURES)}"
            raise SettingsError(_said(path, text, ("alerts", "rules", name, "figure"), reason))
    return settings


def _with_built_in(given: dict[str, Any]) -> dict[str, Any]:
    """Rules of the file change built-in ones key by key: `[alerts.rules.stall] above = 10` keeps the rest."""
    alerts = given.get("alerts")
    if not isinstance(alerts, dict) or not isinstance(alerts.get("rules"), dict):
        return given
    rules = {name: dataclasses.asdict(rule) for name, rule in BUILT_IN.items()}
    for name, change in alerts["rules"].items():
        before = rules.get(name, {})
        if isinstance(change, dict) and {"above", "below"} & set(change):
            before = {key: value for key, value in before.items() if key not in ("above", "below", "clear")}
        rules[name] = {**before, **change} if isinstance(change, dict) else change
    return {**given, "alerts": {**alerts, "rules": rules}}


def _model(plain: type[Any], base: type[BaseModel]) -> type[BaseModel]:
    """The pydantic model of a dataclass of settings."""
    from pydantic import Field, create_model

    hints = get_type_hints(plain)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(plain):
        hint = hints[field.name]
        if nested := _is_section(hint):
            hint = _model(hint, _strict())
        elif get_origin(hint) is list and _is_section(item := get_args(hint)[0]):
            hint = list[_model(item, _strict())]  # type: ignore[misc]
        default = hint if nested else field.default_factory
        if default is dataclasses.MISSING:
            fields[field.name] = hint, Field(default=field.default, **field.metadata["limits"])
        else:
            fields[field.name] = hint, Field(default_factory=default, **field.metadata.get("limits", {}))
    model: type[BaseModel] = create_model(plain.__name__, __base__=base, **fields)
    return model


def _is_section(hint: Any) -> bool:
    """A dataclass of ours but for `Rule`, which pydantic checks as it is."""
    return isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint is not Rule


def _strict() -> type[BaseModel]:
    from pydantic import BaseModel, ConfigDict

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")

    return Strict


def _plain(plain: type[Any], model: BaseModel) -> Any:
    """The dataclass back from its model."""
    hints = get_type_hints(plain)
    values = {}
    for field in dataclasses.fields(plain):
        hint, value = hints[field.name], getattr(model, field.name)
        if _is_section(hint):
            value = _plain(hint, value)
        elif get_origin(hint) is list and _is_section(item := get_args(hint)[0]):
            value = [_plain(item, one) for one in value]
        values[field.name] = value
    return plain(**values)


def _reason(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown setting"
    reason = str(error["msg"]).removeprefix("Value error, ")
    return reason[:1].lower() + reason[1:]


def _said(path: Path, text: str, place: tuple[Any, ...], reason: str) -> str:
    name = ".".join(str(part) for part in place)
    line = line_of(text, place)
    where = f"{path}:{line}" if line else f"environment or {path}"
    return f"{where}: {name}: {reason}"


def line_of(text: str, place: tuple[Any, ...]) -> int | None:
    """The line of `text` (TOML) on which the setting at `place` stands, from 1; its table's where it has none itself.

    tomllib tells no positions; this reads headers and keys only, which is enough to point at one.
    """
    table: tuple[Any, ...] = ()
    counts: dict[tuple[Any, ...], int] = {}
    best: tuple[int, int] | None = None  # parts matched, line
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$", line):
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            where = table
        elif key := re.match(
            r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=", line
        ):
            where = (*table, *_parts(key[1]))
        else:
            continue
        if place[: len(where)] == where and (best is None or len(where) > best[0]):
            best = len(where), number
    return best[1] if best else None


def _parts(key: str) -> tuple[str, ...]:
    return tuple(
        part[1:-1] if part[0] in "\"'" else part for part in re.findall(r"[\w-]+|\"[^\"]*\"|'[^']*'", key)
    )
