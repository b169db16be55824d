"""What is chosen in the stream picker, and what it asks the app for while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.message import Message


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of the list: an open stream by id, or the address of a source, configured or used before.

    ``asked`` is the address that an open stream was opened with (it may hold a secret: never shown); ``replaces`` is
    the stream that this address is to take the place of.
    """

    kind: Literal["stream", "configured", "recent"]
    value: str
    label: str
    state: str = ""
    asked: str = ""
    reason: str = ""
    replaces: str = ""


class Remove(Message):
    """The user wants `choice` closed (a stream) or gone from the list (an address)."""

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self.choice = choice


class Reconnect(Message):
    """The user wants `stream` connected anew."""

    def __init__(self, stream: str) -> None:
        super().__init__()
        self.stream = stream


class ChangeOptions(Message):
    """The user wants to see the options of `stream`."""

    def __init__(self, stream: str) -> None:
        super().__init__()
        self.stream = stream
