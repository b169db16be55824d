"""What travels on the app's message bus: one message a kind and tick, each carrying a batch."""

from __future__ import annotations

from textual.message import Message

from midstream_adapters.events import Event
from midstream_analysis.report import AnalysisReport


class EventBatch(Message):
    """Events of one kind since the last tick, in order of arrival."""

    bubble = False

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self.events = events


class StreamsOpened(EventBatch):
    """Streams that were added."""


class TextReceived(EventBatch):
    """Text chunks, and the starts and ends of their turns."""


class AudioReceived(EventBatch):
    """Decoded audio chunks."""


class FramesReceived(EventBatch):
    """Decoded video frames."""


class StreamsChanged(EventBatch):
    """States, drops and bytes: what is left when the data of this tick has been said."""


class AnalysisReady(Message):
    """The engine's newest report."""

    bubble = False

    def __init__(self, report: AnalysisReport) -> None:
        super().__init__()
        self.report = report
