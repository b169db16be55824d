"""Spectrogram: short-time Fourier transform of the newest sound, logarithmic in frequency, in the theme's colours."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from textual.reactive import var

from midstream_widgets.chart_views import SoundView
from midstream_widgets.charts.axes import framed, time_axis
from midstream_widgets.charts.base import GUTTER, HEADED, ChartPanel, headed
from midstream_widgets.charts.pixels import Canvas, ramp
from midstream_widgets.charts.waveform import sound_zooms
from midstream_widgets.charts.windows import zoomed
from midstream_widgets.lines import Row, Span

if TYPE_CHECKING:
    import numpy.typing as npt

USUAL = 10.0
LEAST_SPAN = 0.1
LOWEST = 50.0
"""Hz at the lower edge."""
FLOOR, CEILING = -80.0, -10.0
"""dBFS of the darkest and of the brightest colour; a full-scale sine is 0 dBFS."""
WINDOWS = (256, 4096)
"""Least and most samples of a transform."""
TICKS = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)


class Spectrogram(ChartPanel[SoundView]):
    """Time to the right, frequency upwards; brighter is louder, by a scale that is the same for all."""

    TITLE = "Spectrogram"
    view = var(SoundView(), init=False)

    def zooms(self, view: SoundView) -> tuple[int, int]:
        return sound_zooms(view, USUAL)[0], math.floor(math.log2(USUAL / LEAST_SPAN))

    def draw(self, view: SoundView, width: int, height: int) -> list[Row]:
        assert view.samples is not None
        head, axis = height >= HEADED, height >= 3
        gutter = 6 if width >= GUTTER else 0
        lines, across = height - head - axis, width - gutter
        samples = view.samples.data
        span = zoomed(USUAL, view.zoom, LEAST_SPAN, max(len(samples) / view.rate, LEAST_SPAN))
        hop = max(1, round(span * view.rate / across))
        levels = spectra(samples, view.total, view.rate, hop, across, 2 * lines)
        colours = ramp(self.colour("ramp-low", "#101820"), self.colour("ramp-mid", "#22c7dd"),
                       self.colour("ramp-high", "#f0f0f0"))  # fmt: skip
        with np.errstate(invalid="ignore"):
            shade = np.clip((levels - FLOOR) / (CEILING - FLOOR), 0, 1) * (len(colours) - 1)
        heard = ~np.isnan(levels)
        picture = np.empty((2 * lines, across, 3), np.uint8)
        picture[:] = self.paper
        picture[heard] = colours[np.rint(shade[heard]).astype(np.intp)]
        marks = frequency_labels(view.rate, lines)
        edges: list[tuple[Span, ...]] = [
            ((marks.get(y, "").rjust(gutter - 1), "label"), ("┤" if y in marks else "│", "axis"))
            if gutter
            else ()
            for y in range(lines)
        ]
        rows = Canvas(picture).rows(edges)
        if axis:
            rows += framed([], {}, gutter, time_axis(across, hop * across / view.rate))
        return headed(rows, self._figures(levels, view.rate), self._scale(width), width) if head else rows

    @staticmethod
    def _figures(levels: npt.NDArray[np.float64], rate: int) -> Row:
        newest = levels[:, -1]
        if np.isnan(newest).all() or np.nanmax(newest) <= FLOOR:
            return Row((("now ", "label"), ("silence", "value")))
        place = int(np.nanargmax(newest))
        hertz = float(np.sqrt(np.prod(bands(rate, len(newest))[len(newest) - 1 - place :][:2])))
        return Row(
            (("now loudest ", "label"), (f"{hertz:,.0f} Hz", "value"), (f" {newest[place]:.0f} dB", "label"))
        )

    def _scale(self, width: int) -> Row:
        """What the colours mean, in signs that tell it without colours too."""
        return Row(
            ((f"{FLOOR:.0f} ", "label"), ("░▒▓", "line"), ("█", "value"), (f" {CEILING:.0f} dBFS", "label"))
        )


def bands(rate: int, count: int) -> npt.NDArray[np.float64]:
    """Edges in Hz of ``count`` bands of equal ratio from `LOWEST` (or less) to half of ``rate``, lowest first."""
    top = rate / 2
    return np.asarray(np.geomspace(min(LOWEST, top / 16), top, count + 1))


def frequency_labels(rate: int, lines: int) -> dict[int, str]:
    """Round frequencies by cell row, the highest first."""
    low, high = (float(edge) for edge in bands(rate, 1))
    labels: dict[int, str] = {}
    for hertz in reversed(TICKS):
        if low <= hertz <= high:
            y = min(lines - 1, int(math.log(high / hertz) / math.log(high / low) * lines))
            if not {y - 1, y} & set(labels):
                labels[y] = f"{hertz // 1000}k" if hertz >= 1000 else str(hertz)
    if labels:
        labels[min(labels)] += "Hz"
    return labels


def spectra(
    samples: npt.NDArray[Any], total: int, rate: int, hop: int, columns: int, rows: int
) -> npt.NDArray[np.float64]:
    """Levels in dBFS, (rows, columns), highest band first; NaN where there is no sound (yet).

    Column ends are multiples of ``hop`` on the count of all samples, so that a column once drawn stays. Each is one
    Hann-windowed transform (the power of two next to ``hop``, within `WINDOWS`) that ends there; a band's level is
    that of its strongest line, corrected for the window, so that a full-scale sine reads 0. A band narrower than a
    line takes the nearest one.
    """
    out = np.full((rows, columns), np.nan)
    size = min(max(1 << (hop - 1).bit_length(), WINDOWS[0]), WINDOWS[1])
    first = total - len(samples)
    ends = (total // hop - np.arange(columns - 1, -1, -1)) * hop - first
    known = ends >= size
    if not known.any():
        return out
    windowed = np.lib.stride_tricks.sliding_window_view(samples, size)[ends[known] - size]
    clean = np.nan_to_num(windowed, nan=0.0, posinf=1.0, neginf=-1.0)
    # A sine's line is half of its amplitude times the sum of the window.
    lines = np.abs(np.fft.rfft(clean * _hann(size), axis=1)) / (size / 4)
    strongest = np.maximum.reduceat(lines, _starts(rate, size, rows), axis=1)
    with np.errstate(divide="ignore"):
        out[:, known] = np.maximum(20 * np.log10(strongest), -200.0).T[::-1]
    return out


@lru_cache(8)
def _hann(size: int) -> npt.NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


@lru_cache(8)
def _starts(rate: int, size: int, rows: int) -> npt.NDArray[np.intp]:
    """First line of each band. ``reduceat`` takes the line itself where the next band starts no further on."""
    lines = bands(rate, rows)[:-1] * size / rate
    return np.minimum(np.rint(lines).astype(np.intp), size // 2)
