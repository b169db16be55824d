"""Waveform: the outline of the newest sound, with what is at full scale marked."""

from __future__ import annotations

import math

import numpy as np
from textual.reactive import var

from midstream_widgets.chart_views import SoundView
from midstream_widgets.charts.axes import framed, time_axis
from midstream_widgets.charts.base import GUTTER, HEADED, ChartPanel, headed
from midstream_widgets.charts.braille import Braille
from midstream_widgets.charts.windows import outline, shown, window, zoomed
from midstream_widgets.lines import Row, Span

USUAL = 5.0
LEAST_SPAN = 0.01
CLIPPED = 0.999
"""Of full scale, from which on a sample counts as clipped (the last of 16 bits is 0.99997)."""


def sound_zooms(view: SoundView, usual: float) -> tuple[int, int]:
    """Steps of the time axis of sound: out to all there is, in to `LEAST_SPAN`."""
    held = len(view.samples) / view.rate if view.samples and view.rate else usual
    return -max(0, math.ceil(math.log2(max(held, 1e-9) / usual))), math.floor(math.log2(usual / LEAST_SPAN))


def decibel(linear: float) -> str:
    """A level as "-23.4 dBFS"."""
    return f"{20 * math.log10(linear):.1f} dBFS" if linear > 1e-6 else "silence"


class Waveform(ChartPanel[SoundView]):
    """Full scale is the whole height; the newest sample is at the right edge."""

    TITLE = "Waveform"
    view = var(SoundView(), init=False)

    def zooms(self, view: SoundView) -> tuple[int, int]:
        return sound_zooms(view, USUAL)

    def draw(self, view: SoundView, width: int, height: int) -> list[Row]:
        assert view.samples is not None
        head, axis = height >= HEADED, height >= 3
        gutter = 5 if width >= GUTTER else 0
        canvas = Braille(width - gutter, height - head - axis)
        samples = view.samples.data
        span = zoomed(USUAL, view.zoom, LEAST_SPAN, max(len(samples) / view.rate, LEAST_SPAN))
        time = window(span * view.rate, canvas.columns)
        part = shown(samples, view.total, time)
        low, high = outline(part, view.total, time)
        middle = (canvas.lines - 1) / 2
        canvas.dots(np.arange(canvas.columns), np.full(canvas.columns, middle), "axis")
        clipped = np.fmax(np.abs(low), np.abs(high)) >= CLIPPED
        loud = clipped.reshape(-1, 2).any(axis=1)
        inks = np.where(loud, "error", "line").tolist()
        top, bottom = ((1 - np.clip(edge, -1, 1)) * middle for edge in (high, low))
        canvas.columns_between(top, bottom, inks)
        for cell in np.flatnonzero(loud).tolist():
            canvas.text(cell, 0, "▲", "error")
        labels = {0: "1", canvas.height // 2: "0", canvas.height - 1: "-1"} if canvas.height >= 3 else {}
        rows = framed(
            canvas.rows(), labels, gutter, time_axis(canvas.width, time.samples / view.rate) if axis else None
        )
        return headed(rows, self._figures(part), self._told(view, bool(loud.any())), width) if head else rows

    @staticmethod
    def _figures(part: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Row:
        heard = part[~np.isnan(part)]
        if not heard.size:
            return Row()
        peak, rms = float(np.abs(heard).max()), math.sqrt(float(np.mean(np.square(heard))))
        return Row((("peak ", "label"), (decibel(peak), "error" if peak >= CLIPPED else "value"),
                    ("  rms ", "label"), (decibel(rms), "value")))  # fmt: skip

    @staticmethod
    def _told(view: SoundView, clipped: bool) -> Row:
        spans: list[Span] = [("▲ clipped  ", "error")] if clipped else []
        return Row((*spans, (view.source or f"{view.rate / 1000:g} kHz", "label")))
