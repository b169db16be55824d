"""The report of a moment in Markdown: what is wrong, all figures, the panels as text, and what it means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from midstream_adapters.redact import redact
from midstream_widgets import formats as f

from .alerts import Alert
from .glossary import GLOSSARY
from .state import DashboardState, StreamState

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")


def markdown(
    state: DashboardState,
    panels: Sequence[tuple[str, str, str]],
    alerts: Iterable[Alert] = (),
) -> str:
    """The report. `panels` are (name, title, text) in reading order; text of streams can't become markup."""
    return redact("\n".join(_lines(state, panels, list(alerts))) + "\n")


def _lines(
    state: DashboardState, panels: Sequence[tuple[str, str, str]], alerts: list[Alert]
) -> Iterator[str]:
    yield "# MidStream report"
    yield ""
    yield f"{state.time}, up {state.uptime_s:.0f} s, midstream-tui {state.version}."
    simulated = [name for name, stream in state.streams.items() if stream.provenance == "simulated"]
    if simulated:
        yield f"**Simulated:** {', '.join(map(text, simulated))}."
    yield ""
    yield "## Alerts"
    yield ""
    if not alerts:
        yield "None."
    yield from (f"- **{alert.level}** {text(alert.text)}" for alert in alerts)
    yield ""
    yield "## Streams"
    yield ""
    yield "| stream | source | state | kinds | bytes | bytes/s | FPS | tokens | TTFT ms | dropped |"
    yield "|---|---|---|---|---:|---:|---:|---:|---:|---:|"
    yield from (_row(name, stream) for name, stream in state.streams.items())
    yield ""
    for name, stream in state.streams.items():
        yield from _stream(name, stream)
    yield "## Panels"
    yield ""
    for _, title, shown in panels:
        fence = "`" * (max((len(run) for run in re.findall(r"`+", shown)), default=2) + 1)
        fence = max(fence, "```", key=len)
        yield from (f"### {title}", "", f"{fence}text", shown.rstrip("\n"), fence, "")
    yield "## What the figures mean"
    yield ""
    names = {name for name, _, _ in panels}
    for term in GLOSSARY:
        if term.panels & names:
            unit = f" ({text(term.unit)})" if term.unit else ""
            source = f" Source: {text(term.source)}." if term.source else ""
            yield f"- **{text(term.name)}**{unit}: {text(term.meaning)}.{source}"


def _row(name: str, stream: StreamState) -> str:
    tokens = f"{'~' if stream.tokens_estimated else ''}{stream.tokens:,}" if stream.tokens else "–"
    cells = (
        text(name), text(stream.source), _state(stream), text("+".join(stream.kinds)), f"{stream.bytes:,}",
        _number(stream.bytes_per_s, 0), _number(stream.fps, 1), tokens, _number(stream.latency.ttft_ms, 0),
        f"{sum(stream.drops.values()):,}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _state(stream: StreamState) -> str:
    return text(f"{stream.state} ({stream.provenance})")


def _stream(name: str, stream: StreamState) -> Iterator[str]:
    said = [f"- state: {_state(stream)}{f': {text(stream.reason)}' if stream.reason else ''}"]
    said += [f"- {text(key)}: {text(f.figure(value))}" for key, value in stream.figures.items()]
    for observable, verdict in stream.observables.items():
        exponent = ""
        if verdict.lyapunov_exponent is not None:
            exponent = f", largest Lyapunov exponent {verdict.lyapunov_exponent:.4g} per {verdict.unit}"
        said.append(
            f"- {text(observable)}: **{verdict.label}** ({verdict.confidence:.0%} sure, n={verdict.n}{exponent}): "
            f"{text(verdict.reason)}"
        )
    yield from (f"### {text(name)}", "", *said, "")


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def text(words: str) -> str:
    """`words` as Markdown shows them: nothing in them is markup, and they stay on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))
