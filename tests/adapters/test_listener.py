"""The streams of a listener's senders: named and numbered, waited for when lost, forgotten for others when gone."""

from __future__ import annotations

import asyncio

import pytest

from midstream_adapters.base import Options, SourceError
from midstream_adapters.events import State, StateChanged
from midstream_adapters.listener import Address, Slot, Slots
from tests.adapters.recorder import FakeTime, Recorder, until


def slots(most: int = 8, grace: float = 60.0) -> Slots[Slot]:
    return Slots("in", Slot, Options(clock=FakeTime().clock), most, grace)


def entered(those: Slots[Slot], sink: Recorder, name: str = "") -> Slot:
    slot = those.of(sink, name)
    assert slot is not None
    those.enter(slot)
    those.say(sink, slot, State.LIVE, "")
    return slot


def told(sink: Recorder, stream: str) -> list[tuple[State, str]]:
    return [(event.state, event.reason) for event in sink.of(StateChanged, stream)]


def test_who_names_no_stream_gets_the_first_number_that_nobody_uses() -> None:
    those, sink = slots(), Recorder()
    found = [entered(those, sink) for _ in range(3)]
    assert [slot.stream for slot in found] == ["in/1", "in/2", "in/3"]
    those.leave(found[1])
    assert those.of(sink) is found[1]
    assert those.of(sink, "cam") is those.of(sink, "cam")


async def test_who_was_lost_is_waited_for_and_then_its_stream_is_over() -> None:
    those, sink = slots(grace=0.02), Recorder()
    lost, back = entered(those, sink, "lost"), entered(those, sink, "back")
    for slot in (lost, back):
        those.leave(slot)
        those.say(sink, slot, State.RECONNECTING, "the sender was lost")
    entered(those, sink, "back")
    await until(lambda: lost.state is State.ENDED)
    await asyncio.sleep(0.04)
    assert told(sink, "in/lost") == [
        (State.LIVE, ""),
        (State.RECONNECTING, "the sender was lost"),
        (State.ENDED, "the sender was lost; nobody came back within 0.02 s"),
    ]
    assert [state for state, _ in told(sink, "in/back")] == [State.LIVE, State.RECONNECTING, State.LIVE]


async def test_the_longest_gone_makes_room_and_its_end_is_told() -> None:
    those, sink = slots(most=3), Recorder()
    a, b, c = (entered(those, sink, name) for name in "abc")
    assert those.of(sink, "d") is None  # all of them send
    those.leave(b)
    those.say(sink, b, State.RECONNECTING, "lost")
    those.leave(a)
    those.say(sink, a, State.ENDED, "left")
    entered(those, sink, "d")
    assert told(sink, "in/b")[-1] == (State.ENDED, "gone for long: another sender needed the room")
    entered(those, sink, "e")
    assert told(sink, "in/a")[-1] == (State.ENDED, "left")  # once is enough
    assert {slot.stream for slot in those} == {"in/c", "in/d", "in/e"}
    assert those.of(sink, "a") is None
    those.close(sink)
    assert told(sink, "in/c")[-1] == (State.ENDED, "the listener was closed")
    assert c.state is State.ENDED


async def test_when_the_listener_closes_nobody_is_waited_for_any_more() -> None:
    those, sink = slots(grace=0.01), Recorder()
    slot = entered(those, sink, "cam")
    those.leave(slot)
    those.say(sink, slot, State.RECONNECTING, "lost")
    those.close(sink)
    those.close(sink)
    await asyncio.sleep(0.03)
    assert [state for state, _ in told(sink, "in/cam")] == [State.LIVE, State.RECONNECTING, State.ENDED]


def address(source: str, **env: str) -> Address:
    return Address.of(source, Options(env=env), 7, "MIDSTREAM_SOME_KEY")


def test_an_address_has_defaults_and_its_secret_from_the_environment() -> None:
    plain = address("x+listen://")
    assert (plain.host, plain.port, plain.secret) == ("127.0.0.1", 7, None)
    whole = address("x+listen://0.0.0.0:0/a/b", MIDSTREAM_SOME_KEY="s")
    assert (whole.host, whole.port, whole.secret, whole.parts.path) == ("0.0.0.0", 0, "s", "/a/b")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("x+listen://0.0.0.0/a", r"0\.0\.0\.0 can be reached by others: set MIDSTREAM_SOME_KEY to the key"),
        ("x+listen://127.0.0.1/a?key=sesame", "has no key in it: set MIDSTREAM_SOME_KEY"),
        ("x+listen://127.0.0.1/a#sesame", "has no key in it"),
        ("x+listen://user:sesame@127.0.0.1/a", "has no key in it"),
        ("x+listen://127.0.0.1:high/a", "not an address"),
    ],
)
def test_an_address_that_can_not_be(source: str, why: str) -> None:
    with pytest.raises(SourceError, match=why) as caught:
        address(source)
    assert "sesame" not in str(caught.value)
