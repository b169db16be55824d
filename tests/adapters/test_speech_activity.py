"""Where speech is: the cutting for any probabilities, and the model on recordings, silence and noise."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_adapters.speech_activity import FRAME, MODEL, RATE, Segment, Segmenter, SileroVad
from tests.adapters.speech_clips import Sound, clips, joined, needs_recordings, silence

SHORT = {"silence": 0.16, "before": 0.096, "after": 0.064, "least": 0.064, "most": 0.64}


def numbered(count: int) -> Sound:
    """Frames whose samples are their own numbers."""
    return np.arange(count * FRAME, dtype=np.float32)


def cut(segmenter: Segmenter, sound: Sound, chances: list[float]) -> list[Segment]:
    frames = sound.reshape(-1, FRAME)
    found = [segmenter.feed(frame, chance) for frame, chance in zip(frames, chances, strict=True)]
    return [segment for segment in [*found, segmenter.flush()] if segment is not None]


@given(st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), max_size=200))
@settings(max_examples=300, deadline=None)
def test_segments_are_slices_in_order_that_hold_the_speech(chances: list[float]) -> None:
    sound = numbered(len(chances))
    segments = cut(Segmenter(**SHORT), sound, chances)
    end = 0
    for segment in segments:
        assert segment.start >= end
        np.testing.assert_array_equal(segment.samples, sound[segment.start : segment.end])
        assert 0 < len(segment.samples) <= round(SHORT["most"] * RATE)
        end = segment.end
    assert [s.number for s in segments] == sorted({s.number for s in segments})
    # A run of likely frames that lasts as long as speech must is in the segments, whatever surrounds it.
    covered = np.zeros(len(sound), bool)
    for segment in segments:
        covered[segment.start : segment.end] = True
    if not any(not segment.whole for segment in segments):
        for run in re.finditer("y{2,}", "".join("y" if chance >= 0.5 else "n" for chance in chances)):
            assert covered[run.start() * FRAME : run.end() * FRAME].all()


def test_no_speech_no_segment_and_a_click_is_none() -> None:
    assert cut(Segmenter(), numbered(100), [0.3] * 100) == []
    assert cut(Segmenter(), numbered(100), [0.0] * 50 + [0.9] * 3 + [0.0] * 47) == []


def test_a_segment_begins_before_speech_and_ends_after_it() -> None:
    chances = [0.0] * 50 + [0.9] * 40 + [0.0] * 50
    (segment,) = cut(Segmenter(), numbered(140), chances)
    assert segment.whole
    assert segment.start == (50 - 9) * FRAME  # 0.3 s
    assert segment.end == (90 + 6) * FRAME  # 0.2 s


def test_a_long_one_is_cut_where_speech_is_least_likely() -> None:
    chances = [0.9] * 400 + [0.4] + [0.9] * 199
    first, second = cut(Segmenter(), numbered(600), chances)
    assert (first.whole, second.whole) == (False, True)
    assert first.end == second.start == 401 * FRAME
    assert second.end == 600 * FRAME


def test_what_is_open_is_told_once_it_is_speech() -> None:
    segmenter = Segmenter()
    seen = [segmenter.open() for frame in numbered(20).reshape(-1, FRAME) if not segmenter.feed(frame, 0.9)]
    assert seen[4] is None
    assert seen[-1] is not None
    assert len(seen[-1].samples) == 20 * FRAME


def test_the_model_is_the_one_that_was_tested() -> None:
    home = files("midstream_adapters").joinpath("silero")
    told = re.search(r"sha256: `(\w+)`", home.joinpath("ORIGIN.md").read_text())
    assert told
    data = files("midstream_adapters").joinpath(MODEL).read_bytes()
    assert hashlib.sha256(data).hexdigest() == told[1]
    assert "MIT License" in home.joinpath("LICENSE").read_text()


def chances(sound: Sound) -> list[float]:
    pytest.importorskip("onnxruntime", reason="extra 'speech' is not installed")
    vad = SileroVad()
    return [vad.probability(sound[n : n + FRAME]) for n in range(0, len(sound) - FRAME + 1, FRAME)]


def test_silence_hum_and_noise_are_no_speech() -> None:
    rng = np.random.default_rng(5)
    t = np.arange(3 * RATE) / RATE
    hum = 0.3 * np.sin(2 * np.pi * 50 * t) + 0.1 * np.sin(2 * np.pi * 440 * t)
    for sound in (silence(3), hum.astype(np.float32), rng.normal(0, 0.1, 3 * RATE).astype(np.float32)):
        assert cut(Segmenter(), sound[: len(sound) // FRAME * FRAME], chances(sound)) == []


@needs_recordings
def test_every_sentence_of_a_recording_is_one_segment() -> None:
    recordings = clips()
    sound = joined([clip.samples for clip in recordings])
    sound = sound[: len(sound) // FRAME * FRAME]
    segments = cut(Segmenter(), sound, chances(sound))
    assert len(segments) == len(recordings)
    start = 0
    for clip, segment in zip(recordings, segments, strict=True):
        assert start - 0.3 * RATE <= segment.start
        assert segment.end <= start + len(clip.samples) + 0.8 * RATE
        assert len(segment.samples) > 0.7 * len(clip.samples)
        start += len(clip.samples) + round(0.8 * RATE)


@needs_recordings
def test_after_a_reset_nothing_is_left_of_what_was_heard() -> None:
    pytest.importorskip("onnxruntime", reason="extra 'speech' is not installed")
    sound = clips(cards=False)[0].samples
    vad, fresh = SileroVad(), SileroVad()
    for n in range(0, 60 * FRAME, FRAME):
        vad.probability(sound[n : n + FRAME])
    vad.reset()
    assert vad.probability(sound[:FRAME]) == fresh.probability(sound[:FRAME])
