"""The overview's table: the worst on top, columns that give way, a cursor that stays, titles that sort."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from midstream_analysis.report import Attractor
from midstream_widgets.columns import GAP, Column, at, fitted, ordered
from midstream_widgets.glyphs import STATES
from midstream_widgets.lines import width_of
from midstream_widgets.overview_views import Fact, FactsView, OverviewRow, OverviewView
from midstream_widgets.stream_facts import facts_rows
from midstream_widgets.stream_table import COLUMNS, StreamTable

ROWS = (
    OverviewRow(
        "a-fine-one", "live", "text", "live", bytes_per_s=90.0, ttft_ms=210.0, tokens_per_s=31.5, order=0
    ),
    OverviewRow(
        "camera",
        "stalled",
        "a/v",
        "file",
        3,
        "silent for 8 s",
        1,
        2e6,
        29.97,
        interval_ms=33.0,
        dropped=7,
        order=1,
    ),
    OverviewRow("gone", "failed", "text", "live", 4, "failed: 401 Unauthorized", order=2),
    OverviewRow(
        "noted", "live", "audio", "simulated", 2, "chaotic level (92%)", attractor=Attractor.CHAOTIC, order=3
    ),
    OverviewRow("over", "ended", "text", "live", 1, order=4),
)


class Stage(App[None]):
    def __init__(self, view: OverviewView) -> None:
        super().__init__()
        self.view = view
        self.said: list[tuple[str, bool]] = []

    def compose(self) -> ComposeResult:
        yield StreamTable(self.view)

    def on_stream_table_selected(self, event: StreamTable.Selected) -> None:
        self.said.append((event.stream, event.chosen))
        event.heard = True


def lines(table: StreamTable) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


def streams(table: StreamTable) -> list[str]:
    names = {row.stream for row in ROWS}
    return [name for line in lines(table)[1:] if (name := next((w for w in line.split() if w in names), ""))]


async def test_the_worst_is_on_top() -> None:
    async with Stage(OverviewView(ROWS)).run_test(size=(120, 12)) as pilot:
        table = pilot.app.query_one(StreamTable)
        assert streams(table) == ["gone", "camera", "noted", "over", "a-fine-one"]
        shown = lines(table)
        assert "✗ failed: 401 Unauthorized" in shown[1]
        assert "▲ silent for 8 s (+1)" in shown[2]
        assert "✓ ok" in shown[5]
        assert "Alert▼" in shown[0]


async def test_keys_sort() -> None:
    async with Stage(OverviewView(ROWS)).run_test(size=(160, 12)) as pilot:
        table = pilot.app.query_one(StreamTable)
        table.focus()
        await pilot.press("r")
        assert streams(table) == ["a-fine-one", "over", "noted", "camera", "gone"]
        await pilot.press("full_stop")  # round the corner: state, the most troubled first
        assert table.sort == "state"
        assert streams(table)[0] == "gone"
        await pilot.press("greater_than_sign")
        assert table.sort == "stream"
        assert streams(table) == sorted(row.stream for row in ROWS)
        await pilot.press("comma", "less_than_sign")
        assert table.sort == "alert"


@pytest.mark.parametrize(
    ("title", "first"), [("Stream", "a-fine-one"), ("Rate", "camera"), ("TTFT", "a-fine-one")]
)
async def test_a_click_on_a_title_sorts_and_again_the_other_way(title: str, first: str) -> None:
    async with Stage(OverviewView(ROWS)).run_test(size=(160, 12)) as pilot:
        table = pilot.app.query_one(StreamTable)
        x = lines(table)[0].index(title) + 2  # the border and the padding
        await pilot.click(StreamTable, offset=(x, 1))
        assert streams(table)[0] == first
        await pilot.click(StreamTable, offset=(x, 1))
        assert table.reversed


async def test_the_cursor_stays_with_its_stream_and_tells() -> None:
    app = Stage(OverviewView(ROWS))
    async with app.run_test(size=(120, 12)) as pilot:
        table = app.query_one(StreamTable)
        table.focus()
        assert table.cursor == "gone"
        await pilot.press("j")
        assert table.cursor == "camera"
        assert app.said == [("camera", False)]
        healed = OverviewRow("camera", "live", "a/v", "file", order=1)
        table.view = OverviewView((ROWS[0], healed, *ROWS[2:]))
        assert table.cursor == "camera"
        assert streams(table)[-1] == "camera"
        await pilot.press("enter")
        assert app.said[-1] == ("camera", True)
        await pilot.press("g")
        assert table.cursor == "gone"
        await pilot.press("G")
        assert table.cursor == "camera"


async def test_a_choice_of_before_does_not_undo_a_key_that_the_app_has_not_heard_of() -> None:
    app = Stage(OverviewView(ROWS))
    async with app.run_test() as pilot:
        table = app.query_one(StreamTable)
        await pilot.pause()
        names = list(map(str, table.keys()))
        table.action_move(1)
        table.action_move(1)
        table.view = OverviewView(ROWS, selected=names[1])  # the app has heard of the first move alone
        assert (table.cursor, table.unheard) == (names[2], names[2])
        await pilot.pause()
        assert table.unheard is None
        table.view = OverviewView(ROWS, selected=names[0])
        assert table.cursor == names[0]


async def test_a_click_selects_and_a_second_opens() -> None:
    app = Stage(OverviewView(ROWS))
    async with app.run_test(size=(120, 12)) as pilot:
        await pilot.click(StreamTable, offset=(10, 3))
        assert app.said == [("camera", False)]
        await pilot.double_click(StreamTable, offset=(10, 3))
        assert app.said[-1] == ("camera", True)


async def test_the_wheel_and_long_lists() -> None:
    rows = tuple(OverviewRow(f"s{n:03}", "live", "text", "live", order=n) for n in range(100))
    async with Stage(OverviewView(rows)).run_test(size=(100, 12)) as pilot:
        table = pilot.app.query_one(StreamTable)
        table.focus()
        assert "State" in lines(table)[0]
        await pilot.press("G")
        assert "s099" in "\n".join(lines(table))
        await pilot.press("g")
        assert "State" in lines(table)[0]


async def test_empty_says_what_to_do() -> None:
    async with Stage(OverviewView()).run_test(size=(80, 10)) as pilot:
        table = pilot.app.query_one(StreamTable)
        assert "no streams yet" in lines(table)[0]
        table.focus()
        await pilot.press("j", "enter", "r", "full_stop")


TEXT = st.text(max_size=60)
FIGURE = st.none() | st.floats(allow_nan=True)


@given(
    rows=st.lists(
        st.builds(
            OverviewRow,
            stream=TEXT,
            state=st.sampled_from(["live", "failed", "odd"]),
            kinds=st.just("a/v"),
            provenance=st.just("live"),
            level=st.integers(0, 4),
            alert=TEXT,
            bytes_per_s=FIGURE,
            fps=FIGURE,
            ttft_ms=FIGURE,
            dropped=st.integers(0, 10**9),
        ),
        max_size=6,
    ),
    width=st.integers(1, 220),
    name=st.sampled_from([column.name for column in COLUMNS]),
)
def test_any_rows_fit_any_width(rows: list[OverviewRow], width: int, name: str) -> None:
    table = StreamTable()
    table.sort = name
    made = table.rows(OverviewView(tuple(rows)), width, 10)
    assert len(made) == len(rows) + 1
    if width >= 60 and rows:
        assert all(width_of(row) <= width for row in made)


def test_figures_are_never_cut() -> None:
    for width in range(60, 200):
        layout = fitted(COLUMNS, ROWS, width, rest="alert")
        assert sum(cells + GAP for _, cells in layout) - GAP <= width
        for column, cells in layout:
            if column.rank:
                assert all(cell_len(column.text(row)) <= cells for row in ROWS), column.name


def test_a_state_is_never_cut_and_the_rate_stays_beside_it_at_80_columns() -> None:
    rows = [
        replace(ROWS[0], state=state, stream="news.example/feed", bytes_per_s=18_400.0) for state in STATES
    ]
    for width in range(50, 200):
        made = StreamTable().rows(OverviewView(tuple(rows)), width, 20)
        shown = "\n".join("".join(text for text, _ in row.spans) for row in made)
        assert all(glyph.text in shown for glyph in STATES.values()), width
        if width >= 76:
            assert "KB/s" in shown, width


def test_what_is_not_known_is_last_either_way() -> None:
    column: Column[int | None] = Column("x", "X", str, lambda row: row)
    rows: Iterable[int | None] = [3, None, 1]
    assert ordered(rows, column) == [1, 3, None]
    assert ordered(rows, column, True) == [3, 1, None]


def test_the_column_under_a_cell() -> None:
    layout = fitted(COLUMNS, ROWS, 100, rest="alert")
    found = at(layout, 0)
    assert found is not None
    assert found.name == "state"
    assert at(layout, 10_000) is None


@given(
    width=st.integers(1, 200),
    height=st.integers(1, 40),
    value=TEXT,
    alert=TEXT,
    groups=st.integers(0, 6),
)
def test_facts_fit_any_room(width: int, height: int, value: str, alert: str, groups: int) -> None:
    facts = tuple(Fact(f"label {n}", value, note=value) for n in range(4))
    rows = facts_rows(FactsView("s", ((4, alert),), (facts,) * groups), width, height)
    assert rows
    assert "nothing is wrong" in str(facts_rows(FactsView("s"), 80, 10))


def test_a_column_with_room_to_spare_gives_of_it_to_one_that_lacks_it() -> None:
    facts = ((Fact("State", "live"),), (Fact("Interval p50/p99", "28ms / 103ms", note="of 1,855 chunks"),))
    (row,) = [str(row) for row in facts_rows(FactsView("s", (), facts), 80, 10) if "State" in str(row)]
    assert "of 1,855 chunks" in row
    (row,) = [str(row) for row in facts_rows(FactsView("s", (), (facts[1], facts[1])), 80, 10)][2:]
    assert row.count("…") == 2  # nobody has anything to spare
