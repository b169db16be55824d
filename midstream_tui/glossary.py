"""What every figure means: name, unit, formula, source, and the panels that show it. For the help and the exports."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple


class Term(NamedTuple):
    """A figure. ``unit`` is "" for a word or a label, ``source`` "" where the definition is our own."""

    name: str
    unit: str
    meaning: str
    source: str
    panels: frozenset[str]


def _term(panels: str, name: str, unit: str, meaning: str, source: str = "") -> Term:
    return Term(name, unit, meaning, source, frozenset(panels.split()))


GLOSSARY: tuple[Term, ...] = (
    _term(
        "system",
        "Messages Processed",
        "messages",
        "whole messages that came; the pieces of one answer are one message",
    ),
    _term(
        "system streams facts",
        "Total Tokens",
        "tokens",
        "as the sources count them (provider's usage); ~ where some are estimated: a piece of a turn is 1, other text "
        "is characters / 4",
    ),
    _term(
        "system streams table facts",
        "FPS",
        "frames/s",
        "video frames received in the last 3 s / 3 s; all streams together in System Metrics",
    ),
    _term(
        "system",
        "Latency",
        "ms",
        "time of the fold - time of arrival in this process, median and 99th percentile over 20 s",
    ),
    _term(
        "system streams table facts turns latency timeline",
        "TTFT",
        "ms",
        "time to first token: t(first non-empty chunk) - t0; t0: the request is written",
        "vLLM, guidellm",
    ),
    _term(
        "turns timeline latency",
        "TTFAT",
        "ms",
        "time to first answer token: t(first chunk that is no reasoning) - t0",
    ),
    _term("turns timeline", "Thinking", "ms", "TTFAT - TTFT"),
    _term(
        "turns facts latency",
        "ITL",
        "ms",
        "inter-token latency: (t_last - t_first) / (N_out - 1), per turn; median over turns",
        "vLLM's TPOT",
    ),
    _term(
        "streams turns facts latency table",
        "ICL",
        "ms",
        "inter-chunk latency: t(i) - t(i-1), of chunks, not tokens: one chunk may hold several",
    ),
    _term("turns facts", "E2E", "ms", "t(end of the answer) - t0"),
    _term("turns", "Tokens/s 1/ITL", "tokens/s", "what one reader of one answer sees: 1 / ITL"),
    _term("turns", "Tokens/s N/E2E", "tokens/s", "one request, waiting included: N_out / E2E"),
    _term(
        "turns system streams table",
        "Tokens/s in all",
        "tokens/s",
        "sum of output tokens in the window / window, all requests together; 3 s",
    ),
    _term(
        "turns",
        "Goodput",
        "turns/s",
        "turns that keep every objective (TTFT, ITL) in the last minute / 60 s",
        "DistServe, OSDI 2024",
    ),
    _term("turns", "Stalls", "", "gaps between chunks of a turn of at least max(3 x their median, 2 s)"),
    _term(
        "system streams table facts",
        "Rate (bandwidth)",
        "B/s",
        "bytes received in the last 3 s / 3 s, before decoding; times 8 is the bitrate; over its life (mean) once over",
    ),
    _term(
        "system",
        "Loop lag",
        "ms",
        "how late the event loop wakes up, 99th percentile over 20 s: the monitor's own health",
    ),
    _term("system", "Uptime", "", "since the program was started"),
    _term(
        "system",
        "Refresh",
        "ms",
        "time between two repaints; over a slow link more than asked: half as much again while output waits for "
        "the terminal half of the time, less again when it does not",
    ),
    _term(
        "system streams table facts",
        "Dropped",
        "items",
        "shed before they were counted as shown, and where: queue (us), decoder, limit, the source's own",
    ),
    _term(
        "table",
        "Interval",
        "ms",
        "median time between frames, else between chunks, over 20 s",
    ),
    _term(
        "table",
        "Alert",
        "",
        "the worst that is wrong now: failed, lost, stalled, frozen, black, silent, looping, unstable, chaotic, drops",
    ),
    _term(
        "status table facts title",
        "stalled",
        "",
        "live, but silent for longer than 2 s (text between turns 10 s) and 3 times the usual gap",
    ),
    _term(
        "status facts video",
        "Freeze",
        "s",
        "a gap between frames, or the same picture, of at least max(3 x average gap, average + 150 ms)",
        "W3C webrtc-stats",
    ),
    _term(
        "status facts video",
        "Black",
        "s",
        "98 % of the pixels darker than 10 % for 2 s or more",
        "FFmpeg blackdetect",
    ),
    _term(
        "status facts levels waveform",
        "Silence",
        "s",
        "all samples under -60 dBFS for 2 s or more",
        "FFmpeg silencedetect",
    ),
    _term(
        "levels facts status",
        "Loudness",
        "LUFS",
        "K-weighted mean square: momentary over 400 ms, short-term over 3 s, integrated gated",
        "EBU R 128, ITU-R BS.1770",
    ),
    _term(
        "levels facts",
        "True peak",
        "dBTP",
        "the highest value between samples, by oversampling",
        "ITU-R BS.1770",
    ),
    _term(
        "levels waveform status",
        "Level (RMS)",
        "dBFS",
        "20 log10 of the root of the mean square of a chunk's samples, full scale 1.0",
    ),
    _term(
        "spectrogram",
        "Spectrogram",
        "dB",
        "squared magnitude of the windowed Fourier transform, by time and log frequency",
    ),
    _term(
        "facts",
        "A/V offset",
        "ms",
        "(PTS_a - PTS_v) - (arrival_a - arrival_v); seen from +45 / -125 ms on",
        "ITU-R BT.1359",
    ),
    _term(
        "facts",
        "Jitter",
        "ms",
        "J += (|D| - J) / 16, D: difference of transit times of neighbouring packets",
        "RFC 3550",
    ),
    _term("facts", "Loss", "%", "lost / (received + lost)", "RFC 3550"),
    _term(
        "temporal table portrait",
        "Attractor Type",
        "",
        "what the series does, told by which model forecasts it (sinusoids, lines, neighbours), not by lambda's sign",
    ),
    _term(
        "temporal",
        "Lyapunov Exp",
        "1/unit of time",
        "growth rate of small differences; withheld where log-divergence over time is no line",
        "Rosenstein 1993; Sano and Sawada 1985",
    ),
    _term(
        "temporal",
        "Stability",
        "",
        "STABLE: bounded, neither level nor spread trends (slope t-test); UNSTABLE: it grows",
    ),
    _term(
        "temporal",
        "Chaos",
        "",
        "CHAOTIC where only a nonlinear model forecasts the series, else ORDERED; nothing is said of noise",
    ),
    _term("temporal", "Avg Reward", "", "mean of the rewards that the stream's messages carried"),
    _term(
        "temporal table", "(95%)", "", "calibrated: of the verdicts said at 95 % about 95 in 100 are right"
    ),
    _term(
        "patterns messages",
        "greeting (95%)",
        "",
        "a conversational move and its calibrated probability, of the latest occurrence",
    ),
    _term(
        "patterns",
        "Loop",
        "",
        "a generation that repeats the same n-gram: its period in tokens, and how often",
    ),
    _term(
        "patterns",
        "Learning",
        "nats/move",
        "log-loss of the adaptive predictor of moves against that of the order-0 model; lower is better",
    ),
    _term(
        "portrait recurrence",
        "Delay embedding",
        "",
        "points (x(t), x(t + tau), x(t + 2 tau)); tau from the autocorrelation",
        "Takens 1981",
    ),
    _term(
        "recurrence",
        "Recurrence plot",
        "",
        "a dot where the states at two times are closer than a radius",
        "Eckmann 1987; Marwan 2007",
    ),
    _term(
        "series",
        "Change point",
        "",
        "where level or spread of the observable changes more than chance explains",
    ),
    _term(
        "latency",
        "p50 p90 p99",
        "ms",
        "by nearest rank, of all turns there were (a log-scale histogram, 16 buckets an octave: within 2.2 %);"
        " zoomed in, and where there are no turns, of those drawn",
    ),
)
PROVENANCE = (
    "Every figure is live, from a file, replayed or simulated, and says so; ~ marks an estimate.",
    "Insufficient data is a result: no number is ever made up.",
)


def terms(panels: Collection[str] | None = None) -> list[Term]:
    """The figures that these panels show, all of them for None."""
    if panels is None:
        return list(GLOSSARY)
    return [term for term in GLOSSARY if not term.panels.isdisjoint(panels)]
