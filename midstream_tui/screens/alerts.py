"""The alerts of all streams: those that last, and the last ones that are over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from midstream_tui.layouts import Layout
from midstream_tui.session import Area
from midstream_tui.watchman import Watchman
from midstream_widgets.alert_list import AlertLine, AlertList, AlertsView

from .live import Feed, LiveScreen, Moment, Panel


class AlertsScreen(LiveScreen):
    """What is wrong now and what was, newest first."""

    LAYOUTS = (Layout.of("alerts", "all alerts", narrow=("* alerts",)),)
    PLACE = "alerts"
    AUTO_FOCUS = "#alerts"

    def __init__(self, watchman: Watchman) -> None:
        super().__init__()
        self._watchman = watchman

    def panels(self) -> Iterable[Panel]:
        yield AlertList(id="alerts")

    def feeds(self) -> Mapping[str, Feed]:
        return {"alerts": Feed.of(self._view, Area.STATUS)}

    def _view(self, at: Moment) -> AlertsView:
        alerts = self._watchman.alerts
        return AlertsView(
            tuple(
                AlertLine(
                    clock=f"{at.session.wall(alert.began).astimezone():%H:%M:%S}",
                    level=alert.level,
                    rule=alert.rule,
                    stream=alert.stream,
                    text=alert.said,
                    lasted=float(int((at.now if alert.ended is None else alert.ended) - alert.began)),
                    active=alert.ended is None,
                )
                for alert in (*alerts.active, *reversed(alerts.log))
            ),
            total=alerts.total,
            rules=sum(rule.enabled for rule in alerts.rules.values()),
            shed=self._watchman.shed,
        )
