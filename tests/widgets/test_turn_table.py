"""The panel of turns: what goes first where room is short, and that no figure says more than is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_widgets.lines import Row, fit, width_of
from midstream_widgets.turn_table import TurnTable, turn_rows
from midstream_widgets.views import TurnLine, TurnsView
from tests.widgets.panel_reading import Alone

DONE = TurnLine(
    "1", "12:00:00", "complete", "o4-mini", "Why is the sky blue?", 231.0, 1231.0, 1000.0, 20.3, 18.0, 30.0, 90.0,
    4300.0, 120, False, 49.2, 27.9, 1, False, "stop",
)  # fmt: skip
FAILED = TurnLine("2", "12:00:01", "failed", "o4-mini", "And?", note="HTTP 429 Too Many Requests", good=False)
OPEN = TurnLine(
    "3", "12:00:03", "streaming", "o4-mini", "So?", 180.0, tokens=20, tokens_estimated=True, icl_p99_ms=80.0
)
VIEW = TurnsView(
    "llm", (OPEN, FAILED, DONE), 231.0, 400.0, 20.3, 18.0, 30.0, 90.0, 49.0, 27.0, 33.0, True, 0.02, 2, 1, 1, 1,
    provenance="live",
)  # fmt: skip


def texts(rows: list[Row], width: int = 300) -> list[str]:
    return ["".join(text for text, _ in fit(row, width).spans).rstrip() for row in rows]


def test_columns_go_by_width_and_the_latest_turn_is_on_top() -> None:
    wide = texts(turn_rows(VIEW, 200, 20))
    header = next(line for line in wide if line.startswith("Time"))
    for title in (
        "TTFT",
        "TTFAT",
        "Thinking",
        "ITL",
        "ICL p50",
        "p90",
        "p99",
        "E2E",
        "1/ITL",
        "N/E2E",
        "Stalls",
    ):
        assert title in header
    assert [line[10:20] for line in wide[-3:]] == ["● streamin", "✗ failed  ", "✓ complete"]
    narrow = next(line for line in texts(turn_rows(VIEW, 40, 20)) if line.startswith("State"))
    assert "TTFT" in narrow
    assert "Thinking" not in narrow
    assert "HTTP 429" in wide[-2]
    assert "And?" not in wide[-2]


def test_estimates_are_marked_and_the_unknown_is_a_dash() -> None:
    line = texts(turn_rows(VIEW, 200, 20))[-3]
    assert "~20" in line
    assert "—" in line
    assert "~49.0 1/ITL, ~27.0 N/E2E, ~33.0 in all" in "\n".join(texts(turn_rows(VIEW, 200, 20)))
    assert texts(turn_rows(TurnsView("llm"), 80, 10)) == [
        "no turn yet: a turn begins when a request is written"
    ]


def test_goodput_says_its_objectives() -> None:
    text = "\n".join(texts(turn_rows(VIEW, 200, 20)))
    assert "Goodput 0.02/s, 1 of 2 kept TTFT 200ms, ITL 50ms" in text
    assert "✗ missed" in text
    assert "✓ kept" in "\n".join(texts(turn_rows(replace(VIEW, turns=(replace(DONE, good=True),)), 200, 20)))


@given(st.integers(1, 220), st.integers(1, 40), st.text(max_size=60), st.floats(allow_nan=True))
def test_every_row_fits_whatever_is_in_it(width: int, height: int, text: str, number: float) -> None:
    odd = replace(DONE, model=text, prompt=text, ttft_ms=number, itl_ms=number, user_rate=number)
    rows = turn_rows(replace(VIEW, turns=(odd, OPEN), itl_ms=number, goodput_per_s=number), width, height)
    assert all(width_of(fit(row, width)) <= width for row in rows)


@pytest.mark.parametrize("size", [(120, 14), (78, 10), (40, 6)], ids=str)
async def test_in_a_running_app(size: tuple[int, int]) -> None:
    panel = TurnTable(VIEW)
    app = Alone(panel, *size)
    async with app.run_test(size=(130, 30)) as pilot:
        await pilot.pause()
        assert any("streaming" in line for line in app.lines)
        assert str(panel.border_subtitle) == "llm · live"
        panel.view = TurnsView("other")
        await pilot.pause()
        assert app.lines[0].startswith("no turn yet")
