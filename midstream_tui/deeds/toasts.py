"""Toasts do not pile up: on a small screen two at most, the others are counted on the newest."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from textual.notifications import Notification, Notify

from .base import Deeds

SMALL = (100, 30)
"""Columns and rows below which a screen is small."""
MOST = 4
MOST_SMALL = 2
ALERT = "Alert"
"""Title of those that the screen of alerts lists as well."""
_GRAVITY = {"information": 0, "warning": 1, "error": 2}


class ToastDeeds(Deeds):
    """Looks at every notification before Textual shows it."""

    _crowded_out: deque[Notification]

    def _on_notify(self, event: Notify) -> None:
        """Make room: of those that stand, the least grave go first, then the oldest; Textual's own handler follows."""
        if not hasattr(self, "_crowded_out"):
            self._crowded_out = deque(maxlen=100)
        small = self.size.width < SMALL[0] or self.size.height < SMALL[1]
        standing = sorted(self._notifications, key=lambda each: (_GRAVITY[each.severity], each.raised_at))
        for gone in standing[: max(0, len(standing) - (MOST_SMALL if small else MOST) + 1)]:
            self._unnotify(gone)
            self._crowded_out.append(gone)
        if lately := [each for each in self._crowded_out if not each.has_expired]:
            where = ", A lists alerts" if any(each.title.startswith(ALERT) for each in lately) else ""
            title = event.notification.title
            event.notification = replace(
                event.notification, title=f"{title}{' · ' if title else ''}{len(lately)} more{where}"
            )
