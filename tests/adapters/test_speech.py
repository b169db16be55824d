"""The listener: what it says of recorded speech, that it never holds a stream up, and that it counts what it sheds.

Silero and the threads are the real ones; only the recogniser is a stand-in where its time or its failure matters.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from midstream_adapters import speech
from midstream_adapters.attach import ModelSink, Thorough
from midstream_adapters.base import Options, Sink, StreamInfo, supervise
from midstream_adapters.events import (
    AudioChunk,
    Event,
    Figures,
    Kind,
    Provenance,
    SpeechActivity,
    State,
    StateChanged,
    Transcript,
)
from midstream_adapters.media import open_source
from midstream_adapters.speech import Listener, listener
from midstream_adapters.speech_activity import RATE, Samples, SileroVad
from midstream_adapters.speech_engines import Failed, Shared, Transcriber, Unavailable
from tests.adapters.recorder import Recorder, until
from tests.adapters.speech_clips import Sound, chunks, clips, joined, needs_recordings, silence, write

pytest.importorskip("onnxruntime", reason="extra 'speech' is not installed")
pytestmark = needs_recordings


class Scribe:
    """Answers with the length of what it is given, in tenths of a second."""

    name = "scribe"
    partials = True

    def __init__(self, wait: Callable[[int], object] = lambda call: None) -> None:
        self.calls: list[int] = []
        self._wait = wait

    def transcribe(self, samples: Samples) -> str:
        self.calls.append(len(samples))
        self._wait(len(self.calls))
        return f"{len(samples) * 10 // RATE}"


def made(
    engine: Transcriber, recorder: Sink, backlog: float = 30.0, options: Options | None = None
) -> Listener:
    return Listener("s", recorder, options or Options(), Shared(lambda env: engine), backlog=backlog)


def fed(ear: Listener, sound: Sound, **where: float) -> list[AudioChunk]:
    events = chunks(sound, **where)  # type: ignore[arg-type]
    for event in events:
        ear.take(event)
    return events


def shed(recorder: Recorder) -> int:
    return recorder.dropped[Kind.AUDIO, "speech"]


def figures(recorder: Recorder) -> dict[str, float | str]:
    return {name: value for event in recorder.of(Figures) for name, value in event.values.items()}


@pytest.fixture(scope="module")
def sentences() -> list[Sound]:
    return [clip.samples for clip in clips(cards=False)]


async def test_sentences_have_their_media_times(sentences: list[Sound]) -> None:
    recorder = Recorder()
    ear = made(Scribe(), recorder)
    fed(ear, joined(sentences), pts=100.0)
    await ear.finish()
    finals = [event for event in recorder.of(Transcript) if event.final]
    assert [event.segment for event in finals] == [1, 2, 3, 4, 5]
    start = 100.0
    for sound, event in zip(sentences, finals, strict=True):
        length = len(sound) / RATE
        assert start - 0.3 <= event.began < start + 0.5
        assert start + length - 0.7 < event.ended <= start + length + 0.3
        assert event.text == f"{int(10 * (event.ended - event.began) + 1e-6)}"
        start += length + 0.8
    speaking = [(event.speaking, event.role) for event in recorder.of(SpeechActivity)]
    assert speaking == [(True, "speech"), (False, "speech")] * 5
    assert shed(recorder) == 0
    assert figures(recorder)["speech"] == "scribe"


async def test_partial_texts_come_before_the_final_one_of_their_segment(sentences: list[Sound]) -> None:
    recorder, scribe = Recorder(), Scribe()
    ear = made(scribe, recorder)
    for n, event in enumerate(chunks(sentences[0])):
        ear.take(event)
        if n % 50 == 49:  # a second of sound at a time, so that the worker runs out of it
            await until(lambda: ear._waits < speech.BURST)
            await asyncio.sleep(0.05)
            ear._hearing._due = 0.0  # type: ignore[union-attr]  # as if the time of a second had passed
    await ear.finish()
    told = recorder.of(Transcript)
    assert [event.final for event in told] == [False] * (len(told) - 1) + [True]
    assert {event.segment for event in told} == {1}
    assert len(told) >= 3
    assert [event.ended for event in told[:-1]] == sorted(event.ended for event in told[:-1])
    assert {event.began for event in told} == {told[-1].began}


async def test_a_slow_engine_never_holds_the_stream_up_and_what_is_shed_is_counted(
    sentences: list[Sound], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Counter[str]()

    class Counting(SileroVad):
        def probability(self, frame: Samples) -> float:
            heard["frames"] += 1
            return super().probability(frame)

    monkeypatch.setattr(speech, "SileroVad", Counting)
    gate, recorder = threading.Event(), Recorder()
    scribe = Scribe(lambda call: gate.wait(20))
    ear = made(scribe, recorder, backlog=5.0)
    sound = joined(sentences * 3)
    events = chunks(sound)
    began = time.perf_counter()
    for event in events[: len(events) // 2]:
        ear.take(event)
    await until(lambda: scribe.calls)  # stuck in its first sentence
    for event in events[len(events) // 2 :]:
        ear.take(event)
    assert time.perf_counter() - began < 5  # 75 s of sound
    assert ear._waits <= 5.0
    assert sum(len(event.samples) for event in ear._waiting) <= 5 * RATE
    gate.set()
    await ear.finish()
    await ear.close()
    assert shed(recorder) > 0
    # Every chunk was either heard or counted; a frame more or less where a gap was.
    assert heard["frames"] * 512 == pytest.approx((len(events) - shed(recorder)) * RATE // 50, abs=2048)
    finals = [event for event in recorder.of(Transcript) if event.final]
    assert finals[0].ended <= finals[1].began  # nothing is joined across the gap
    assert finals[1].began > finals[0].ended + 5


async def test_the_lag_is_shown_while_the_engine_is_stuck(sentences: list[Sound]) -> None:
    now, gate, recorder = [0.0], threading.Event(), Recorder()
    scribe = Scribe(lambda call: gate.wait(20))
    ear = made(scribe, recorder, options=Options(clock=lambda: now[0]))
    fed(ear, joined(sentences[:1]))
    await until(lambda: scribe.calls)
    now[0] = 14.0
    ear.take(chunks(silence(0.02), pts=8.0, at=14.0)[0])
    assert float(figures(recorder)["speech_lag_s"]) == pytest.approx(6.5, abs=0.5)
    gate.set()
    await ear.finish()
    await ear.close()
    assert figures(recorder)["speech_lag_s"] == 0.0
    (final,) = [event for event in recorder.of(Transcript) if event.final]
    assert final.lag == pytest.approx(14.0 - final.ended, abs=0.1)


async def test_close_waits_only_so_long_and_counts_what_was_not_heard(sentences: list[Sound]) -> None:
    gate, recorder = threading.Event(), Recorder()
    scribe = Scribe(lambda call: gate.wait(20))
    ear = made(scribe, recorder)
    events = fed(ear, joined(sentences[:1]))
    await until(lambda: scribe.calls)
    more = fed(ear, joined(sentences[1:2]), pts=8.0, at=8.0)
    began = time.perf_counter()
    await ear.close()
    assert time.perf_counter() - began < 2.0
    # The first sentence (its chunks from 0.3 s before speech on), what followed it, and all of the second.
    assert shed(recorder) == pytest.approx(len(events) + len(more), abs=20)
    said = len(recorder.events)
    gate.set()
    await asyncio.sleep(0.1)
    assert len(recorder.events) == said
    ear.take(more[0])
    assert not ear._waiting


async def test_a_file_that_is_read_fast_waits_and_every_word_is_heard(
    tmp_path: Path, sentences: list[Sound]
) -> None:
    sound = joined(sentences * 4)
    file = write(tmp_path / "talk.wav", sound)
    recorder, most = Recorder(), [0.0]
    scribe = Scribe(lambda call: time.sleep(0.05))
    ears: list[Listener] = []

    def make(stream: str, sink: Sink, options: Options) -> Listener:
        ears.append(made(scribe, sink, 4.0, options))
        take = ears[0].take

        def watched(event: Event) -> None:
            take(event)
            most[0] = max(most[0], ears[0]._waits)

        ears[0].take = watched  # type: ignore[method-assign]
        return ears[0]

    options = Options(fast=True, models=(make,))
    (source,) = open_source(str(file), "talk", options)
    assert await supervise(source, recorder, options) is State.ENDED
    finals = [event for event in recorder.of(Transcript) if event.final]
    assert len(finals) == 20
    assert shed(recorder) == 0
    assert most[0] < 4.0 / 2 + 4.5  # half of the backlog, and a batch of 64 chunks of 64 ms
    assert recorder.events.index(finals[-1]) < recorder.events.index(recorder.of(StateChanged)[-1])


async def test_a_live_stream_does_not_wait(sentences: list[Sound]) -> None:
    class Burst:
        info = StreamInfo("s", "s", frozenset({Kind.AUDIO}), Provenance.LIVE, reconnects=False)

        async def run(self, sink: Sink) -> None:
            for event in events:
                sink.emit(event)
                await sink.drain()

    gate, recorder = threading.Event(), Recorder()
    events = chunks(joined(sentences))

    def make(stream: str, sink: Sink, options: Options) -> Listener:
        return made(Scribe(lambda call: gate.wait(20)), sink, 2.0, options)

    began = time.perf_counter()
    await supervise(Burst(), recorder, Options(fast=True, models=(make,)))
    assert time.perf_counter() - began < 4.0  # the sound lasts 29 s; the last words have less than 2
    assert len(recorder.chunks) == len(events)
    assert shed(recorder) > len(events) / 2
    gate.set()


async def test_a_jump_in_media_time_ends_the_sentence(sentences: list[Sound]) -> None:
    recorder = Recorder()
    ear = made(Scribe(), recorder)
    whole = sentences[0][: 5 * RATE]  # breaks off within a word
    fed(ear, whole, pts=0.0)
    fed(ear, sentences[1], pts=60.0, at=5.0)
    await ear.finish()
    first, second = (event for event in recorder.of(Transcript) if event.final)
    assert first.ended == pytest.approx(5.0, abs=0.05)
    assert second.began == pytest.approx(60.0, abs=0.6)


async def test_sound_without_pts_is_timed_by_its_length(sentences: list[Sound]) -> None:
    recorder = Recorder()
    ear = made(Scribe(), recorder)
    for event in chunks(joined(sentences[:2]), pts=None):
        ear.take(event)
    await ear.finish()
    _, second = (event for event in recorder.of(Transcript) if event.final)
    assert second.began == pytest.approx(len(sentences[0]) / RATE + 0.8, abs=0.6)


async def test_sound_of_another_rate_is_resampled(sentences: list[Sound]) -> None:
    recorder, scribe = Recorder(), Scribe()
    ear = made(scribe, recorder)
    at_48 = np.repeat(sentences[1], 3)
    for n in range(0, len(at_48), 960):
        piece = at_48[n : n + 960]
        ear.take(AudioChunk("s", 0.0, piece, 48_000, 48_000, 1, n / 48_000, len(piece) / 48_000, 0.1, 0.1))
    await ear.finish()
    assert scribe.calls[-1] == pytest.approx(len(sentences[1]), abs=0.6 * RATE)
    (final,) = [event for event in recorder.of(Transcript) if event.final]
    assert final.ended <= len(sentences[1]) / RATE + 0.1


async def test_a_stream_that_goes_quiet_has_its_last_word(
    sentences: list[Sound], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "QUIET", 0.1)
    recorder = Recorder()
    ear = made(Scribe(), recorder)
    fed(ear, sentences[0][: 4 * RATE])  # no pause follows, and nothing else
    await until(lambda: any(event.final for event in recorder.of(Transcript)))
    fed(ear, sentences[1], pts=20.0)  # and it may go on
    await ear.finish()
    assert [event.segment for event in recorder.of(Transcript) if event.final] == [1, 2]


async def test_a_piece_that_fails_is_counted_and_the_next_is_heard(sentences: list[Sound]) -> None:
    def fail(call: int) -> None:
        if call == 1:
            raise Failed("openai: 500")

    recorder, scribe = Recorder(), Scribe(fail)
    scribe.partials = False
    ear = made(scribe, recorder)
    fed(ear, joined(sentences[:2]))
    await ear.finish()
    await ear.close()
    assert [event.segment for event in recorder.of(Transcript)] == [2]
    assert shed(recorder) == pytest.approx(len(sentences[0]) / RATE * 50, abs=20)
    assert figures(recorder)["speech"] == "openai: 500"


async def test_an_engine_that_is_refused_for_good_is_told_and_asked_no_more(sentences: list[Sound]) -> None:
    def refuse(call: int) -> None:
        raise Unavailable("openai: the key is refused")

    recorder, scribe = Recorder(), Scribe(refuse)
    scribe.partials = False
    ear = made(scribe, recorder)
    fed(ear, joined(sentences))
    await until(lambda: "refused" in str(figures(recorder).get("speech")))
    fed(ear, sentences[0])
    assert not ear._waiting
    await ear.finish()
    await ear.close()
    assert len(scribe.calls) == 1


async def test_a_fault_of_the_engine_ends_the_listening_only(sentences: list[Sound]) -> None:
    def break_(call: int) -> None:
        raise ZeroDivisionError("no\x1b[2J")

    recorder = Recorder()
    sink = ModelSink(recorder, Options(models=(lambda *a: made(Scribe(break_), a[1]),)))
    for event in chunks(joined(sentences[:1])):
        sink.emit(event)
    await until(lambda: "speech" in figures(recorder) and "internal" in str(figures(recorder)["speech"]))
    assert figures(recorder)["speech"] == "internal error: ZeroDivisionError: no"
    await sink.close()


@pytest.mark.parametrize("package", ["moonshine_voice", "onnxruntime"])
async def test_without_the_extra_it_says_which_to_install_and_the_stream_goes_on(
    package: str, sentences: list[Sound], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    recorder, options = Recorder(), Options(fast=True, models=(listener(),))
    (source,) = open_source(str(write(tmp_path / "a.wav", sentences[1])), "a", options)
    assert await supervise(source, recorder, options) is State.ENDED
    assert figures(recorder)["speech"] == 'not installed: pip install "midstream-tui[speech]"'
    assert sum(len(chunk.samples) for chunk in recorder.chunks) == len(sentences[1])
    assert not recorder.of(Transcript)


async def test_all_streams_share_one_engine(sentences: list[Sound]) -> None:
    loaded: list[Scribe] = []

    def make(env: Mapping[str, str]) -> Scribe:
        loaded.append(Scribe())
        return loaded[-1]

    recorder, shared = Recorder(), Shared(make)
    ears = [Listener(f"s{n}", recorder, Options(), shared) for n in range(3)]
    for ear in ears:
        assert isinstance(ear, Thorough)
        fed(ear, joined(sentences[:2]))
    await asyncio.gather(*(ear.finish() for ear in ears))
    assert len(loaded) == 1
    finals = Counter(event.stream for event in recorder.of(Transcript) if event.final)
    assert finals == {"s0": 2, "s1": 2, "s2": 2}


async def test_pictures_and_sound_that_nobody_decodes_start_no_thread() -> None:
    ear = made(Scribe(), Recorder())
    ear.take(AudioChunk("s", 0.0, np.zeros(0, np.float32), 0, 0, 0, None, 0.02, None, None))
    assert ear._thread is None
    await ear.finish()
    await ear.close()
