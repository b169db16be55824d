"""The charts as they look; a person looked at each picture before it was accepted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.widgets.chart_gallery import Charts


@pytest.mark.parametrize("theme", ["midstream", "midstream-light"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_charts(snap_compare: Any, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(Charts(theme), terminal_size=size)


def test_a_turned_portrait_in_the_terminals_own_colours(snap_compare: Any) -> None:
    assert snap_compare(Charts("ansi-dark"), press=["tab", "r", "r", "plus"], terminal_size=(120, 40))
