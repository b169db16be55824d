"""What every deed may use of the app; `MidStreamApp` gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App

if TYPE_CHECKING:
    from midstream_tui.collector import Collector
    from midstream_tui.config import RecentSources
    from midstream_tui.hub import Hub
    from midstream_tui.progress import Progress
    from midstream_tui.session import Area
    from midstream_tui.settings import Settings
    from midstream_tui.watchman import Watchman


class Deeds(App[None]):
    """Base of the mixins: the parts of the app that they share, and how a deed speaks."""

    hub: Hub
    recent: RecentSources
    progress: Progress
    collector: Collector
    settings: Settings
    watchman: Watchman
    refresh_ms: int
    dirty: set[Area]
    """Areas that want a new view at the next paint."""

    def look_again(self) -> None:
        """Everything on screen is to be made anew at the next paint."""
        from midstream_tui.session import Area

        self.dirty |= set(Area)

    def tell(self, text: str, *, title: str = "", severity: str = "information", seconds: float = 6) -> None:
        """A toast; never markup, for it may quote what a stream or a user said."""
        level = {"error": "error", "warning": "warning"}.get(severity, "information")
        self.notify(text, title=title, severity=level, markup=False, timeout=seconds)  # type: ignore[arg-type]
