"""The simulator: deterministic, drift-free, honest about what it is, with dynamics that can be found."""

from __future__ import annotations

import asyncio
import random
from itertools import islice

import numpy as np
import pytest

from midstream_adapters.base import Adapter, Options, SourceError
from midstream_adapters.events import (
    AudioChunk,
    Dropped,
    Event,
    Kind,
    Provenance,
    State,
    TextChunk,
    TurnEnded,
    TurnStarted,
    VideoFrame,
)
from midstream_adapters.levels import full_scale, sample_levels
from midstream_adapters.simulated_audio import CHUNK, SAMPLE_RATE, SimulatedAudio
from midstream_adapters.simulated_scripts import SCRIPTS
from midstream_adapters.simulated_text import REWARD_LAWS, SimulatedConversation, tokens_of
from midstream_adapters.simulated_video import DAY, SimulatedVideo
from midstream_adapters.simulator import open_source
from tests.adapters.recorder import FakeTime, Recorder, until


async def play(adapter: Adapter, time: FakeTime, seconds: float) -> Recorder:
    """Run `adapter` until `seconds` of fake time have passed."""
    sink = Recorder()
    task = asyncio.create_task(adapter.run(sink))
    end = time.now + seconds
    while time.now < end:
        await asyncio.sleep(0)
        assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sink.events = [e for e in sink.events if e.at <= end]
    return sink


def options(time: FakeTime, seed: int = 7, frame_rate: float = 30.0) -> Options:
    return Options(clock=time.clock, sleep=time.sleep, rng=random.Random(seed), frame_rate=frame_rate)


def test_sources_and_their_names() -> None:
    ids = [adapter.info.stream for adapter in open_source("sim:all", "sim:all", Options())]
    assert ids == ["sim-text", "sim-audio", "sim-video"]
    again = [adapter.info.stream for adapter in open_source("sim:all", "sim:all#2", Options())]
    assert again == ["sim-text#2", "sim-audio#2", "sim-video#2"]
    for kind in Kind:
        (adapter,) = open_source(f"sim:{kind}", "mine", Options())
        info = adapter.info
        assert (info.stream, info.source, info.kinds) == ("mine", f"sim:{kind}", {kind})
        assert info.provenance is Provenance.SIMULATED
    for bad in ("sim:", "sim:smell", "sim"):
        with pytest.raises(SourceError, match="sim:all"):
            open_source(bad, "x", Options())
    for rate in (0.0, -1.0, float("nan"), float("inf"), 1e6):
        with pytest.raises(SourceError, match="frame rate"):
            open_source("sim:video", "x", Options(frame_rate=rate))


async def test_video_has_true_pace_and_moving_pixels() -> None:
    time = FakeTime()
    (adapter,) = open_source("sim:video", "v", options(time, frame_rate=25))
    sink = await play(adapter, time, 10.0)
    frames = sink.of(VideoFrame)
    assert sink.states == [State.LIVE]
    assert not sink.of(Dropped)
    assert len(frames) in (250, 251)
    assert [f.at for f in frames] == pytest.approx([1000 + n / 25 for n in range(len(frames))])
    assert [f.pts for f in frames] == pytest.approx([n / 25 for n in range(len(frames))])
    first = frames[0]
    assert (first.width, first.height, first.nbytes) == (640, 360, 640 * 360 * 3)
    assert first.image.shape == (90, 160, 3)
    assert first.motion is None
    assert min(f.motion for f in frames[1:] if f.motion is not None) > 0.5  # it never freezes
    luma = np.array([f.luma for f in frames])
    assert np.ptp(luma) > 20
    day = round(DAY * 25)
    assert np.abs(luma[day:] - luma[:-day]).max() < 0.15 * np.ptp(luma)  # periodic, but for the ball


