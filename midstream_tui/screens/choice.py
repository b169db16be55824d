"""What is chosen in the stream picker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.message import Message


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of the list: an open stream by id, or the address of a source, configured or used before."""

    kind: Literal["stream", "configured", "recent"]
    value: str
    label: str
    state: str = ""


class Remove(Message):
    """The user wants `choice` closed (a stream) or gone from the list (an address)."""

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self.choice = choice
