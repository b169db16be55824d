"""Deeds of export: this moment at one key, or what the user chooses. Files are made and written in a thread."""

from __future__ import annotations

import asyncio
import io
import threading
import zipfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from textual import work

from midstream_adapters.redact import redact
from midstream_tui.event_log import ndjson
from midstream_tui.export import export_folder, to_json, write_files
from midstream_tui.export_png import to_png
from midstream_tui.export_report import markdown
from midstream_tui.export_series import copies, to_csv

from .base import Deeds

if TYPE_CHECKING:
    from midstream_tui.screens.export import ExportWish
    from midstream_tui.screens.live import LiveScreen, Moment

MOMENT = ("json", "svg", "md")
MIMES = {
    "json": "application/json",
    "svg": "image/svg+xml",
    "md": "text/markdown",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "png": "image/png",
    "zip": "application/zip",
}
Made = Callable[[], "str | bytes"]


class Cancelled(Exception):
    """The user gave the export up."""


class ExportDeeds(Deeds):
    """In a browser the files are downloads; in a terminal they go to the export folder."""

    @property
    def live_screen(self) -> LiveScreen:
        """The screen that shows the session; the app's own."""
        raise NotImplementedError

    def moment(self, now: float) -> Moment:
        """What views are made from; the app's own."""
        raise NotImplementedError

    def action_export(self) -> None:
        self._export(MOMENT, None)

    def action_export_as(self) -> None:
        from midstream_tui.screens.export import ExportScreen

        def chosen(wish: ExportWish | None) -> None:
            if wish is not None:
                self._export(wish.formats, wish.seconds)

        self.push_screen(ExportScreen(), chosen)

    @work(group="export")
    async def _export(self, formats: tuple[str, ...], seconds: float | None) -> None:
        """Make the files of this moment, and of the last `seconds` where they have a range (None: all that is kept)."""
        given_up = threading.Event()
        makers = self._makers(formats, seconds, given_up)
        job = self.progress.begin("exporting", given_up.set)
        try:
            files: dict[str, str | bytes] = {}
            for done, (ending, make) in enumerate(makers.items()):
                job.share = done / len(makers)
                files[ending] = await asyncio.to_thread(make)
                if given_up.is_set():
                    raise Cancelled
            if self.is_web:
                self._download(files)
                return
            folder = export_folder(self.settings.export.folder)
            paths = await asyncio.to_thread(write_files, files, folder)
        except Cancelled:
            self.tell("Export given up; nothing was written", seconds=3)
            return
        except OSError as error:
            reason = f"{error.strerror}: {error.filename}" if error.strerror else str(error)
            self.tell(f"Export failed: {reason}. Set MIDSTREAM_EXPORT_DIR.", severity="error")
            return
        finally:
            self.progress.end(job)
        where = "\n".join([*(path.name for path in paths), f"in {paths[0].parent}"])
        self.tell(where, title="Exported", seconds=10)

    def _makers(
        self, formats: tuple[str, ...], seconds: float | None, given_up: threading.Event
    ) -> dict[str, Made]:
        """What makes each file, in a thread; all that the session is asked for is taken now, at one moment."""
        now, hub = self.hub.options.clock(), self.hub
        state = hub.state()
        svg = self.export_screenshot(title="MidStream") if {"svg", "png"} & set(formats) else ""
        panels = self.live_screen.as_text(self.moment(now)) if "md" in formats else []
        alerts = list(self.watchman.alerts.active)
        since = None if seconds is None else now - seconds
        events = hub.log.snapshot(since) if hub.log is not None and "ndjson" in formats else []
        series = copies(hub.session.streams) if "csv" in formats else []

        def lines() -> str:
            out = io.StringIO()
            for number, line in enumerate(ndjson(events, hub.session.wall)):
                out.write(f"{line}\n")
                if number % 1000 == 0 and given_up.is_set():
                    raise Cancelled
            return out.getvalue()

        makers: dict[str, Made] = {
            "json": lambda: to_json(state) + "\n",
            "svg": lambda: redact(svg),
            "md": lambda: markdown(state, panels, alerts),
            "ndjson": lines,
            "csv": lambda: to_csv(series),
            "png": lambda: to_png(redact(svg)),
        }
        return {ending: makers[ending] for ending in formats}

    def _download(self, files: dict[str, str | bytes]) -> None:
        """To the browser, as one download: browsers ask before they take several."""
        stem = f"midstream-{self.hub.session.wall(self.hub.options.clock()):%Y%m%d-%H%M%S}"
        if len(files) > 1:
            ending, content = "zip", archive(stem, files)
        else:
            ending, made = next(iter(files.items()))
            content = made.encode() if isinstance(made, str) else made
        self.deliver_binary(io.BytesIO(content), save_filename=f"{stem}.{ending}", mime_type=MIMES[ending])
        self.tell(f"Downloading {stem}.{ending}", seconds=4)


def archive(stem: str, files: Mapping[str, str | bytes]) -> bytes:
    """A ZIP of `files` (contents by ending), each named `stem` with its ending."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        for ending, content in files.items():
            bundle.writestr(f"{stem}.{ending}", content)
    return out.getvalue()
