"""A detector that sees what a test says, when the test lets it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from midstream_adapters.events import Box
from midstream_adapters.levels import Picture


class Fake:
    """A detector that says what it is told to, and waits where a test wants it to."""

    name = "fake"

    def __init__(self, boxes: Sequence[Box] = (Box("cat", 0.9, 0.1, 0.1, 0.5, 0.5),)) -> None:
        self.boxes = tuple(boxes)
        self.seen: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self.error: Exception | None = None

    def fit(self, width: int, height: int) -> tuple[int, int]:
        return 8, 6

    def detect(self, picture: Picture) -> Sequence[Box]:
        assert picture.shape == (6, 8, 3)
        self.seen.append(int(picture[0, 0, 0]))
        assert self.go.wait(10)
        if self.error is not None:
            raise self.error
        return self.boxes
