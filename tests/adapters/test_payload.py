"""What messages say, as providers really send them; the wire around them is tested with the adapters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.events import BytesReceived, Event, TextChunk, TurnEnded, Usage
from midstream_adapters.payload import MAX_TURNS, PayloadReader


def read(*values: Any, lost: str | None = None) -> tuple[PayloadReader, list[Event]]:
    reader = PayloadReader("s", lambda: 1.0)
    events = [e for v in values for e in reader.read(v if isinstance(v, str) else json.dumps(v), 10)]
    return reader, events + (reader.lost(lost) if lost else [])


def ends(events: list[Event]) -> list[tuple[str, Usage | None, str | None, str | None]]:
    return [(e.turn, e.usage, e.finish_reason, e.error) for e in events if isinstance(e, TurnEnded)]


def delta(
    name: str, text: str | None = None, finish: str | None = None, index: int = 0, **more: Any
) -> dict[str, Any]:
    return {
        "id": name,
        "choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish}],
        **more,
    }


def test_usage_in_its_own_chunk_ends_the_turn() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    reader, events = read(
        delta("a", "x"), delta("a", finish="stop"), {"id": "a", "choices": [], "usage": usage}
    )
    assert ends(events) == [("a", Usage(3, 2), "stop", None)]
    assert reader.complete


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"prompt_tokens": 3}, Usage(3, 0)),
        ({"completion_tokens": 2}, Usage(0, 2)),
        ({"prompt_tokens": -3, "completion_tokens": True}, None),
        ({"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
         Usage(3, 2, cached=1)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "cache_read_input_tokens": 2}, Usage(3, 2, cached=2)),
    ],
)  # fmt: skip
def test_a_usage_that_tells_one_count_only_and_one_that_tells_none(
    usage: dict[str, Any], told: Usage | None
) -> None:
    _, events = read(delta("a", "x"), delta("a", finish="stop", usage=usage), "[DONE]")
    assert ends(events) == [("a", told, "stop", None)]


def test_usage_in_every_chunk_counts_once() -> None:
    chunks = [delta("a", "x", usage={"prompt_tokens": 3, "completion_tokens": n}) for n in (1, 2, 3)]
    _, events = read(*chunks, delta("a", finish="length"), "[DONE]")
    assert ends(events) == [("a", Usage(3, 3), "length", None)]


def test_answers_one_after_the_other_and_together() -> None:
    _, events = read(delta("a", "x"), delta("a", finish="stop"), delta("b", "y"), "[DONE]")
    assert ends(events) == [("a", None, "stop", None), ("b", None, None, None)]
    _, events = read(delta("a", "x"), delta("a", "y", index=1), delta("a", "z"), "[DONE]")
    assert [(e.turn, e.text) for e in events if isinstance(e, TextChunk)] == [
        ("a", "x"),
        ("a#1", "y"),
        ("a", "z"),
    ]


def test_a_loss_ends_finished_answers_well_and_others_not() -> None:
    _, events = read(delta("b", "y"), delta("a", "x"), delta("a", finish="stop"), lost="gone")
    assert sorted(ends(events)) == [("a", None, "stop", None), ("b", None, None, "gone")]


def test_more_answers_than_can_be_kept_end_the_oldest() -> None:
    _, events = read(*(delta(str(i), "x") for i in range(MAX_TURNS + 5)))
    assert [turn for turn, *_ in ends(events)] == [str(i) for i in range(5)]


def test_legacy_completions_and_preview_names() -> None:
    _, events = read(
        {"id": "l", "choices": [{"text": "old", "index": 0, "finish_reason": None}]},
        {"type": "response.text.delta", "response_id": "r", "delta": "new"},
        {"type": "response.audio_transcript.delta", "response_id": "r", "delta": "said"},
        {"type": "response.function_call_arguments.delta", "response_id": "r", "delta": "{}"},
    )
    assert [(e.turn, e.text, e.role, e.tool) for e in events if isinstance(e, TextChunk)] == [
        ("l", "old", "assistant", None), ("r", "new", "assistant", None), ("r", "said", "assistant", None),
        ("r", "{}", "assistant", "tool"),
    ]  # fmt: skip


def test_an_error_ends_the_open_answer_or_shows_as_text() -> None:
    reader, events = read(delta("a", "x"), {"error": {"message": "no, sk-abcdefghijk"}})
    assert ends(events) == [("a", None, None, "no, sk-***")]
    assert reader.error == "no, sk-***"
    _, events = read({"error": "alone"})
    assert [e.text for e in events if isinstance(e, TextChunk)] == ['{"error": "alone"}']


def test_bytes_are_told_once_a_message() -> None:
    values = [
        delta("a", "x"),
        delta("a"),
        {"type": "ping"},
        "text",
        {"text": ""},
        "  ",
        "[DONE]",
        delta("b", "y", "stop"),
    ]
    _, events = read(*values)
    assert sum(e.nbytes for e in events if isinstance(e, TextChunk | BytesReceived)) == 10 * len(values)


NAMES = """type choices delta content text error response id usage message index finish_reason tool_calls function
    name arguments prompt_tokens completion_tokens role status output_tokens content_block object""".split()
STRINGS = st.sampled_from(
    ["", "x", "error", "response.done", "response.failed", "message_start", "message_stop"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=6))
def test_no_shape_of_json_breaks_it_or_loses_bytes(values: list[Any]) -> None:
    _, events = read(*(json.dumps(v) for v in values), lost="gone")
    assert sum(e.nbytes for e in events if isinstance(e, TextChunk | BytesReceived)) == 10 * len(values)
    chunks = [e for e in events if isinstance(e, TextChunk)]
    assert all(isinstance(c.text, str) and isinstance(c.role, str | None) for c in chunks)


def test_contents_in_parts() -> None:
    """As Mistral streams its reasoning; nesting that nobody sends is not followed."""
    thought = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]}
    ]
    deep: object = "x"
    for _ in range(300):
        deep = [{"thinking": deep}]
    values = [
        {"id": "a", "choices": [{"delta": {"content": content}}]}
        for content in (thought, [{"type": "text", "text": "Yes"}], deep)
    ]
    _, events = read(*values)
    assert [(e.text, e.reasoning) for e in events if isinstance(e, TextChunk)] == [
        ("hm", True),
        ("Yes", False),
    ]
