"""Progress: jobs, warm-up, a file's position and models that load."""

from __future__ import annotations

from typing import Any

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Figures, Provenance
from midstream_analysis.report import AnalysisReport
from midstream_tui.hub import Source
from midstream_tui.models import SPEECH, VISION, has, loading, with_models
from midstream_tui.progress import MOST, Progress, position
from midstream_tui.session import Session

from .conftest import FakeClock, audio, frame, opened, watched


def test_jobs_are_told_newest_first_bounded_and_cancelled(clock: FakeClock) -> None:
    session, progress, ended = Session(clock), Progress(), []
    assert progress.text(session) == ""
    first = progress.begin("exporting", lambda: ended.append(1))
    first.share = 0.5
    assert progress.text(session) == "exporting 50% ████░░░░"
    second = progress.begin("reading")
    assert progress.text(session) == "reading … (+1)"
    progress.cancel(second)  # can't be
    progress.cancel(first)
    assert ended == [1]
    progress.end(first)
    progress.cancel(first)
    assert ended == [1]
    for _ in range(100):
        progress.begin("x")
    assert len(progress.jobs) == MOST


def test_warm_up_is_progress(clock: FakeClock) -> None:
    session, progress = Session(clock), Progress()
    session.take(AnalysisReport({}, {}, 0.25))
    assert progress.text(session) == "warming up 25% ██░░░░░░"
    session.take(AnalysisReport({}, {}, None))
    assert progress.text(session) == ""


def test_a_file_has_a_position(clock: FakeClock) -> None:
    session = Session(clock)
    session.apply(opened("f.mp4", clock.now, Provenance.FILE))
    for n in range(31):
        session.apply(frame("f.mp4", clock.now, n / 10))
    assert position(session.streams["f.mp4"]) is None
    session.apply(Figures("f.mp4", clock.now, {"duration_s": 12.0}))
    assert position(session.streams["f.mp4"]) == (pytest.approx(3.0), 12.0)
    session.streams["f.mp4"].provenance = Provenance.LIVE
    assert position(session.streams["f.mp4"]) is None


def test_models_are_added_and_taken_away_and_told_while_they_load(clock: FakeClock) -> None:
    def other(stream: str, sink: Any, options: Options) -> Any: ...

    plain = Options(models=(other,), clock=clock)
    wanted = with_models(plain, transcribe=True, detect=True)
    assert has(wanted, SPEECH)
    assert has(wanted, VISION)
    assert with_models(wanted, transcribe=True, detect=True) is wanted
    assert with_models(wanted, transcribe=False, detect=False).models == (other,)
    session = watched(clock)
    adapter: Any = None
    sources = {"s": Source("x", adapter, wanted)}
    assert loading(sources, session) == set()  # nothing to listen to yet
    session.apply(audio("s", clock.now))
    assert loading(sources, session) == {"speech"}
    assert Progress().text(session, loading(sources, session)) == "loading the speech model …"
    session.apply(Figures("s", clock.now, {"speech": "moonshine"}))
    assert loading(sources, session) == set()
