"""One stream in depth: what is wrong with it, its figures, its turns, and the charts that mean something for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.binding import BindingType

from midstream_tui import layouts, present
from midstream_tui.bindings import DETAIL
from midstream_tui.chart_table import ChartSpec, charts_of
from midstream_tui.present_overview import facts_view
from midstream_tui.progress import Job, position
from midstream_tui.session import Area, Session
from midstream_tui.turns_view import turns_view
from midstream_widgets.charts.base import ChartPanel
from midstream_widgets.formats import short_duration
from midstream_widgets.pattern_detection import PatternDetection
from midstream_widgets.recent_messages import RecentMessages
from midstream_widgets.stream_facts import StreamFacts
from midstream_widgets.temporal_analysis import TemporalAnalysis
from midstream_widgets.turn_table import TurnTable

from .live import Feed, LiveScreen, Moment, Panel


class DetailScreen(LiveScreen):
    """Made for a stream as it is now: when it turns out to carry another kind, the screen is made anew."""

    BINDINGS: ClassVar[list[BindingType]] = DETAIL

    def __init__(self, session: Session, stream: str) -> None:
        self._session, self.stream = session, stream
        self._kinds = self._carries()
        self._charts = charts_of(session, stream)
        self._spoken = self._speaks()
        super().__init__()
        self.place = stream

    @property
    def layouts(self) -> tuple[layouts.Layout, ...]:
        return layouts.of_detail(self._kinds)

    def panels(self) -> Iterable[Panel]:
        yield StreamFacts(id="facts")
        for spec in self._charts:
            yield spec.widget(id=spec.name)
        if not self._kinds or "text" in self._kinds:
            yield TurnTable(id="turns")
        yield TemporalAnalysis(id="temporal")
        if self._spoken:
            yield PatternDetection(id="patterns")
            yield RecentMessages(id="messages")

    def feeds(self) -> Mapping[str, Feed]:
        stream = self.stream
        feeds = {
            "facts": Feed.of(lambda at: facts_view(at.session, stream, at.now), Area.STREAMS),
            "turns": Feed.of(lambda at: turns_view(at.session, stream, at.now), Area.STREAMS),
            "temporal": Feed.of(lambda at: present.temporal_view(at.session), Area.TEMPORAL),
            "patterns": Feed.of(lambda at: present.pattern_view(at.session, at.unanalysed), Area.PATTERNS),
            "messages": Feed.of(lambda at: present.messages_view(at.session, stream), Area.MESSAGES),
        }
        feeds |= {spec.name: self._chart(spec) for spec in self._charts}
        return {name: feeds[name] for name in self._panels}

    def _chart(self, spec: ChartSpec) -> Feed:
        chart = self._panels[spec.name]
        assert isinstance(chart, ChartPanel)
        return Feed.of(
            lambda at: spec.view(at.session, self.stream, at.now, chart.zoom), Area.STREAMS, Area.TEMPORAL
        )

    def pointed(self) -> str | None:
        return self.stream

    def unheard(self) -> str | None:
        return self.stream  # whatever was opened meanwhile: keys speak of what is seen

    def progress(self) -> str:
        tally = self._session.streams.get(self.stream)
        at = position(tally) if tally is not None and not tally.over else None
        return Job(0, short_duration(at[0]), at[0] / at[1]).text if at is not None else ""

    def paint(self, dirty: set[Area], moment: Moment, *, frozen: bool = False) -> None:
        if not frozen and (self._carries() != self._kinds or self._speaks() != self._spoken):
            self._show(self.stream)
            return
        super().paint(dirty, moment, frozen=frozen)

    def _carries(self) -> frozenset[str]:
        tally = self._session.streams.get(self.stream)
        return frozenset(map(str, tally.kinds)) if tally is not None else frozenset()

    def _speaks(self) -> bool:
        """Whether it has words: text of its own, or a transcript of its sound."""
        tally = self._session.streams.get(self.stream)
        return not self._kinds or "text" in self._kinds or (tally is not None and tally.messages > 0)

    def _show(self, stream: str) -> None:
        self.app.switch_screen(DetailScreen(self._session, stream))

    # -- keys

    def action_stream(self, step: int) -> None:
        """To the detail of another stream."""
        names = list(self._session.streams)
        if not names:
            return
        here = names.index(self.stream) if self.stream in names else 0
        stream = names[(here + step) % len(names)]
        if stream != self.stream:
            self.post_message(self.Chosen(stream))
            self._show(stream)

    def action_zoom(self, by: int) -> None:
        """Zoom the time axis of every chart that is seen."""
        for chart in self.query(ChartPanel):
            if chart.display:
                chart.action_zoom(by)
