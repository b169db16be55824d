"""System Metrics: totals over all streams, and whether the monitor itself keeps up."""

from __future__ import annotations

from itertools import zip_longest

from textual.reactive import var

from midstream_widgets import formats as f
from midstream_widgets.fields import Field, aligned, beside, labelled, sections
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, join, width_of
from midstream_widgets.views import SystemView

LAG_WARNING_MS = 50.0  # three frames late at 60 Hz: from here on keys feel slow


BACKLOG = 5000
"""Events in the queue from which on it is a backlog; some always wait for the next tick."""


def system_rows(view: SystemView, width: int, height: int) -> list[Row]:
    """One or two columns with the colons aligned; in a small panel pairs on a line, the specification's five first.

    A figure that finds no room beside another comes at the end.
    """
    late = view.loop_lag_ms is not None and view.loop_lag_ms > LAG_WARNING_MS
    shed = view.queued >= BACKLOG or view.dropped > 0
    p99 = f"p99 {f.milliseconds(view.latency_p99_ms)}" if f.known(view.latency_p99_ms) else ""
    messages = Field("Messages Processed", f.count(view.messages))
    tokens = Field("Total Tokens", f.count(view.tokens, view.tokens_estimated))
    fps = Field("FPS", f.frames(view.fps), "good")
    latency = Field("Latency", f.milliseconds(view.latency_ms), "good", p99)
    uptime = Field("Uptime", f.duration(view.uptime_s))
    token_rate = Field("Token Rate", f.rate(view.tokens_per_s, estimated=view.tokens_estimated))
    ttft = Field("TTFT", f.milliseconds(view.ttft_ms))
    traffic = Field("Bandwidth", f.bandwidth(view.bytes_per_s))
    queue = Field(
        "Queue/Drops", f"{f.count(view.queued)}/{f.count(view.dropped)}", "warning" if shed else "good"
    )
    lag = Field("Loop lag", f.milliseconds(view.loop_lag_ms), "warning" if late else "good")
    slow = view.asked_ms is not None
    refresh = Field(
        "Refresh",
        f.milliseconds(view.refresh_ms),
        "warning" if slow else "value",
        f"(slow link, {view.asked_ms} asked)" if slow else "",
    )

    left, right = [messages, tokens, fps, latency, uptime], [ttft, token_rate, traffic, queue, lag, refresh]
    if height >= len(left) + len(right):
        rows = aligned(left + right, width)
        return sections([rows[: len(left)], rows[len(left) :]], height)
    columns = aligned(left, width), aligned(right, width)
    pitch = max(max(map(width_of, columns[0])) + 3, width // 2)
    if pitch + max(map(width_of, columns[1])) <= width:
        return [join(pair, pitch) for pair in zip_longest(*columns, fillvalue=Row())]
    pairs = [(messages, fps), (tokens, ttft), (latency, refresh), (uptime, queue), (traffic, lag)]
    if view.dropped:  # what went wrong comes first, even on three lines
        pairs = [(messages, fps), (queue, lag), (tokens, ttft), (latency, refresh), (uptime, traffic)]
    paired: list[Row] = []
    homeless: list[Row] = []
    for one, two in pairs:
        first, *second = beside(one, two, width)
        paired.append(first)
        homeless += second
    return [*paired, *homeless, labelled(token_rate, width)]


class SystemMetrics(LinePanel[SystemView]):
    """Messages, tokens, rates, latency, and the monitor's own queue, drops and lag."""

    TITLE = "System Metrics"
    view = var(SystemView(), init=False)

    def rows(self, view: SystemView, width: int, height: int) -> list[Row]:
        return system_rows(view, width, height)

    def badge(self, view: SystemView) -> tuple[str, str]:
        return "", "simulated" if view.simulated else ""
