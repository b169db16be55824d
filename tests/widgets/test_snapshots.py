"""The six panels as they look; a person looked at each picture before it was accepted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.widgets.gallery import Gallery


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_midstream(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(Gallery(), press=["tab"], terminal_size=size)


def test_midstream_light(snap_compare: Any) -> None:
    assert snap_compare(Gallery("midstream-light"), press=["tab"], terminal_size=(120, 40))
