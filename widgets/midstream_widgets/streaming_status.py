"""Streaming Status: which kinds flow, and how every stream is: state, provenance, reason, next attempt."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len
from textual.reactive import var

from midstream_widgets import formats as f
from midstream_widgets import glyphs
from midstream_widgets.fields import sections
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, Span, grid, pad, told_apart, width_of
from midstream_widgets.views import Flaw, StatusLine, StatusView

READABLE = 8
"""Cells below which what is left of a remark says nothing."""


def _kind(label: str, active: bool | None, level: float | None = None) -> Row:
    glyph = glyphs.activity(active)
    loud: tuple[Span, ...] = ((f" {level:.0f} dB", "muted"),) if active and f.known(level) else ()
    return Row(((f"{label}: ", "label"), (glyph.text, glyph.style), *loud))


def summary(view: StatusView, width: int, height: int) -> list[Row]:
    """Audio, Video, Text and the number of active streams, in as few columns as ``height`` allows."""

    def cells(level: float | None) -> list[Row]:
        return [
            _kind("Audio", view.audio, level),
            _kind("Video", view.video),
            _kind("Text", view.text),
            Row((("Streams: ", "label"), (f"{view.active:,} active", "good" if view.active else "muted"))),
        ]

    columns = next((n for n in (1, 2) if 4 // n <= height), 4)
    while columns > 1 and (max(map(width_of, cells(None))) + 2) * columns - 2 > width:
        columns //= 2
    loud = cells(view.audio_level)
    roomy = (max(map(width_of, loud)) + 2) * columns - 2 <= width
    return grid(loud if roomy else cells(None), width, 4 // columns)


def _flaw(flaw: Flaw) -> Span:
    """As "‖ freeze 12s (source)"."""
    glyph = glyphs.flaw(flaw.what)
    lasts = f" {f.short_duration(flaw.seconds)}" if flaw.seconds is not None else ""
    return f"{glyph.text}{lasts} ({flaw.blame})", glyph.style


def _remark(line: StatusLine) -> list[Span]:
    """What else there is to say, the most urgent first."""
    said: list[Span] = []
    if line.retry_in is not None:
        said.append((f"retry in {f.short_duration(line.retry_in)}", "warning"))
    if line.silent_s is not None and line.state == "stalled":
        said.append((f"silent {f.short_duration(line.silent_s)}", "warning"))
    said += map(_flaw, line.flaws)
    if line.seen:
        said.append((line.seen, "value"))
    if line.heard:  # what is to be done goes first
        said.insert(0 if line.heard.startswith("pip ") else len(said), (line.heard, "value"))
    if line.provenance and line.provenance != "live":
        said.append((line.provenance, glyphs.provenance_style(line.provenance)))
    failed = line.state == "failed"
    if line.reason and failed:
        said.append((line.reason, "error"))
    if line.last_flaw is not None and not line.flaws:
        said.append((f"last {_flaw(line.last_flaw)[0]}", "muted"))
    if line.reason and not failed:
        said.append((line.reason, "muted"))
    if line.reconnects:
        said.append((f"{line.reconnects:,} reconnects", "muted"))
    dot: Span = (" · ", "muted")
    return [span for index, each in enumerate(said) for span in ((dot, each) if index else (each,))]


def _about(line: StatusLine, name: str, states: int, names: int, kinds: int) -> tuple[Span, ...]:
    """State, name and kinds of a stream, in columns of that many cells (no kinds in none)."""
    glyph = glyphs.state(line.state)
    spans: tuple[Span, ...] = ((pad(glyph.text, states), glyph.style), (f" {pad(name, names)}", "value"))
    return (*spans, (f" {pad('+'.join(line.kinds), kinds)}", "muted")) if kinds else spans


def _calm(line: StatusLine) -> int:
    """0 for what is broken, 1 for what is in trouble, 2 for the rest."""
    style = glyphs.state(line.state).style
    return 0 if style == "error" else 1 if style == "warning" or line.flaws else 2


def status_rows(view: StatusView, width: int, height: int) -> list[Row]:
    """The summary, then a line a stream: state, id, kinds where there is room, and the remarks.

    A remark that finds no room beside has a line of its own while there are any. Names are whole where that leaves
    every remark its room, or where a remark would not be readable anyhow, else cut so that no two look the same. Where
    there is no room for all streams those in trouble come first.
    """
    states = max((len(glyphs.state(line.state).text) for line in view.lines), default=0)
    kinds = max((len("+".join(line.kinds)) for line in view.lines), default=0) if width >= 60 else 0
    beside = states + 1 + (kinds + 1 if kinds else 0)
    widest = min(max((cell_len(line.stream) for line in view.lines), default=0), max(6, width - beside))

    def parted(names: int) -> list[int]:
        """Which remarks don't fit beside names of so many cells, those of streams in trouble first."""
        found = [n for n, r in enumerate(remarks) if r.spans and beside + names + width_of(r) > width]
        return sorted(found, key=lambda n: _calm(view.lines[n]))

    def said(line: StatusLine) -> Row:
        return Row((("  ", ""), *remark)) if (remark := _remark(line)) else Row()

    remarks = list(map(said, view.lines))
    urgent = sum(_calm(view.lines[n]) < 2 for n in parted(widest))
    head = summary(view, width, height - len(view.lines) - urgent)
    if len(head) + len(view.lines) > height:
        view = replace(view, lines=tuple(sorted(view.lines, key=_calm)))
        remarks = list(map(said, view.lines))
    spare = max(0, height - len(head) - len(view.lines) - (not urgent))
    shared = width // 3 if width - beside - width // 3 - 2 >= READABLE else width - beside - 2
    names = widest if len(parted(widest)) <= spare else min(widest, max(6, shared))
    ids = [line.stream for line in view.lines]
    cut_names, whole_names = told_apart(ids, names), told_apart(ids, widest)
    apart = set(parted(names)[:spare])  # what went wrong is worth a line of its own
    lines: list[Row] = []
    for index, (line, remark) in enumerate(zip(view.lines, remarks, strict=True)):
        if index in apart:
            lines.append(Row(_about(line, whole_names[index], states, widest, kinds), key=line.stream))
            lines.append(remark._replace(key=line.stream))
        else:
            about = _about(line, cut_names[index], states, names, kinds)
            room = width - beside - names
            rest = remark.spans if width_of(remark) <= room or room >= READABLE else ((" …", "muted"),)
            lines.append(Row((*about, *rest), key=line.stream))
    return sections([head, lines or [Row((("no streams yet", "muted"),))]], height)


class StreamingStatus(LinePanel[StatusView]):
    """Activity a kind, and the state of each stream."""

    TITLE = "Streaming Status"
    view = var(StatusView(), init=False)

    def rows(self, view: StatusView, width: int, height: int) -> list[Row]:
        return status_rows(view, width, height)

    def badge(self, view: StatusView) -> tuple[str, str]:
        return "", glyphs.common_provenance(line.provenance for line in view.lines)
