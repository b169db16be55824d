"""What works on this machine, and how to get what does not. Nothing here reaches the network, or shows a secret."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CODECS = {
    "H.264": "h264",
    "HEVC": "hevc",
    "VP8": "vp8",
    "VP9": "vp9",
    "AV1": "av1",
    "AAC": "aac",
    "Opus": "opus",
    "MP3": "mp3",
}
"""What streams are made of, and what libav calls its decoders."""
KEYS = (
    "OPENAI_API_KEY",
    "AGENTIC_FLOW_API_KEY",
    "MIDSTREAM_STREAM_KEY",
    "MIDSTREAM_WHIP_TOKEN",
    "MIDSTREAM_WHEP_TOKEN",
)


class Health(StrEnum):
    """How a finding stands. ``MISSING`` is something optional; ``BROKEN`` keeps the dashboard from its work."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` says how to get it where it is not ok."""

    name: str
    health: Health
    detail: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """A dict of strings."""
        return {name: str(value) for name, value in asdict(self).items()}


def examine(env: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Look at everything, one finding after the other. Loads PyAV and numba: seconds, the first time."""
    for look in (
        _python,
        _terminal,
        _graphics,
        _libav,
        _kernels,
        _speech,
        _vision,
        _keys,
        _settings,
        _folders,
    ):
        try:
            yield from look(env)
        except Exception as error:  # what is broken in an unforeseen way is a finding too
            yield Finding(look.__name__.strip("_"), Health.BROKEN, f"{type(error).__name__}: {error}")


def _python(env: Mapping[str, str]) -> Iterator[Finding]:
    detail = (
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )
    right = sys.version_info >= (3, 11)
    yield Finding(
        "Python", Health.OK if right else Health.BROKEN, detail, "" if right else "Python 3.11 or newer"
    )


def _terminal(env: Mapping[str, str]) -> Iterator[Finding]:
    size = shutil.get_terminal_size()
    name = env.get("TERM_PROGRAM") or env.get("TERM") or "unknown"
    colours = "16 million" if env.get("COLORTERM", "").lower() in ("truecolor", "24bit") else "256 or fewer"
    detail = (
        f"{name}, {size.columns}x{size.lines}, {colours} colours{', inside tmux' if env.get('TMUX') else ''}"
    )
    if env.get("NO_COLOR"):
        detail += ", NO_COLOR"
    if not sys.stderr.isatty():
        yield Finding(
            "terminal", Health.MISSING, f"none here ({name})", "the dashboard needs one; `probe` does not"
        )
    elif name == "dumb":
        yield Finding(
            "terminal", Health.BROKEN, detail, "set TERM to what your terminal is, as xterm-256color"
        )
    elif size.columns < 80 or size.lines < 24:
        yield Finding("terminal", Health.MISSING, detail, "at 80x24 and more every panel is seen at once")
    else:
        yield Finding("terminal", Health.OK, detail)
    encoding = (sys.stdout.encoding or "").lower()
    if encoding.replace("-", "") != "utf8":
        yield Finding(
            "encoding", Health.BROKEN, encoding or "unknown", "set LANG to a UTF-8 locale, as C.UTF-8"
        )


def _graphics(env: Mapping[str, str]) -> Iterator[Finding]:
    """By what terminals say of themselves in the environment: asking them would eat keys."""
    program = env.get("TERM_PROGRAM", "").lower()
    kitty = (
        "kitty" in env.get("TERM", "")
        or bool(env.get("KITTY_WINDOW_ID"))
        or program in ("ghostty", "wezterm")
    )
    sixel = program in ("iterm.app", "wezterm", "mintty") or "foot" in env.get("TERM", "")
    found = [name for name, there in (("kitty", kitty), ("sixel", sixel)) if there]
    if found and find_spec("textual_image"):
        yield Finding("graphics", Health.OK, f"{', '.join(found)} (the terminal says so)")
    elif found:
        yield Finding(
            "graphics",
            Health.MISSING,
            f"{', '.join(found)}, but textual-image is not installed",
            _extra("graphics"),
        )
    else:
        yield Finding("graphics", Health.OK, "half blocks, which every terminal has")


def _libav(env: Mapping[str, str]) -> Iterator[Finding]:
    import av

    version = ".".join(map(str, av.library_versions["libavcodec"]))
    missing = [name for name, codec in CODECS.items() if not _decodes(codec)]
    if missing:
        yield Finding(
            "codecs",
            Health.BROKEN,
            f"no decoder for {', '.join(missing)}",
            "pip install --force-reinstall av",
        )
    else:
        yield Finding(
            "codecs", Health.OK, f"{', '.join(CODECS)} (PyAV {av.__version__}, libavcodec {version})"
        )
    try:
        av.open("srt://").close()
    except av.error.ProtocolNotFoundError:
        remedy = "ffmpeg -i srt://HOST:PORT -c copy -f mpegts udp://127.0.0.1:9000, then watch udp://127.0.0.1:9000"
        yield Finding("SRT", Health.MISSING, "this PyAV has none", remedy)
    except av.FFmpegError:  # it knows the protocol, and misses an address
        yield Finding("SRT", Health.OK, "in this PyAV")


def _decodes(codec: str) -> bool:
    from av.codec import Codec

    try:
        Codec(codec, "r")
    except ValueError:
        return False
    return True


def _kernels(env: Mapping[str, str]) -> Iterator[Finding]:
    import numba

    from midstream_analysis import kernel_cache, kernels

    if env.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        yield Finding(
            "kernels",
            Health.BROKEN,
            "NUMBA_DISABLE_JIT is set",
            "unset it: without it analysis is 100 times slower",
        )
        return
    fallback = kernel_cache.ensure()
    if fallback:
        yield Finding(
            "kernels",
            Health.MISSING,
            f"numba {numba.__version__}; nowhere to keep compiled kernels",
            "set NUMBA_CACHE_DIR to a folder of yours",
        )
        return
    home = Path(env.get("NUMBA_CACHE_DIR") or Path(kernels.__file__).parent)
    kept = sum(1 for _ in home.rglob("*.nbc"))
    state = (
        f"{kept} compiled kernels are kept"
        if kept
        else "none compiled yet: the first start takes half a minute"
    )
    yield Finding("kernels", Health.OK, f"numba {numba.__version__}; {state}")


def _speech(env: Mapping[str, str]) -> Iterator[Finding]:
    yield from _extra_finding("transcription", "speech", ("moonshine_voice", "onnxruntime"))


def _vision(env: Mapping[str, str]) -> Iterator[Finding]:
    yield from _extra_finding("object detection", "vision", ("onnxruntime",))


def _extra_finding(name: str, extra: str, modules: tuple[str, ...]) -> Iterator[Finding]:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        yield Finding(name, Health.MISSING, f"{', '.join(missing)} not installed", _extra(extra))
    else:
        yield Finding(name, Health.OK, "installed")


def _extra(name: str) -> str:
    return f'pip install "midstream-tui[{name}]"'


def _keys(env: Mapping[str, str]) -> Iterator[Finding]:
    there = [name for name in KEYS if env.get(name)]
    if base := env.get("OPENAI_BASE_URL"):
        from midstream_adapters.redact import redact

        there.append(f"OPENAI_BASE_URL={redact(base)}")
    if there:
        yield Finding("keys", Health.OK, f"set: {', '.join(there)}")
    else:
        yield Finding(
            "keys",
            Health.MISSING,
            "none set",
            "OPENAI_API_KEY in the environment or .env, for openai: sources",
        )


def _settings(env: Mapping[str, str]) -> Iterator[Finding]:
    from .settings_file import SettingsError, load_settings, settings_path

    path = settings_path(env)
    try:
        load_settings(path, env)
    except SettingsError as error:
        yield Finding(
            "settings", Health.BROKEN, str(error), "mend that line; `config --show` explains every setting"
        )
        return
    yield Finding(
        "settings", Health.OK, str(path) if path.exists() else f"the defaults ({path} is not there)"
    )


def _folders(env: Mapping[str, str]) -> Iterator[Finding]:
    from .config import state_folder
    from .export import export_folder

    for name, folder, variable in (
        ("exports", export_folder(), "MIDSTREAM_EXPORT_DIR"),
        ("recent sources", state_folder(), "MIDSTREAM_STATE_DIR"),
    ):
        there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        if os.access(there, os.W_OK):
            yield Finding(name, Health.OK, str(folder))
        else:
            yield Finding(
                name, Health.MISSING, f"{folder} can't be written", f"set {variable} to a folder of yours"
            )


GLYPHS = {Health.OK: "✓", Health.MISSING: "–", Health.BROKEN: "✗"}
COLOURS = {Health.OK: "32", Health.MISSING: "33", Health.BROKEN: "31"}


def lines(findings: Iterator[Finding], colour: bool) -> Iterator[tuple[Health, str]]:
    """Findings as lines for people: glyph, word and colour."""
    paint: Callable[[str, str], str] = (
        (lambda text, code: f"\x1b[{code}m{text}\x1b[0m") if colour else (lambda text, code: text)
    )
    for finding in findings:
        state = paint(f"{GLYPHS[finding.health]} {finding.health:<8}", COLOURS[finding.health])
        text = f"{state} {finding.name:<17} {finding.detail}"
        if finding.remedy:
            text += f"\n{'':29}→ {finding.remedy}"
        yield finding.health, text


def report(findings: Iterator[Finding]) -> dict[str, Any]:
    """Findings for programs."""
    found = list(findings)
    return {"ok": all(f.health is not Health.BROKEN for f in found), "findings": [f.to_json() for f in found]}
