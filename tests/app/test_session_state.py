"""The state given out: every promised field, and whatever the order of events it folds and is JSON."""

from __future__ import annotations

import dataclasses
import json

from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.events import State, StateChanged, TextChunk, TurnEnded, TurnStarted, Usage
from midstream_tui.session import Session
from midstream_tui.state import DashboardState

from .conftest import FakeClock

NAMES = {field.name for field in dataclasses.fields(DashboardState)}


def test_the_state_has_every_promised_field() -> None:
    promised = """message_count total_tokens tokens_estimated fps latency_ms uptime_s patterns attractor_type
        lyapunov_exponent is_stable is_chaotic average_reward audio_active video_active recent_messages streams
        schema""".split()
    assert set(promised) <= NAMES


text_events = st.builds(
    TextChunk,
    st.sampled_from("ab"),
    st.floats(1000, 1010),
    st.text(max_size=8),
    st.sampled_from([None, "user", "assistant"]),
    st.sampled_from([None, "t1", "t2"]),
    st.none() | st.integers(0, 9),
    final=st.booleans(),
)
turn_events = st.builds(
    TurnStarted, st.sampled_from("ab"), st.floats(1000, 1010), st.sampled_from(["t1", "t2"])
)
end_events = st.builds(
    TurnEnded,
    st.sampled_from("ab"),
    st.floats(1000, 1010),
    st.sampled_from(["t1", "t2"]),
    st.none() | st.builds(Usage, st.integers(0, 50), st.integers(0, 50)),
)
state_events = st.builds(StateChanged, st.sampled_from("ab"), st.floats(1000, 1010), st.sampled_from(State))


@given(st.lists(text_events | turn_events | end_events | state_events, max_size=60))
def test_any_order_of_events_folds_and_is_json(events: list[object]) -> None:
    clock = FakeClock(1010.0)
    session = Session(clock)
    session.apply_all(events)  # type: ignore[arg-type]
    state = session.state()
    json.dumps(state.to_json(), allow_nan=False)
    assert state.total_tokens == sum(stream.tokens for stream in state.streams.values())
    texts = [event for event in events if isinstance(event, TextChunk)]
    assert sum(stream.chunks for stream in state.streams.values()) == len(texts)