async def test_audio_is_pcm_with_phrases_and_pauses() -> None:
    time = FakeTime()
    (adapter,) = open_source("sim:audio", "a", options(time))
    chunks = (await play(adapter, time, 60.0)).of(AudioChunk)
    assert len(chunks) in (3000, 3001)
    assert {(c.rate, c.sample_rate, c.channels, c.nbytes, len(c.samples)) for c in chunks} == {
        (16_000, 48_000, 1, 1920, 320)
    }
    silent = np.array([c.rms == 0 for c in chunks])
    assert 0.05 < silent.mean() < 0.5
    loud = [c for c in chunks if c.rms > 0]
    assert 0.1 < max(c.peak for c in loud) <= 1.0
    assert all(c.rms <= c.peak for c in chunks)
    runs = np.diff(np.flatnonzero(np.diff(silent.astype(int))))
    assert runs.max() < 400  # changes at least every 8 s
    # The 16 kHz samples hold the sound's energy: nothing above 8 kHz was folded in.
    assert np.mean([(c.samples**2).mean() for c in loud]) == pytest.approx(
        np.mean([c.rms**2 for c in loud]), rel=0.02
    )


def test_audio_has_no_clicks_and_stays_in_its_band() -> None:
    audio = SimulatedAudio(random.Random(3))
    sound = np.concatenate([full_scale(audio.pcm(n)) for n in range(500)])
    assert np.abs(np.diff(sound)).max() < 0.25
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    assert power[hertz > 8_000].sum() < 1e-4 * power.sum()


def test_generators_are_functions_of_number_and_seed() -> None:
    one, two = SimulatedVideo(30, (64, 48), random.Random(1)), SimulatedVideo(30, (64, 48), random.Random(1))
    other = SimulatedVideo(30, (64, 48), random.Random(2))
    assert one.frame(100) == two.frame(100)
    one.frame(7)
    assert one.frame(100) == two.frame(100) != other.frame(100)
    frame = one.frame(15)
    assert (frame.frame_number, frame.timestamp, frame.width, frame.height) == (15, 0.5, 64, 48)
    assert len(frame.data) == 64 * 48 * 3
    sound, same = SimulatedAudio(random.Random(1)), SimulatedAudio(random.Random(1))
    chunk = sound.chunk(50)
    assert chunk == same.chunk(50)
    assert (chunk.timestamp, chunk.sample_rate, chunk.channels, len(chunk.data)) == (
        1.0,
        48_000,
        1,
        2 * CHUNK,
    )
    assert sample_levels(full_scale(np.frombuffer(chunk.data, "<i2"))) == sample_levels(
        full_scale(sound.pcm(50))
    )
    assert any(np.any(sound.pcm(n)) for n in range(10_000, 10_100))  # it goes on


