"""Figures as a person reads them. Pure; what is not known (``None``, NaN, infinite) is a dash, never zero.

``rich.filesize.decimal`` was tried for bytes: it writes "180.0 MB" and "45.2 kB" where the dashboard's specification
writes "180 MB" and "45.2 KB".
"""

from __future__ import annotations

from math import isfinite

DASH = "—"
Number = float | int | None


def known(value: Number) -> bool:
    """True for a number that can be shown."""
    return value is not None and isfinite(value)


def count(value: Number, estimated: bool = False) -> str:
    """A whole number with thousands separators, ``~`` in front when it is an estimate: "~2,340"."""
    if value is None or not isfinite(value):
        return DASH
    return f"{'~' if estimated else ''}{round(value):,}"


def figure(value: float | str) -> str:
    """A figure that somebody else named, unit and all: four digits, but never "8.73e+05"."""
    if isinstance(value, str | int):
        return str(value)
    return f"{value:,.0f}" if isfinite(value) and abs(value) >= 1000 else f"{value:.4g}"


def _scaled(value: float, units: tuple[str, ...]) -> str:
    """``value`` in the first unit that keeps it below 1000, one decimal below 100: "1.5 MB", "180 MB"."""
    power = 0
    while abs(value) >= 999.5 and power < len(units) - 1:
        value /= 1000.0
        power += 1
    unit = units[power]
    if power == 0:
        return f"{value:.0f} {unit}"
    # 99.96 must not read "100.0", so the number of decimals follows the rounded value.
    return f"{value:.1f} {unit}" if abs(round(value, 1)) < 100.0 else f"{value:,.0f} {unit}"


def size(value: Number) -> str:
    """Bytes in decimal units: "512 B", "45.2 KB", "180 MB"."""
    if value is None or not isfinite(value):
        return DASH
    return _scaled(float(value), ("B", "KB", "MB", "GB", "TB", "PB", "EB"))


def bandwidth(value: Number) -> str:
    """Bytes a second: "45.2 KB/s"."""
    text = size(value)
    return text if text == DASH else f"{text}/s"


def rate(value: Number, unit: str = "/s", estimated: bool = False) -> str:
    """Events a second: "34.2/s", "180/s", "20,000/s"; ``~`` in front of an estimate."""
    if value is None or not isfinite(value):
        return DASH
    digits = 1 if 0 < abs(round(value, 1)) < 100 else 0
    return f"{'~' if estimated else ''}{value:,.{digits}f}{unit}"


def milliseconds(value: Number) -> str:
    """Milliseconds with the digits that mean something: "0.42ms", "4.2ms", "12ms", "12.3s"."""
    if value is None or not isfinite(value):
        return DASH
    if abs(value) >= 9999.5:
        return f"{value / 1000.0:,.1f}s"
    if abs(value) >= 9.95 or value == 0:
        return f"{value:.0f}ms"
    return f"{value:.1f}ms" if abs(value) >= 0.995 else f"{value:.2f}ms"


def duration(value: Number) -> str:
    """Seconds as "0h 5m 23s", from a day on "2d 3h 4m"."""
    if value is None or not isfinite(value):
        return DASH
    minutes, seconds = divmod(int(max(value, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    days, of_day = divmod(hours, 24)
    return f"{days}d {of_day}h {minutes}m" if days else f"{hours}h {minutes}m {seconds}s"


def short_duration(value: Number) -> str:
    """Seconds for a countdown or a silence: "0.8s", "12s", "3m 20s", then as `duration`."""
    if value is None or not isfinite(value):
        return DASH
    value = max(value, 0.0)
    if value < 9.95:
        return f"{value:.1f}s"
    if value < 59.5:
        return f"{value:.0f}s"
    return f"{round(value) // 60}m {round(value) % 60}s" if value < 3599.5 else duration(value)


def percent(value: Number) -> str:
    """A share as whole per cent; 100% and 0% are said only of exactly all and nothing: "95%", ">99%"."""
    if value is None or not isfinite(100.0 * value):
        return DASH
    whole = round(100.0 * value)
    if whole == 100 and value < 1.0:
        return ">99%"
    return "<1%" if whole == 0 and value > 0.0 else f"{whole}%"


def exponent(value: Number) -> str:
    """A signed number with four decimals, or three significant figures where four decimals would show none."""
    if value is None or not isfinite(value):
        return DASH
    if value != 0 and (abs(value) < 0.00005 or abs(value) >= 1e5):
        return f"{value:+.2e}"
    return f"{value:+.4f}" if value else "0.0000"


def decimal(value: Number, digits: int = 3) -> str:
    """A plain number with ``digits`` decimals: "0.847"."""
    if value is None or not isfinite(value):
        return DASH
    return f"{value:.{digits}f}"


def frames(value: Number) -> str:
    """Frames a second: "60", "29.97" keeps one decimal: "30.0" only reads "30"."""
    if value is None or not isfinite(value):
        return DASH
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 or value >= 100 else f"{value:.1f}"
