"""Alerts on a session with a clock of ours: they begin once, end once, and hover quietly between."""

from __future__ import annotations

import pytest

from midstream_adapters.events import (
    Blame,
    Dropped,
    Event,
    Impairment,
    Kind,
    Provenance,
    State,
    StateChanged,
    StreamOpened,
    TextChunk,
    TurnEnded,
    TurnStarted,
)
from midstream_tui.alert_rules import BUILT_IN, Rule
from midstream_tui.alerts import Alert, Alerts
from midstream_tui.figures import FIGURES
from midstream_tui.session import Session


class Scene:
    """A session, its clock, and the alerts that watch it."""

    def __init__(self, **rules: Rule) -> None:
        self.now = 100.0
        self.session = Session(clock=lambda: self.now, wall=lambda: self.now)
        self.alerts = Alerts(rules or BUILT_IN)
        self.fold(StreamOpened("a", self.now, "a", frozenset({Kind.TEXT}), Provenance.LIVE))
        self.fold(StateChanged("a", self.now, State.LIVE))

    def fold(self, *events: Event) -> None:
        for event in events:
            self.session.apply(event)

    def pass_(self, seconds: float, *events: Event) -> list[Alert]:
        """Time goes by, then `events`, then one look."""
        self.now += seconds
        self.fold(*events)
        return self.alerts.update(self.session, self.now)


def text(at: float) -> TextChunk:
    return TextChunk("a", at, "x")


def test_a_stall_begins_and_ends_once() -> None:
    scene = Scene()
    scene.pass_(0, text(100.0))
    changes = [(scene.now, alert.rule, alert.ended) for _ in range(30) for alert in scene.pass_(1)]
    assert changes == [
        (111.0, "stall", None)
    ]  # text stalls after 10 s of silence, and then more than 5 s are too many
    assert [alert.stream for alert in scene.alerts.active] == ["a"]
    (over,) = scene.pass_(1, text(scene.now + 1))
    assert (over.rule, over.began, over.ended) == ("stall", 111.0, 131.0)
    assert not scene.alerts.active
    assert (scene.alerts.total, list(scene.alerts.log)) == (1, [over])


def test_a_lost_source_is_an_error_and_comes_first() -> None:
    scene = Scene()
    scene.pass_(1, Impairment("a", 101.0, "black", Kind.VIDEO, 1.0, None, Blame.SOURCE, {}))
    scene.pass_(1, StateChanged("a", 102.0, State.RECONNECTING, "gone", 3.0))
    assert [(alert.rule, alert.level) for alert in scene.alerts.active] == [
        ("lost", "error"),
        ("black", "warning"),
    ]
    ended = scene.pass_(
        1,
        StateChanged("a", 103.0, State.LIVE),
        Impairment("a", 103.0, "black", Kind.VIDEO, 1.0, 4.0, Blame.SOURCE, {}),
    )
    assert sorted(alert.rule for alert in ended) == ["black", "lost"]


def reconnects(count: int) -> list[Event]:
    return [StateChanged("a", 0.0, State.RECONNECTING, "x", 1.0)] * count


def test_hysteresis_and_hold() -> None:
    level = [0.0]
    scene = Scene(r=Rule("reconnects", above=10.0, clear=5.0, hold_s=2.0))
    tally = scene.session.streams["a"]

    def at(value: int) -> list[bool]:
        tally.reconnects = value
        return [alert.ended is None for alert in scene.pass_(1)]

    assert at(11) == []  # not for long enough
    assert at(9) == []  # came back: the count of seconds starts anew
    assert at(11) == [] and at(11) == [] and at(11) == [True]  # noqa: PT018
    assert at(8) == []  # under the threshold, not under the end
    assert at(12) == []  # and so it does not ring again
    assert at(5) == [False]
    assert level == [0.0]


def test_a_gauge_is_judged_by_its_percentile_not_by_its_last_value(monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([30.0] * 30 + [1.0] + [30.0] * 30 + [1.0] * 40)
    kind = FIGURES["fps"]._replace(read=lambda session, tally, now: next(values))
    monkeypatch.setitem(FIGURES, "fps", kind)
    scene = Scene(slow=Rule("fps", below=20.0))
    changes = [number for number in range(101) if scene.pass_(0.25)]
    assert len(changes) == 1
    assert (
        61 < changes[0] <= 64
    )  # one slow sample among forty is no alert; the third is more than 5 % of them


def test_drops_are_a_rate() -> None:
    scene = Scene(drops=Rule("drops_per_s", above=5.0))
    scene.pass_(1, Dropped("a", 0.0, Kind.TEXT, 1_000_000, "queue"))  # before we looked: no rise that we saw
    assert not [alert for _ in range(8) for alert in scene.pass_(1)]
    began = [alert for _ in range(8) for alert in scene.pass_(1, Dropped("a", 0.0, Kind.TEXT, 10, "queue"))]
    assert [alert.ended for alert in began] == [None]
    assert began[0].value == pytest.approx(5.0, rel=0.5)
    assert [alert.ended is None for _ in range(14) for alert in scene.pass_(1)] == [False]


def test_answers_that_miss_the_objectives(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(goodput=Rule("good_percent", below=90.0))
    for n in range(5):
        turn = f"t{n}"
        scene.fold(TurnStarted("a", scene.now, turn))
        scene.fold(TextChunk("a", scene.now + 1.0, "late", "assistant", turn, 1, final=False))
        began = scene.pass_(2, TurnEnded("a", scene.now + 2.0, turn))
        assert bool(began) is (n == 4)  # a verdict wants five answers


def test_a_stream_that_is_closed_ends_its_alerts() -> None:
    scene = Scene()
    scene.pass_(1, StateChanged("a", 101.0, State.FAILED, "no"))
    assert scene.alerts.of("a")
    scene.session.forget("a")
    assert [alert.ended for alert in scene.pass_(1)] == [102.0]
    assert not scene.alerts.active


def test_rules_choose_streams_and_can_be_off() -> None:
    scene = Scene(one=Rule("lost", above=0.5, streams="b*"), two=Rule("lost", above=0.5, enabled=False))
    assert not scene.pass_(1, StateChanged("a", 101.0, State.FAILED, "no"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"above": 1.0, "below": 2.0},
        {},
        {"above": 1.0, "clear": 2.0},
        {"below": 1.0, "clear": 0.5},
        {"above": 1.0, "hold_s": -1.0},
        {"above": 1.0, "level": "panic"},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        Rule("fps", **wrong)  # type: ignore[arg-type]


def test_every_figure_reads_an_empty_stream() -> None:
    scene = Scene()
    tally = scene.session.streams["a"]
    found = {name: figure.read(scene.session, tally, scene.now) for name, figure in FIGURES.items()}
    assert all(value is None or value == 0.0 for value in found.values())


def test_every_built_in_rule_names_a_figure() -> None:
    assert {rule.figure for rule in BUILT_IN.values()} <= set(FIGURES)


def test_a_stream_that_is_over_keeps_no_alert_but_its_loss() -> None:
    scene = Scene(slow=Rule("reconnects", above=0.5), lost=Rule("lost", above=0.5))
    scene.fold(StateChanged("a", scene.now, State.RECONNECTING, "x", 1.0))
    assert [alert.rule for alert in scene.pass_(1)] == ["slow", "lost"]
    ended = scene.pass_(1, StateChanged("a", scene.now, State.FAILED, "no"))
    assert [(alert.rule, alert.ended is not None) for alert in ended] == [("slow", True)]
    assert [alert.rule for alert in scene.alerts.active] == ["lost"]
