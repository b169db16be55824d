"""Exports: what is written reads back, nothing in it is markup or a formula, and secrets stay out."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import stat
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Checkbox, Select

from midstream_adapters.events import (
    Detections,
    Figures,
    Kind,
    Provenance,
    State,
    StateChanged,
    StreamOpened,
    TextChunk,
    TurnEnded,
    Usage,
    VideoFrame,
)
from midstream_tui.alerts import Alert
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.deeds.export import MIMES, archive
from midstream_tui.event_log import EventLog, ndjson
from midstream_tui.export import write_files
from midstream_tui.export_png import renderer, to_png
from midstream_tui.export_report import markdown, text
from midstream_tui.export_series import SeriesCopy, copies, to_csv
from midstream_tui.hub import Hub
from midstream_tui.progress import Job
from midstream_tui.screens.export import FORMATS, ExportScreen

from .conftest import frame, live, opened


def wall(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def lines(log: EventLog, since: float | None = None) -> list[dict[str, object]]:
    return [json.loads(line) for line in ndjson(log.snapshot(since), wall)]


def test_events_read_back_without_pixels_and_secrets() -> None:
    log = EventLog()
    log.add([
        StreamOpened("s", 1.0, "sim:all", frozenset({Kind.VIDEO, Kind.TEXT}), Provenance.SIMULATED),
        StateChanged("s", 1.5, State.LIVE),
        TextChunk("s", 2.0, "Bearer abcdefghijklmnop1234 é\n", "user"),
        TurnEnded("s", 2.5, "t", Usage(3, 4)),
        VideoFrame("s", 3.0, np.zeros((9, 16, 3), np.uint8), 640, 360, float("nan"), 1.0, None),
        Figures("s", 3.5, {"rtt_ms": np.float64(2.5)}),
        Detections("s", 4.0, None, (), 0.1),
    ])  # fmt: skip
    found = lines(log)
    assert [line["event"] for line in found] == [
        "StreamOpened", "StateChanged", "TextChunk", "TurnEnded", "VideoFrame", "Figures", "Detections",
    ]  # fmt: skip
    assert found[0]["kinds"] == ["text", "video"]
    assert found[0]["time"] == "1970-01-01T00:00:01.000000+00:00"
    assert "abcdefghijklmnop1234" not in json.dumps(found)
    assert found[3]["usage"] == {
        "prompt": 3, "completion": 4, "reasoning": None, "cached": None, "prompt_audio": None, "completion_audio": None,
    }  # fmt: skip
    assert not {"image", "view"} & set(found[4])
    assert found[4]["pts"] is None  # JSON has no NaN
    assert found[5]["values"] == {"rtt_ms": 2.5}
    assert [line["event"] for line in lines(log, since=3.5)] == ["Figures", "Detections"]


def test_the_log_is_bounded_by_number_and_by_characters() -> None:
    log = EventLog(keep=100, most_chars=1000)
    log.add(TextChunk("s", float(n), "x") for n in range(250))
    assert (len(log), log.lost) == (100, 150)
    log.add([TextChunk("s", 251.0, "y" * 990)])
    assert len(log) == 11
    log.add([TextChunk("s", 252.0, "z" * 5000)])
    assert len(log) == 0
    assert log.lost == 252


def test_series_are_rows_that_no_spreadsheet_takes_for_formulas() -> None:
    series = [
        SeriesCopy("=cmd()", "reward", "message", 1.0, 12, (0.1, 1 / 3)),
        SeriesCopy("b,\n", "fps", "s", 0.25, 1, (2.0,)),
    ]
    rows = list(csv.DictReader(io.StringIO(to_csv(series))))
    assert [row["n"] for row in rows] == ["10", "11", "0"]
    assert float(rows[1]["value"]) == 1 / 3
    assert rows[0]["stream"] == "'=cmd()"
    assert rows[2]["stream"] == "b,\n"


@given(st.text(max_size=60))
def test_text_in_the_report_is_never_markup(words: str) -> None:
    shown = text(words)
    assert "\n" not in shown
    for mark in "`*_<[|#":
        assert all(shown[i - 1] == "\\" for i, c in enumerate(shown) if c == mark)


def report_of(app_text: str) -> str:
    hub = Hub(engine=False)
    hub.fold([opened("<script>|", 0.0), live("<script>|", 0.0), TextChunk("<script>|", 0.0, "x", reward=0.5)])
    alert = Alert("stall", "<script>|", "silent_s", 7.0, 5.0, "warning", 0.0)
    return markdown(hub.state(), [("system", "System Metrics", app_text)], [alert])


def test_the_report_holds_figures_panels_alerts_and_definitions() -> None:
    report = report_of("TTFT 12 ms\n```\nnot the end of it")
    assert "\n````text\nTTFT 12 ms\n```\nnot the end of it\n````\n" in report
    assert "- **warning** stall: \\<script\\>\\|: silent\\_s 7, limit 5" in report
    assert "| \\<script\\>\\| |" in report
    assert "- **TTFT** (ms): time to first token" in report  # it stands in System Metrics
    assert "<script>" not in report.replace("\\<script\\>", "")


@pytest.mark.skipif(renderer() is None, reason="needs rsvg-convert (Debian: librsvg2-bin)")
def test_a_picture_is_made_where_something_can_make_it() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><text y="9">a  b</text></svg>'
    assert to_png(svg).startswith(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(OSError, match="rsvg-convert"):
        to_png("no svg")


def test_files_are_private_whole_and_never_overwritten(tmp_path: Path) -> None:
    first = write_files({"json": "{}", "png": b"\x00"}, tmp_path)
    second = write_files({"json": "[]", "png": b"\x01"}, tmp_path)
    assert len({*first, *second}) == 4
    assert [path.read_bytes() for path in (*first, *second)] == [b"{}", b"\x00", b"[]", b"\x01"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in first)


# -- in the app


@pytest.fixture
async def pilot(tmp_path: Path) -> AsyncIterator[Pilot[None]]:
    app = MidStreamApp(Hub(engine=False), recent=RecentSources(tmp_path / "state"))
    async with app.run_test(size=(120, 40)) as pilot:
        now = app.hub.options.clock()
        for event in (opened("one", now), live("one", now), frame("one", now)):
            app.bus.emit(event)
        for n in range(5):
            app.bus.emit(TextChunk("one", now + n / 100, f"hello {n}", reward=0.1 * n))
        for _ in range(100):
            await pilot.pause(0.02)
            if app.bus.idle:
                break
        yield pilot


async def written(count: int) -> dict[str, Path]:
    folder = Path(os.environ["MIDSTREAM_EXPORT_DIR"])
    async with asyncio.timeout(30):
        while not folder.is_dir() or len(found := [p for p in folder.iterdir() if p.name[0] != "."]) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return {path.suffix[1:]: path for path in found}


async def test_one_key_writes_the_moment(pilot: Pilot[None]) -> None:
    await pilot.press("e")
    files = await written(3)
    assert set(files) == {"json", "svg", "md"}
    assert json.loads(files["json"].read_text())["message_count"] == 5
    report = files["md"].read_text()
    for panel in ("System Metrics", "Temporal Analysis", "Pattern Detection", "Streaming Status"):
        assert f"### {panel}" in report
    assert "### Stream Metrics" in report
    assert "### Recent Messages" in report
    assert "hello 4" in report


async def test_formats_and_range_are_chosen(pilot: Pilot[None]) -> None:
    await pilot.press("E")
    screen = pilot.app.screen
    assert isinstance(screen, ExportScreen)
    assert screen.query_one("#json", Checkbox).BUTTON_INNER == "✓"
    assert screen.query_one("#csv", Checkbox).BUTTON_INNER == " "  # what is off is empty, not only pale
    box = screen.query_one("Vertical").region
    assert box.width < screen.size.width  # a dialog before the dashboard, not instead of it
    assert abs(2 * box.x + box.width - screen.size.width) <= 1
    wanted = {"ndjson", "csv"} | ({"png"} if renderer() else set())
    for name in FORMATS:
        screen.query_one(f"#{name}", Checkbox).value = name in wanted
    screen.query_one("#range", Select).value = 60.0
    await pilot.click("#apply")
    files = await written(len(wanted))
    assert set(files) == wanted
    events = [json.loads(line) for line in files["ndjson"].read_text().splitlines()]
    assert [event["text"] for event in events if event["event"] == "TextChunk"] == [
        f"hello {n}" for n in range(5)
    ]
    rows = list(csv.DictReader(io.StringIO(files["csv"].read_text())))
    rewards = [float(row["value"]) for row in rows if row["observable"] == "reward"]
    assert rewards == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert "png" not in files or files["png"].read_bytes().startswith(b"\x89PNG")


async def test_a_folder_that_can_not_be_written_is_told(
    pilot: Pilot[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIDSTREAM_EXPORT_DIR", str(tmp_path / "file" / "x"))
    await pilot.press("e")
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    async with asyncio.timeout(20):
        while not (said := [str(toast.message) for toast in app._notifications]):
            await pilot.pause(0.05)
    assert said[0].startswith("Export failed: ")
    assert said[0].endswith("Set MIDSTREAM_EXPORT_DIR.")
    assert not app.progress.jobs


async def test_an_export_can_be_given_up(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> None:
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    begin = app.progress.begin

    def begun(label: str, cancel: Callable[[], object] | None = None) -> Job:
        job = begin(label, cancel)
        app.progress.cancel(job)  # at once, as by a quick hand in the palette
        return job

    monkeypatch.setattr(app.progress, "begin", begun)
    await pilot.press("e")
    await pilot.pause(0.2)
    async with asyncio.timeout(20):
        while app.progress.jobs:
            await pilot.pause(0.02)
    assert not Path(os.environ["MIDSTREAM_EXPORT_DIR"]).exists()
    assert any("given up" in str(toast.message) for toast in app._notifications)


def test_every_format_has_a_type() -> None:
    assert set(MIMES) == {*FORMATS, "zip"}


def test_several_files_make_one_download() -> None:
    with zipfile.ZipFile(io.BytesIO(archive("x", {"json": "{}", "png": b"\x00"}))) as bundle:
        assert {name: bundle.read(name) for name in bundle.namelist()} == {"x.json": b"{}", "x.png": b"\x00"}


def test_series_are_copied_from_the_session() -> None:
    hub = Hub(engine=False)
    hub.fold([TextChunk("a", 0.0, "x", reward=0.5), TextChunk("a", 1.0, "x", reward=0.7)])
    found = {(each.stream, each.observable): each.samples for each in copies(hub.session.streams)}
    assert found["a", "reward"] == (0.5, 0.7)
