"""System Metrics: totals over all streams, and whether the monitor itself keeps up."""

from __future__ import annotations

from textual.reactive import var

from midstream_widgets import formats as f
from midstream_widgets.fields import Field, aligned, field
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, join, justify, width_of
from midstream_widgets.views import SystemView

LAG_WARNING_MS = 50.0  # three frames late at 60 Hz: from here on keys feel slow


def system_rows(view: SystemView, width: int, height: int) -> list[Row]:
    """One or two columns with the colons aligned; in a small panel pairs on a line, the specification's five first."""
    late = view.loop_lag_ms is not None and view.loop_lag_ms > LAG_WARNING_MS
    shed = "warning" if view.queued or view.dropped else "good"
    messages: Field = ("Messages Processed", f.count(view.messages), "value")
    tokens: Field = ("Total Tokens", f.count(view.tokens, view.tokens_estimated), "value")
    token_rate: Field = ("Token Rate", f.rate(view.tokens_per_s, estimated=view.tokens_estimated), "value")
    fps: Field = ("FPS", f.frames(view.fps), "good")
    latency: Field = ("Latency", f.milliseconds(view.latency_ms), "good")
    p99: Field = ("p99", f.milliseconds(view.latency_p99_ms), "value")
    ttft: Field = ("TTFT", f.milliseconds(view.ttft_ms), "value")
    uptime: Field = ("Uptime", f.duration(view.uptime_s), "value")
    traffic: Field = ("Bandwidth", f.bandwidth(view.bytes_per_s), "value")
    queue: Field = ("Queue/Drops", f"{f.count(view.queued)}/{f.count(view.dropped)}", shed)
    lag: Field = ("Loop lag", f.milliseconds(view.loop_lag_ms), "warning" if late else "good")
    refresh: Field = ("Refresh", f.milliseconds(view.refresh_ms), "value")

    left, right = (
        [messages, tokens, fps, latency, uptime, token_rate],
        [ttft, p99, traffic, queue, lag, refresh],
    )
    if height >= len(left) + len(right):
        return aligned(left + right)
    columns = aligned(left), aligned(right)
    pitch = max(map(width_of, columns[0])) + 3
    if pitch + max(map(width_of, columns[1])) <= width:
        pitch = max(pitch, (width + 1) // 2)
        return [join(pair, pitch) for pair in zip(*columns, strict=True)]
    pairs = [
        (messages, refresh),
        (tokens, fps),
        (latency, ttft),
        (uptime, traffic),
        (lag, queue),
        (token_rate, p99),
    ]
    if shed == "warning":  # what goes wrong comes first, even on three lines
        pairs[0], pairs[3], pairs[4] = (messages, fps), (queue, lag), (uptime, refresh)
        pairs[1], pairs[5] = (tokens, token_rate), (traffic, p99)
    return [justify(field(*one), field(*other), width) for one, other in pairs]


class SystemMetrics(LinePanel[SystemView]):
    """Messages, tokens, rates, latency, and the monitor's own queue, drops and lag."""

    TITLE = "System Metrics"
    view = var(SystemView(), init=False)

    def rows(self, view: SystemView, width: int, height: int) -> list[Row]:
        return system_rows(view, width, height)

    def badge(self, view: SystemView) -> tuple[str, str]:
        return "", "simulated" if view.simulated else ""
