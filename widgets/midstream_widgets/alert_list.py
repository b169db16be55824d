"""The alerts: those that last on top, the worst first, then the last ones that are over."""

from __future__ import annotations

from dataclasses import dataclass

from textual.reactive import var

from midstream_widgets import formats as f
from midstream_widgets.glyphs import ALERT, Glyph
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, pad

_SIGNS = {"error": Glyph("✗", "error", "error"), "warning": Glyph(ALERT, "warning", "warning")}
_OVER = Glyph("■", "over", "muted")


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert. ``lasted`` is seconds, until now while ``active``."""

    clock: str
    level: str
    rule: str
    stream: str
    text: str
    lasted: float
    active: bool


@dataclass(frozen=True, slots=True)
class AlertsView:
    """``lines`` in the order to show; ``rules`` are watched; ``shed`` notifications were not sent."""

    lines: tuple[AlertLine, ...] = ()
    total: int = 0
    rules: int = 0
    shed: int = 0


def alert_rows(view: AlertsView, width: int) -> list[Row]:
    """All rows."""
    if not view.lines:
        quiet = f"all quiet: {view.rules} rules watch every stream" if view.rules else "no rule is on"
        return [Row(((quiet, "good" if view.rules else "muted"),))]
    return [_row(line, width) for line in view.lines]


def _row(line: AlertLine, width: int) -> Row:
    sign = _SIGNS.get(line.level, _SIGNS["warning"]) if line.active else _OVER
    wide = width >= 100
    spans = [(f"{sign.sign} ", sign.style), (pad(sign.word, 8), sign.style)]
    if wide:
        spans.append((f"{line.clock} ", "muted"))
    spans += [
        (f"{pad(line.rule, 17 if wide else 10)} ", "value"),
        (f"{pad(line.stream, 24 if wide else 16)} ", "label"),
    ]
    lasted = f"{'' if line.active else 'lasted '}{f.short_duration(line.lasted)}"
    spans += [(f"{pad(lasted, 12)} ", "muted"), (line.text, "value" if line.active else "muted")]
    return Row(tuple(spans))


class AlertList(LinePanel[AlertsView]):
    """What is wrong, and what was."""

    TITLE = "Alerts"
    view = var(AlertsView(), init=False)

    def rows(self, view: AlertsView, width: int, height: int) -> list[Row]:
        return alert_rows(view, width)

    def badge(self, view: AlertsView) -> tuple[str, str]:
        lasting = sum(line.active for line in view.lines)
        parts = [f"{lasting} now" if lasting else "", f"{view.total:,} since the start" if view.total else ""]
        parts.append(f"{view.shed:,} notifications shed" if view.shed else "")
        return " · ".join(filter(None, parts)), ""
