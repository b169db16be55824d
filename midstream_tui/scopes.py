"""The places of the program, and the bindings that are active together in each: for clashes and for the help."""

from __future__ import annotations

from typing import Any

from textual.binding import Binding, BindingType

from midstream_widgets.alert_list import AlertList
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.message_log import MessageLog
from midstream_widgets.stream_metrics import StreamMetrics
from midstream_widgets.stream_table import StreamTable

from .bindings import APP, DETAIL, HELP, LIVE, LOG, MODAL, PICKER


def panel_bindings(panel: type[LinePanel[Any]]) -> list[BindingType]:
    """The bindings of a panel and of what it is made from; a key that it redefines is its own."""
    mine: dict[str, BindingType] = {}
    taken: set[str] = set()
    for cls in panel.__mro__:
        if not issubclass(cls, LinePanel):
            continue
        for binding in vars(cls).get("BINDINGS", ()):
            if not isinstance(binding, Binding):
                continue
            keys = [key for key in binding.key.split(",") if key not in taken]
            if keys:
                mine[binding.id or binding.action] = (
                    binding if len(keys) == len(binding.key.split(",")) else binding.with_key(",".join(keys))
                )
        taken |= {
            key for b in vars(cls).get("BINDINGS", ()) if isinstance(b, Binding) for key in b.key.split(",")
        }
    return list(mine.values())


def scopes() -> dict[str, list[BindingType]]:
    """Every place by name, with what is active there. The zoom of a chart and that of its screen are one thing."""
    from .chart_table import CHARTS

    live = [*APP, *LIVE]
    return {
        "the dashboard": [*panel_bindings(StreamMetrics), *live],
        "all streams": [*panel_bindings(StreamTable), *live],
        "the messages": [*panel_bindings(MessageLog), *LOG, *live],
        "the alerts": [*panel_bindings(AlertList), *live],
        "the detail": [*panel_bindings(LinePanel), *DETAIL, *live],
        **{f"the chart {spec.title}": [*panel_bindings(spec.widget), *live] for spec in CHARTS.values()},
        "the picker": PICKER,
        "dialogs": MODAL,
        "help": HELP,
    }
