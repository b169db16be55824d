"""What each panel says: pure rows from a view, the specification's wording first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from midstream_analysis.report import Attractor
from midstream_widgets.lines import Row, fit, width_of
from midstream_widgets.pattern_detection import pattern_rows
from midstream_widgets.recent_messages import messages_rows
from midstream_widgets.stream_metrics import metrics_rows
from midstream_widgets.streaming_status import status_rows
from midstream_widgets.system_metrics import system_rows
from midstream_widgets.temporal_analysis import temporal_rows
from midstream_widgets.views import (
    MessagesView,
    MetricsView,
    PatternView,
    StatusLine,
    StatusView,
    SystemView,
    TemporalView,
)
from tests.widgets.gallery import MESSAGES, METRICS, PATTERNS, STATUS, SYSTEM, TEMPORAL


def texts(rows: list[Row], width: int = 10_000) -> list[str]:
    return ["".join(text for text, _ in fit(row, width).spans).rstrip() for row in rows]


def styles(rows: list[Row], text: str) -> set[str]:
    """The styles of the spans that contain ``text``."""
    return {style for row in rows for each, style in row.spans if text in each}


# System Metrics


def test_system_metrics_reads_as_the_specification() -> None:
    view = SystemView(messages=150, tokens=2340, fps=60.0, latency_ms=12.0, uptime_s=323.0)
    said = [line.strip() for line in texts(system_rows(view, 38, 11))]
    assert said[:5] == [
        "Messages Processed: 150",
        "Total Tokens: 2,340",
        "FPS: 60",
        "Latency: 12ms",
        "Uptime: 0h 5m 23s",
    ]
    assert said[5:] == [
        "TTFT: —",
        "Token Rate: —",
        "Bandwidth: —",
        "Queue/Drops: 0/0",
        "Loop lag: —",
        "Refresh: 67ms",
    ]


def test_system_metrics_estimates_are_marked_and_trouble_comes_forward() -> None:
    rows = system_rows(SYSTEM, 38, 20)
    assert any("Total Tokens: ~2,340" in line for line in texts(rows))
    assert any("Latency: 12ms p99 40ms" in line for line in texts(rows))
    assert styles(rows, "0/0") == {"good"}
    shed = replace(SYSTEM, queued=12, dropped=3400)
    assert styles(system_rows(shed, 38, 20), "12/3,400") == {"warning"}
    assert "Queue/Drops: 12/3,400" in "\n".join(texts(system_rows(shed, 34, 3))[:2])
    assert styles(system_rows(replace(SYSTEM, loop_lag_ms=80.0), 38, 20), "80ms") == {"warning"}
    slow = system_rows(replace(SYSTEM, refresh_ms=400, asked_ms=67), 60, 20)
    assert "Refresh: 400ms (slow link, 67 asked)" in "\n".join(texts(slow))
    assert styles(slow, "400ms") == {"warning"}


def test_system_metrics_in_two_columns_and_in_pairs() -> None:
    wide = texts(system_rows(SYSTEM, 64, 6))
    assert len(wide) == 6
    assert wide[0].startswith("Messages Processed: 150")
    assert wide[0].endswith("TTFT: 231ms")
    small = texts(system_rows(SYSTEM, 36, 5))
    assert small[0].startswith("Messages Processed: 150")
    assert small[0].endswith("FPS: 60")
    assert all(len(line) <= 36 for line in small)
    everything = "\n".join(texts(system_rows(replace(SYSTEM, bytes_per_s=21_412_345.0), 36, 9)))
    for label in ("Uptime: 0h 5m 23s", "Bandwidth: 21.4 MB/s", "Refresh: 67ms", "Loop lag: 2.1ms"):
        assert label in everything


# Temporal Analysis


def test_temporal_analysis_reads_as_the_specification() -> None:
    said = [line.strip() for line in texts(temporal_rows(TEMPORAL, 60, 20))]
    assert said[:7] == [
        "Attractor Type: PERIODIC (93%)",
        "Lyapunov Exp: -0.0234 1/s",
        "Stability: STABLE",
        "Chaos: ORDERED",
        "Avg Reward: 0.847",
        "Period: 4.1 s",
        "Samples: 512",
    ]
    assert " ".join(said[8:]) == TEMPORAL.reason


def test_nothing_known_is_said_as_such() -> None:
    said = [line.strip() for line in texts(temporal_rows(TemporalView(), 60, 20))]
    assert said[:5] == [
        "Attractor Type: insufficient data",
        "Lyapunov Exp: insufficient data",
        "Stability: —",
        "Chaos: —",
        "Avg Reward: —",
    ]


def test_a_series_without_exponent_is_not_short_of_data() -> None:
    noise = replace(TEMPORAL, label=Attractor.STOCHASTIC, exponent=None, stable=None, chaotic=False)
    assert "Lyapunov Exp: none" in "\n".join(texts(temporal_rows(noise, 60, 20)))
    short = replace(TEMPORAL, label=Attractor.UNKNOWN, exponent=None)
    assert "Lyapunov Exp: insufficient data" in "\n".join(texts(temporal_rows(short, 60, 20)))
    wild = replace(TEMPORAL, label=Attractor.CHAOTIC, exponent=float("nan"), stable=False, chaotic=True)
    rows = temporal_rows(wild, 60, 20)
    assert styles(rows, "UNSTABLE") == {"error"}
    assert styles(rows, "CHAOTIC") == {"error"}


@pytest.mark.parametrize("rows", [temporal_rows, pattern_rows])
def test_warming_and_failure_are_said_first(rows: Callable[..., list[Row]]) -> None:
    empty: Any = TemporalView() if rows is temporal_rows else PatternView()
    assert texts(rows(replace(empty, warming=0.4), 40, 9))[0] == "warming up 40 % █████████▋░░░░░░░░░░░░░░"
    assert texts(rows(replace(empty, warming=0.4), 17, 9))[0] == "warming up 40 %"
    failed = rows(replace(empty, warming=0.4, failed="no compiler"), 40, 9)
    assert texts(failed)[0] == "✗ failed no compiler"
    assert styles(failed, "no compiler") == {"error"}


def test_unknown_has_no_confidence_to_tell() -> None:
    view = replace(TEMPORAL, label=Attractor.UNKNOWN, confidence=0.0)
    assert texts(temporal_rows(view, 60, 20))[0].strip() == "Attractor Type: UNKNOWN"


def test_temporal_analysis_on_five_lines_keeps_every_verdict() -> None:
    said = "\n".join(texts(temporal_rows(TEMPORAL, 36, 5))[:5])
    for each in ("PERIODIC (93%)", "-0.0234 1/s", "STABLE", "ORDERED", "0.847"):
        assert each in said


# Pattern Detection


def test_patterns_read_as_the_specification() -> None:
    said = texts(pattern_rows(replace(PATTERNS, repetition=None), 60, 20))
    assert said[:5] == [
        "• greeting (95%) ×2",
        "• question (87%) ×14",
        "• acknowledgment (92%) ×6",
        "• follow-up (78%) ×5",
        "• closing (88%)",
    ]
    assert "greeting → question → answer ×4 (80%)" in said
    rest = "\n".join(said)
    for each in (
        "Next: answer (72%)",
        "Level: 2",
        "Log-loss: 1.12 vs 1.79 baseline",
        "Regret: 0.42",
        "Drifts: 1",
    ):
        assert each in rest


def test_a_loop_is_an_alert_by_glyph_word_and_colour() -> None:
    rows = pattern_rows(PATTERNS, 60, 20)
    assert texts(rows)[0].startswith("▲ LOOP: 12 tokens ×5 (97%)")
    assert styles(rows, "LOOP") == {"error"}


def test_log_loss_above_the_baseline_is_no_success() -> None:
    learning = replace(PATTERNS.learning, log_loss=2.0)
    assert styles(pattern_rows(replace(PATTERNS, learning=learning), 60, 20), "2.00") == {"warning"}
    assert styles(pattern_rows(PATTERNS, 60, 20), "1.12") == {"good"}


def test_a_long_sequence_is_cut_before_its_figures() -> None:
    assert "greeting → question → answ… ×4 (80%)" in texts(pattern_rows(PATTERNS, 36, 20), 36)


def test_on_few_lines_moves_share_lines_so_that_sequences_show() -> None:
    said = texts(pattern_rows(PATTERNS, 36, 6), 36)
    assert said[1:4] == [
        "• greeting (95%)  • question (87%)",
        "• acknowledgment (92%)",
        "• follow-up (78%)  • closing (88%)",
    ]
    assert said[4].startswith("greeting → question")


def test_no_patterns_yet() -> None:
    assert texts(pattern_rows(PatternView(utterances=12), 40, 5)) == ["12 messages read, no patterns yet"]


# Streaming Status


def test_status_reads_as_the_specification() -> None:
    said = texts(status_rows(StatusView(audio=True, video=False, active=3), 36, 10))
    assert said[:4] == ["Audio: ● ACTIVE", "Video: ○ idle", "Text: — none", "Streams: 3 active"]
    assert (
        texts(status_rows(StatusView(audio=True, audio_level=-23.4), 36, 10))[0] == "Audio: ● ACTIVE -23 dB"
    )


def test_every_state_has_its_own_sign_word_and_style() -> None:
    rows = status_rows(STATUS, 100, 20)
    said = "\n".join(texts(rows))
    for sign in ("● live", "◐ stalled", "↻ reconnecting", "■ ended", "✗ failed"):
        assert sign in said
    assert "retry in 3.2s · connection reset by peer · 2 reconnects" in said
    assert "silent 12s" in said
    assert styles(rows, "simulated") == {"warning"}
    assert styles(rows, "403") == {"error"}


def test_status_on_few_lines_puts_the_kinds_side_by_side() -> None:
    said = texts(status_rows(STATUS, 36, 5))
    assert said[0].split() == ["Audio:", "●", "ACTIVE", "Text:", "●", "ACTIVE"]


def test_streams_in_trouble_come_first_where_not_all_find_room() -> None:
    signs = [line.split()[0] for line in texts(status_rows(STATUS, 100, 20))[-len(STATUS.lines) :]]
    assert signs == ["●", "◐", "●", "↻", "■", "✗"]  # as they were added
    signs = [line.split()[0] for line in texts(status_rows(STATUS, 100, len(STATUS.lines)))[-6:]]
    assert signs == ["✗", "◐", "↻", "●", "●", "■"]


def test_a_reason_that_finds_no_room_gets_a_line_where_there_is_one() -> None:
    line = StatusLine("feed", ("text",), "failed", "live", "certificate has expired")
    assert texts(status_rows(StatusView(lines=(line,)), 30, 12))[-1].strip() == "certificate has expired"
    assert len(status_rows(StatusView(lines=(line,)), 30, 5)) == 5


def two(reason: str = "") -> StatusView:
    names = ("127.0.0.1/live/front-door", "127.0.0.1/live/front-desk")
    return StatusView(lines=tuple(StatusLine(name, ("video",), "live", "live", reason) for name in names))


@pytest.mark.parametrize("height", [6, 8, 12])
@pytest.mark.parametrize("reason", ["", "flv: h264 640x360, aac 48 kHz"])
@pytest.mark.parametrize("width", [20, 30, 48, 60, 80])
def test_streams_are_told_apart_at_every_size(width: int, height: int, reason: str) -> None:
    rows = [fit(row, width) for row in status_rows(two(reason), width, height) if row.key is not None]
    assert len({text for row in rows for text, style in row.spans if style == "value"}) == 2


def test_a_name_has_the_room_that_there_is() -> None:
    said = texts(status_rows(two("flv: h264 640x360, aac 48 kHz"), 48, 12))
    assert said[-4:] == [
        "● live 127.0.0.1/live/front-door",
        "  flv: h264 640x360, aac 48 kHz",
        "● live 127.0.0.1/live/front-desk",
        "  flv: h264 640x360, aac 48 kHz",
    ]


def test_what_goes_wrong_has_a_line_before_the_kinds_have_one_each() -> None:
    lines = (
        StatusLine("clip.mp4", (), "live", "file"),
        StatusLine("news.example/feed", (), "reconnecting", "live", "503 Service Unavailable", retry_in=4.0),
    )
    said = texts(status_rows(StatusView(lines=lines), 44, 6), 44)
    assert "Audio:" in said[0]
    assert "Text:" in said[0]
    assert said[-1].strip() == "retry in 4.0s · 503 Service Unavailable"


def test_a_name_goes_before_a_remark_that_would_not_be_readable() -> None:
    names = ("127.0.0.1/live", "127.0.0.1/live#2")
    lines = (StatusLine(name, (), "reconnecting", "live", "refused", retry_in=12.0) for name in names)
    said = texts(status_rows(StatusView(lines=tuple(lines)), 36, 4), 36)
    assert said[-2:] == ["↻ reconnecting 127.0.0.1/live   …", "↻ reconnecting 127.0.0.1/live#2 …"]


# Stream Metrics


def test_stream_metrics_read_as_the_specification() -> None:
    said = texts(metrics_rows(MetricsView(METRICS.rows[:3]), 60, 10))
    assert said[1].strip() == "audio-stream-1 (audio): 150 chunks, 1.5 MB, 45.2 KB/s"
    assert said[2].strip() == "video-stream-1 (video): 1800 frames, 180 MB, 3.2 MB/s"


def test_where_provenances_differ_each_row_tells_its_own() -> None:
    rows = metrics_rows(METRICS, 66, 10)
    assert texts(rows)[3].strip() == "sim (video, simulated): 900 frames, 6.3 MB, 207 KB/s, 7 dropped"
    assert styles(rows, "7 dropped") == {"warning"}
    assert "sim" in texts(metrics_rows(METRICS, 36, 5), 36)[3][20:]


def test_wide_columns_line_up_and_the_cursor_shows() -> None:
    rows = metrics_rows(METRICS, 130, 10, ("sim", "video"))
    said = texts(rows)
    assert said[0].split() == [
        *(
            "Stream",
            "Kind",
            "State",
            "Count",
            "Bytes",
            "Rate",
            "FPS",
            "Tokens",
            "Tok/s",
            "TTFT",
            "ICL",
            "Drops",
        ),
        *("From", "Detail"),
    ]
    ends = {line.index(" KB/s") for line in said if " KB/s" in line} | {said[3].index(" MB/s")}
    assert len(ends) == 1
    assert said[4].startswith("▸ sim")
    assert rows[4].base == "selected"
    assert [row.base for row in rows].count("selected") == 1


def test_one_provenance_for_all_is_left_to_the_border_where_room_is_short() -> None:
    simulated = tuple(replace(row, provenance="simulated") for row in METRICS.rows)
    for width in (36, 60, 100):
        said = "\n".join(texts(metrics_rows(MetricsView(simulated), width, 5)))
        assert "simulated" not in said
        assert "From" not in said
    assert "simulated" in texts(metrics_rows(MetricsView(simulated), 100, 9))[1]


def test_columns_go_by_rank_when_room_is_short() -> None:
    for width in range(72, 130):
        header = texts(metrics_rows(METRICS, width, 10), width)[0]
        assert "…" not in header
        assert all(title in header for title in ("Stream", "Kind", "Count", "Rate", "From"))


def test_narrow_and_tall_takes_two_lines_a_stream() -> None:
    said = texts(metrics_rows(METRICS, 36, 12), 36)
    assert said[2].split() == ["audio-stream-1", "(audio)", "●", "live"]
    assert said[3].strip() == "150 chunks, 1.5 MB, 45.2 KB/s"
    assert said[7].strip() == "900 frames, 207 KB/s, 7 dropped"


# Recent Messages


def test_messages_on_one_line_each() -> None:
    said = texts(messages_rows(MESSAGES, 80, 6), 80)
    assert len(said) == 6
    assert said[0].startswith("12:03:07 › user      chat-1 [greeting] Hello! Are you awake in there?")
    assert said[0].endswith("~7 tok")
    assert len(said[0]) == 80
    assert said[4].startswith("12:03:35 › user      chat-1 [thanks] Thanks, [/bold] that is [@click=ap…")
    assert "▌" in said[5]


def test_an_open_message_shows_its_end() -> None:
    said = texts(messages_rows(MESSAGES, 36, 6), 36)
    assert said[5] == "12:03:42 ◆ …shall tell you when the▌"


def test_a_tall_panel_shows_messages_whole() -> None:
    said = "".join(line.strip() + " " for line in texts(messages_rows(MESSAGES, 60, 30)))
    for message in MESSAGES.messages:
        assert " ".join(message.text.split()[-4:]) in said


def test_a_long_open_message_shows_its_end_and_keeps_its_lines_still() -> None:
    open_message = MESSAGES.messages[-1]
    words = [f"word{k}" for k in range(3000)]
    shown: list[list[str]] = []
    for end in (2900, 2901, 2902, 2903):
        view = MessagesView((replace(open_message, text=" ".join(words[:end])),))
        shown.append(texts(messages_rows(view, 60, 30)))
        assert shown[-1][-1].endswith(f"word{end - 1}▌")
        assert 12 <= len(shown[-1]) <= 13
    assert shown[0][4:11] == shown[1][4:11] or shown[0][5:11] == shown[1][4:10]


def test_an_open_message_of_line_breaks_ends_where_it_ends() -> None:
    text = "\n".join(str(k) for k in range(5000))
    view = MessagesView((replace(MESSAGES.messages[-1], text=text),))
    assert texts(messages_rows(view, 60, 30))[-1].strip() == "4999▌"


def test_a_finished_message_is_bounded_and_says_so() -> None:
    view = MessagesView((replace(MESSAGES.messages[0], text="word " * 10_000),))
    rows = messages_rows(view, 60, 30)
    assert len(rows) <= 41
    assert texts(rows)[-1].endswith("…")


def test_a_simulated_message_among_others_says_so() -> None:
    mixed = MessagesView((MESSAGES.messages[0], replace(MESSAGES.messages[1], simulated=True)))
    said = texts(messages_rows(mixed, 60, 5))
    assert "simulated" not in said[0]
    assert "simulated" in said[1]


@pytest.mark.parametrize(
    ("rows", "view"),
    [(status_rows, StatusView()), (metrics_rows, MetricsView()), (messages_rows, MessagesView())],
)
def test_nothing_yet_is_said(rows: Callable[..., list[Row]], view: Any) -> None:
    assert texts(rows(view, 40, 6))[-1] in ("no streams yet", "no messages yet")


@pytest.mark.parametrize(
    ("rows", "view", "words"),
    [
        (system_rows, SYSTEM, ["150"]),
        (temporal_rows, TEMPORAL, ["PERIODIC", "-0.0234"]),
        (pattern_rows, PATTERNS, ["LOOP", "greeting"]),
        (status_rows, STATUS, ["ACTIVE", "idle"]),
        (metrics_rows, METRICS, ["chat-1", "812 B/s"]),
        (messages_rows, MESSAGES, ["Hello!"]),
    ],
)
def test_useful_at_24_by_3(rows: Callable[..., list[Row]], view: Any, words: list[str]) -> None:
    said = "\n".join(texts(rows(view, 20, 3)[:3], 20))
    assert all(word in said for word in words)
    assert all(width_of(fit(row, 20)) <= 20 for row in rows(view, 20, 3))
