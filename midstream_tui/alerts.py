"""Alerts: rules against the figures of every stream, with hysteresis, so that what hovers at a threshold rings once.

Pure: `update` is called about once a second with the time, and says what began and what ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midstream_widgets import formats as f

from .alert_rules import BUILT_IN, Rule
from .figures import FIGURES

if TYPE_CHECKING:
    from .session import Session

WINDOW = 10.0
"""Seconds over which a gauge is judged, and a counter's rise is taken."""
KEEP = 200
LEAST = 4
"""Samples of a gauge or counter before it is judged at all."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that fired; `value` is the figure when it began. Times are monotonic, `ended` is None while it lasts."""

    rule: str
    stream: str
    figure: str
    value: float
    threshold: float
    level: str
    began: float
    ended: float | None = None

    @property
    def said(self) -> str:
        """What the figure was, and what it is, in words."""
        figure = FIGURES[self.figure]
        if figure.mode == "flag":
            return figure.about.removeprefix("1 while ")
        return f"{self.figure} {f.figure(self.value)}, limit {f.figure(self.threshold)}: {figure.about}"

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.rule}: {self.stream}: {self.said}"


@dataclass(slots=True)
class _Watch:
    """One rule on one stream."""

    samples: deque[tuple[float, float]]
    beyond: float | None = None
    """Since when the figure has been beyond the threshold."""
    alert: Alert | None = None


class Alerts:
    """The alerts of a session: `active` now, and a `log` of the last ones, newest last."""

    def __init__(self, rules: Mapping[str, Rule] = BUILT_IN) -> None:
        self.rules = dict(rules)
        self.log: deque[Alert] = deque(maxlen=KEEP)
        self.total = 0
        self._watches: dict[tuple[str, str], _Watch] = {}

    @property
    def active(self) -> list[Alert]:
        """Those that last, the worst and the newest first."""
        lasting = [watch.alert for watch in self._watches.values() if watch.alert is not None]
        return sorted(lasting, key=lambda alert: (alert.level != "error", -alert.began))

    def of(self, stream: str) -> list[Alert]:
        """Those of a stream that last."""
        return [alert for alert in self.active if alert.stream == stream]

    def update(self, session: Session, now: float) -> list[Alert]:
        """Judge every rule on every stream; return the alerts that began or ended (`ended` tells) just now."""
        changed: list[Alert] = []
        for name, rule in self.rules.items():
            for stream, tally in session.streams.items():
                if not rule.of(stream):
                    continue
                watch = self._watches.get((name, stream))
                if watch is None:
                    watch = self._watches[name, stream] = _Watch(deque(maxlen=int(WINDOW * 10)))
                # Of a stream that is over only the end itself is worth an alert.
                over = tally.over and FIGURES[rule.figure].mode != "flag"
                read = None if over else FIGURES[rule.figure].read(session, tally, now)
                value = _judged(rule, watch, read, now)
                if alert := _step(name, rule, stream, watch, value, now):
                    changed.append(alert)
        for key in [key for key in self._watches if key[1] not in session.streams]:
            gone = self._watches.pop(key).alert
            if gone is not None:
                changed.append(_over(gone, now))
        for alert in changed:
            if alert.ended is None:
                self.total += 1
            else:
                self.log.append(alert)
        return changed


def _judged(rule: Rule, watch: _Watch, value: float | None, now: float) -> float | None:
    """What the rule compares: the value itself, its percentile, or its rise a second."""
    mode = FIGURES[rule.figure].mode
    if mode in ("steady", "flag") or value is None:
        if value is None:
            watch.samples.clear()  # what was before does not tell about now
        return value
    watch.samples.append((now, value))
    while now - watch.samples[0][0] > WINDOW:
        watch.samples.popleft()
    if len(watch.samples) < LEAST:
        return None
    if mode == "counter":
        (since, first), (until, last) = watch.samples[0], watch.samples[-1]
        return max(0.0, last - first) / (until - since) if until > since else None
    ordered = sorted(sample for _, sample in watch.samples)
    return ordered[round((0.95 if rule.above is not None else 0.05) * (len(ordered) - 1))]


def _step(name: str, rule: Rule, stream: str, watch: _Watch, value: float | None, now: float) -> Alert | None:
    if watch.alert is not None:
        if value is not None and not rule.ends(value):
            return None
        over, watch.alert, watch.beyond = _over(watch.alert, now), None, None
        return over
    if value is None or not rule.fires(value):
        watch.beyond = None
        return None
    watch.beyond = now if watch.beyond is None else watch.beyond
    if now - watch.beyond < rule.hold_s:
        return None
    watch.alert = Alert(name, stream, rule.figure, value, rule.threshold, rule.level, now)
    return watch.alert


def _over(alert: Alert, now: float) -> Alert:
    return Alert(
        alert.rule, alert.stream, alert.figure, alert.value, alert.threshold, alert.level, alert.began, now
    )