@pytest.mark.parametrize("size", [(16, 16), (17, 99), (1280, 720)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    video = SimulatedVideo(30, size, random.Random(1))
    for n in range(0, 1000, 37):
        whole = video.pixels(n)
        assert whole.shape == (size[1], size[0], 3)
        for step in (2, 3, 7):
            assert np.array_equal(video.pixels(n, step), whole[::step, ::step])


@pytest.mark.parametrize(
    ("rate", "size"), [(0, (64, 64)), (float("nan"), (64, 64)), (30, (8, 64)), (30, (64, 10**6))]
)
def test_impossible_pictures_are_refused(rate: float, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        SimulatedVideo(rate, size)


async def test_conversation_is_streamed_token_by_token_in_turns() -> None:
    time = FakeTime()
    (adapter,) = open_source("sim:text", "t", options(time))
    sink = await play(adapter, time, 300.0)
    assert sink.drains > 100
    known = {role_text for script in SCRIPTS for role_text in script}
    turn: TurnStarted | None = None
    said, turns = "", 0
    for event in sink.events:
        if isinstance(event, TurnStarted):
            assert turn is None
            assert event.prompt
            turn, said = event, ""
        elif isinstance(event, TextChunk) and event.turn is None:
            assert turn is None
            assert event.final
            assert ("user", event.text) in known
            assert event.nbytes == len(event.text.encode())
        elif isinstance(event, TextChunk):
            assert turn is not None
            assert (event.turn, event.role, event.tokens) == (turn.turn, "assistant", 1)
            assert (event.reward is not None) == event.final
            said += event.text
        elif isinstance(event, TurnEnded):
            assert turn is not None
            assert ("assistant", said) in known
            assert event.usage is not None
            assert event.usage.completion == len(tokens_of(said))
            turn, turns = None, turns + 1
    assert turns > 60
    at = [event.at for event in sink.events]
    assert at == sorted(at)


def rewards(law: str, count: int, seed: int = 1) -> np.ndarray:
    chunks = (e for e in SimulatedConversation("t", random.Random(seed), law) if isinstance(e, TextChunk))
    return np.array(list(islice((c.reward for c in chunks if c.reward is not None), count)))


def test_rewards_obey_their_law() -> None:
    for law, step in REWARD_LAWS.items():
        x = (rewards(law, 300) - 0.6) / 0.4
        assert ((x >= 0) & (x <= 1)).all()
        assert x[1:] == pytest.approx([step(v) for v in x[:-1]], abs=1e-9)
    assert np.unique(rewards("logistic", 300).round(6)).size > 290
    assert np.unique(rewards("periodic", 300)[200:].round(6)).size == 4
    assert np.unique(rewards("settling", 300)[200:].round(6)).size == 1
    with pytest.raises(KeyError):
        SimulatedConversation("t", law="astrology")


def test_scripts_are_conversations() -> None:
    assert len(SCRIPTS) >= 5
    for script in SCRIPTS:
        assert [role for role, _ in script] == ["user", "assistant"] * (len(script) // 2)
        assert all(text.strip() == text and text for _, text in script)
        assert any("?" in text for role, text in script if role == "user")
        assert (
            any("thank" in text.lower() for role, text in script if role == "user")
            or "bye" in script[-2][1].lower()
        )
    stream = SimulatedConversation("t", random.Random(1))
    asked = (e.text for e in stream if isinstance(e, TextChunk) and e.role == "user")
    per_round = sum(len(script) // 2 for script in SCRIPTS)
    heard = list(islice(asked, 2 * per_round))
    assert sorted(heard[:per_round]) == sorted(heard[per_round:])  # all of them before any comes again


@pytest.mark.parametrize(
    "text", ["", " ", "Hello, world!", "  a\n\nb  ", "état 1234567 naïve_x ²³ 你好", "x" * 50]
)
def test_tokens_join_to_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


async def test_same_seed_and_clock_give_the_same_events() -> None:
    def plain(events: list[Event]) -> list[object]:
        skip = {"view", "samples"}
        return [
            (type(e), *(getattr(e, name) for name in e.__dataclass_fields__ if name not in skip))
            for e in events
        ]

    async def run(seed: int) -> list[list[object]]:
        out = []
        for adapter in open_source("sim:all", "s", options(FakeTime(), seed)):
            time = FakeTime()
            adapter._options = options(time)  # type: ignore[attr-defined]  # a clock of its own for each
            out.append(plain((await play(adapter, time, 5.0)).events))
        return out

    assert await run(1) == await run(1)
    first, second = await run(1), await run(2)
    assert all(a != b for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("kind", ["video", "audio"])
async def test_what_was_missed_is_counted_and_never_made_good_by_a_burst(kind: str) -> None:
    time = FakeTime()
    (adapter,) = open_source(f"sim:{kind}", "s", options(time))
    sink = Recorder()
    task = asyncio.create_task(adapter.run(sink))
    await until(lambda: time.now >= 1001.0)
    before = len(sink.events)
    stopped = time.now
    time.now += 2.0  # the process was held up
    await until(lambda: time.now >= stopped + 3.0)
    task.cancel()
    rate = 30 if kind == "video" else 50
    (dropped,) = sink.of(Dropped)
    assert (dropped.kind, dropped.where) == (kind, "simulator")
    assert dropped.count == pytest.approx(2.0 * rate, abs=2)
    media = sink.of(VideoFrame if kind == "video" else AudioChunk)
    assert len(media) + dropped.count == pytest.approx((time.now - 1000.0) * rate, abs=2)
    after = [e.at for e in sink.events[before:] if not isinstance(e, Dropped)]
    assert np.diff(after).min() > 0.0
    assert len(after) <= rate + 3


async def test_runs_until_cancelled_even_when_it_can_never_keep_up() -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.05  # every look at the clock finds it later: nothing is ever in time
        return now

    (adapter,) = open_source("sim:video", "v", Options(clock=clock, rng=random.Random(1)))
    sink = Recorder()
    task = asyncio.create_task(adapter.run(sink))
    await until(lambda: len(sink.of(Dropped)) > 5 and len(sink.frames) > 5)  # others still run
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
