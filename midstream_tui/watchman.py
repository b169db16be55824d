"""Looks at the figures of all streams once a second, and tells of alerts as the configuration wants it told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .alerts import Alert, Alerts
from .notify import Notifier

if TYPE_CHECKING:
    from .session import Session
    from .settings import AlertSettings

EVERY = 1.0
MOST_TOASTS = 3
"""Alerts of one look that get a toast each; the others are counted in one."""

Tell = Callable[[str, str, str], None]
"""(text, title, level) -> a toast."""


class Watchman:
    """Holds the alerts of a session. Without an event loop it still judges; only the notifier needs one."""

    def __init__(
        self, settings: AlertSettings, session: Session, tell: Tell, bell: Callable[[], None] = lambda: None
    ) -> None:
        self.alerts = Alerts(settings.rules if settings.enabled else {})
        self._settings, self._session, self._tell, self._bell = settings, session, tell, bell
        self._notifier = Notifier(settings.command, settings.webhook, session.wall, self._failed)

    def look(self) -> list[Alert]:
        """Judge everything now; tell of what began or ended, and return it."""
        changed = self.alerts.update(self._session, self._session.clock())
        began = [alert for alert in changed if alert.ended is None]
        for alert in changed:
            self._notifier.tell(alert)
        if began and self._settings.toast:
            for alert in began[:MOST_TOASTS]:
                self._tell(alert.text, "Alert", alert.level)
            if len(began) > MOST_TOASTS:
                self._tell(f"and {len(began) - MOST_TOASTS} more: A shows them all", "Alert", "warning")
        if began and self._settings.bell:
            self._bell()
        return changed

    @property
    def shed(self) -> int:
        """Notifications that were not sent, because too many were under way."""
        return self._notifier.shed

    async def close(self) -> None:
        """End notifications that are under way."""
        await self._notifier.close()

    def _failed(self, line: str) -> None:
        self._tell(line, "", "warning")
