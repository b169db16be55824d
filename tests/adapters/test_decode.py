"""The decoding core: exact totals, awkward files, damage, limits."""

from __future__ import annotations

import struct
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from midstream_adapters import decode
from midstream_adapters.decode import MediaReader
from midstream_adapters.events import AudioChunk, BytesReceived, Dropped, Event, Kind, VideoFrame
from midstream_adapters.levels import full_scale, picture_levels, sample_levels
from midstream_adapters.mediainfo import MediaError
from midstream_adapters.taps import RATE, AudioTap, view_size
from tests.adapters.clips import corrupt, make_clip, tone, truth


def read_all(path: Path, **how: object) -> tuple[MediaReader, list[Event]]:
    reader = MediaReader("x", time.monotonic, **how)  # type: ignore[arg-type]
    try:
        reader.open(f"file:{path}")
        events: list[Event] = []
        while not reader.ended:
            events += reader.read()
        return reader, events
    finally:
        reader.close()


def totals(events: list[Event]) -> dict[str, int]:
    found = dict.fromkeys(("frames", "chunks", "video_bytes", "audio_bytes"), 0)
    for event in events:
        if isinstance(event, VideoFrame):
            found["frames"] += 1
            found["video_bytes"] += event.nbytes
        elif isinstance(event, AudioChunk):
            found["chunks"] += 1
            found["audio_bytes"] += event.nbytes
        elif isinstance(event, BytesReceived):
            found[f"{event.kind}_bytes"] += event.nbytes
    return found


CLIPS: dict[str, dict[str, object]] = {
    "film.mp4": {},
    "mpeg4.mp4": {"video": "mpeg4", "frame_rate": 25},
    "ntsc.mkv": {"frame_rate": "24000/1001"},
    "slow.mp4": {"frame_rate": 5, "frames": 12},
    "b-frames.mp4": {"video_options": {"bf": "3", "b-adapt": "0"}},
    "variable.mp4": {"pts_of": lambda n: n * n // 8 + n},
    "gap.mp4": {"pts_of": lambda n: n if n < 20 else n + 45, "seconds": 3.5},
    "silent.mp4": {"audio": None},
    "sound.m4a": {"video": None, "seconds": 1.5},
    "short-sound.ts": {"seconds": 0.5},
    "speech.wav": {
        "video": None,
        "audio": "pcm_s16le",
        "audio_rate": 16_000,
        "layout": "mono",
        "seconds": 1.01,
    },
    "studio.wav": {"video": None, "audio": "pcm_f32le", "audio_rate": 44_100, "seconds": 1},
    "surround.wav": {"video": None, "audio": "pcm_s24le", "layout": "5.1", "seconds": 1},
    "eight-bit.wav": {"video": None, "audio": "pcm_u8", "audio_rate": 8_000, "seconds": 1},
    "raw.h264": {"audio": None},
    "ten-bit.mkv": {"video": "libx264", "pixel_format": "yuv420p10le", "audio": "flac"},
}


@pytest.mark.parametrize("threads", ["AUTO", "NONE"])
@pytest.mark.parametrize("name", CLIPS)
def test_totals_are_those_of_bare_pyav(name: str, threads: str, tmp_path: Path) -> None:
    path = make_clip(tmp_path / name, **CLIPS[name])  # type: ignore[arg-type]
    want = truth(path)
    assert want["frames"] or want["chunks"]
    _, events = read_all(path, threads=threads)
    samples = want.pop("samples")
    assert want.pop("damaged") == 0
    assert totals(events) == want
    assert not [e for e in events if isinstance(e, Dropped)]
    chunks = [e for e in events if isinstance(e, AudioChunk)]
    if chunks:
        rate = chunks[0].sample_rate
        assert sum(round(c.duration * c.sample_rate) for c in chunks) == samples
        assert (
            abs(sum(len(c.samples) for c in chunks) - samples * RATE / rate) <= 1
        )  # the resampler's tail is in it


def test_a_frame_is_described(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", size=(320, 240))
    reader, events = read_all(path)
    frames = [e for e in events if isinstance(e, VideoFrame)]
    assert reader.info is not None
    assert str(reader.info).endswith("h264 320x240 30 fps + aac 48 kHz 2 ch, 2.0 s")
    assert reader.info.kinds == {Kind.VIDEO, Kind.AUDIO}
    assert [f.pts for f in frames] == pytest.approx([n / 30 for n in range(60)])
    first, second = frames[:2]
    assert first.keyframe
    assert not second.keyframe
    assert (first.width, first.height) == (320, 240)
    assert first.image.shape == (120, 160, 3)
    assert first.image.dtype == np.uint8
    assert not first.image.flags.writeable
    assert first.motion is None
    assert second.motion is not None
    assert 0.5 < second.motion < 20
    assert first.luma == pytest.approx(
        (first.image @ [0.299, 0.587, 0.114]).mean(), abs=0.7
    )  # RGB is rounded down
    assert first.image[60, 2, 0] > first.image[60, 80, 0] + 80  # the bright bar begins at the left


def test_a_chunk_is_described(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.wav", video=None, audio="pcm_s16le", audio_rate=44_100, seconds=1)
    _, events = read_all(path)
    chunks = [e for e in events if isinstance(e, AudioChunk)]
    assert chunks[0].pts == 0.0
    assert [c.pts for c in chunks[1:]] == pytest.approx(list(np.cumsum([c.duration for c in chunks])[:-1]))
    assert {(c.rate, c.sample_rate, c.channels) for c in chunks} == {(16_000, 44_100, 2)}
    assert chunks[1].rms == pytest.approx(0.5 / 2**0.5, rel=0.02)
    assert chunks[1].peak == pytest.approx(0.5, rel=0.01)
    sound = np.concatenate([c.samples for c in chunks])
    assert sound.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(sound[:16_000]))
    assert np.argmax(spectrum) == 440
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.02)


def test_rotated_pictures_are_shown_upright(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", audio=None, frames=5)
    data = path.read_bytes()
    unit = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.index(unit, data.index(b"tkhd"))
    clockwise = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 108 << 16, 0, 1 << 30)
    path.write_bytes(data[:at] + clockwise + data[at + len(unit) :])
    _, events = read_all(path)
    image = next(e for e in events if isinstance(e, VideoFrame)).image
    assert image.shape == (160, 90, 3)
    # The bar that was on the left is on top when the picture is turned by a quarter clockwise.
    assert image[2, 45, 0] > image[80, 45, 0] + 80


def test_cover_art_and_subtitles_are_ignored(tmp_path: Path) -> None:
    sound = make_clip(tmp_path / "s.mp3", video=None, audio="mp3", seconds=1)
    covered = tmp_path / "covered.mp3"
    with av.open(str(sound)) as source, av.open(str(covered), "w") as output:
        audio = output.add_stream_from_template(source.streams.audio[0])
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), "rgb24").reformat(
            format="yuvj420p"
        )
        output.mux([*cover.encode(picture), *cover.encode(None)])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = audio
                output.mux(packet)
    with av.open(str(covered)) as again:
        assert again.streams.video
    reader, events = read_all(covered)
    assert reader.info is not None
    assert reader.info.kinds == {Kind.AUDIO}
    want = truth(sound)
    assert totals(events) == {
        "frames": 0,
        "chunks": want["chunks"],
        "video_bytes": 0,
        "audio_bytes": want["audio_bytes"],
    }

    (tmp_path / "s.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nhi\n\n")
    with pytest.raises(MediaError, match="no audio or video"):
        read_all(tmp_path / "s.srt")


@pytest.mark.parametrize("layout", ["7.1", "hexadecagonal"])
def test_sound_of_many_channels(layout: str, tmp_path: Path) -> None:
    """PyAV's own way to such samples ends the process."""
    path, channels = tmp_path / "wide.m4a", 8 if layout == "7.1" else 16
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48_000, layout=layout)
        pcm = np.repeat(tone(0, 24_000, 48_000, 1), channels)[None]
        sound = av.AudioFrame.from_ndarray(pcm, "flt", layout)
        sound.sample_rate = 48_000
        for out in av.AudioResampler(stream.format, stream.layout, 48_000).resample(sound):
            output.mux(stream.encode(out))
        output.mux(stream.encode(None))
    _, events = read_all(path)
    chunks = [event for event in events if isinstance(event, AudioChunk)]
    assert {chunk.channels for chunk in chunks} == {channels}
    assert sum(chunk.duration for chunk in chunks) == pytest.approx(0.5, abs=0.05)
    assert chunks[10].rms == pytest.approx(0.5 / 2**0.5, rel=0.1)  # a sine of 0.5, but for the bass channel
    assert chunks[10].peak == pytest.approx(0.5, rel=0.1)


def test_the_first_stream_may_be_another_than_is_played(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as output:
        streams = [output.add_stream("aac", rate=48_000, layout=layout) for layout in ("mono", "5.1")]
        streams[1].disposition = av.stream.Disposition.default
        for stream in streams:
            pcm = np.full((len(stream.layout.channels), 4800), 0.1, np.float32)
            sound = av.AudioFrame.from_ndarray(pcm, "fltp", stream.layout.name)
            sound.sample_rate = 48_000
            output.mux(stream.encode(sound))
            output.mux(stream.encode(None))
    _, events = read_all(path)
    chunks = [event for event in events if isinstance(event, AudioChunk)]
    assert {chunk.channels for chunk in chunks} == {6}
    assert sum(chunk.duration for chunk in chunks) >= 0.1


@pytest.mark.parametrize("content", [b"", b"hello\n" * 200, bytes(range(256)) * 64])
def test_what_is_no_media_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match="Invalid data") as caught:
        read_all(path)
    assert str(tmp_path) not in str(caught.value)  # libav's text names the whole input


def test_a_file_cut_short_gives_what_was_decodable(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "a.mp4", frames=120, container_options={"movflags": "faststart"})
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 2 // 3])
    want = truth(whole)
    _, events = read_all(cut)
    got = totals(events)
    assert 0.5 * want["frames"] < got["frames"] < want["frames"]
    assert 0.5 * want["chunks"] < got["chunks"] < want["chunks"]
    late = make_clip(tmp_path / "b.mp4", frames=30).read_bytes()  # the index is at the end
    cut.write_bytes(late[: len(late) // 2])
    with pytest.raises(MediaError):
        read_all(cut)


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.mkv"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_damage_is_counted_and_stepped_over(name: str, seed: int, tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / name, frames=150, container_options={"movflags": "faststart"} if name == "a.mp4" else {}
    )
    corrupt(path, 200, seed)
    want = truth(path)
    samples, damaged = want.pop("samples"), want.pop("damaged")
    assert damaged > 0
    _, events = read_all(path, threads="SLICE")
    assert totals(events) == want
    assert sum(e.count for e in events if isinstance(e, Dropped) and e.where == "decoder") == damaged
    chunks = [e for e in events if isinstance(e, AudioChunk)]
    assert sum(round(c.duration * c.sample_rate) for c in chunks) == samples


def test_changes_of_size_and_sample_rate_on_the_way(tmp_path: Path) -> None:
    small = make_clip(tmp_path / "1.ts", video="mpeg2video", frames=20, size=(192, 108), audio=None)
    large = make_clip(tmp_path / "2.ts", video="mpeg2video", frames=20, size=(320, 240), audio=None)
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    frames = [e for e in read_all(both)[1] if isinstance(e, VideoFrame)]
    assert len(frames) == truth(both)["frames"]
    assert {(f.width, f.height) for f in frames} == {(192, 108), (320, 240)}
    turned = next(i for i, f in enumerate(frames) if f.width == 320)
    assert frames[turned].motion is None
    assert frames[turned + 1].motion is not None

    mono = make_clip(
        tmp_path / "1.aac", video=None, audio_rate=44_100, layout="mono", seconds=1, file_format="adts"
    )
    stereo = make_clip(tmp_path / "2.aac", video=None, audio_rate=48_000, seconds=1, file_format="adts")
    joined = tmp_path / "both.aac"
    joined.write_bytes(mono.read_bytes() + stereo.read_bytes())
    chunks = [e for e in read_all(joined)[1] if isinstance(e, AudioChunk)]
    assert len(chunks) == truth(joined)["chunks"]
    assert {(c.sample_rate, c.channels) for c in chunks} == {(44_100, 1), (48_000, 2)}
    seconds = sum(c.duration for c in chunks)
    assert abs(sum(len(c.samples) for c in chunks) - seconds * RATE) <= 2


def test_pictures_beyond_the_limits_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_clip(tmp_path / "a.mp4", size=(192, 108), audio=None)
    monkeypatch.setattr(decode, "LONGEST_SIDE", 160)
    with pytest.raises(MediaError, match="192x108 are too large"):
        read_all(path)
    monkeypatch.undo()
    monkeypatch.setattr(decode, "MOST_PIXELS", 160 * 90)
    with pytest.raises(MediaError, match="too large"):
        read_all(path)


def test_libav_refuses_a_picture_that_grows_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make_clip(tmp_path / "1.ts", video="mpeg2video", frames=20, size=(192, 108), audio=None)
    large = make_clip(tmp_path / "2.ts", video="mpeg2video", frames=20, size=(320, 240), audio=None)
    small.write_bytes(small.read_bytes() + large.read_bytes())
    monkeypatch.setattr(decode, "MOST_PIXELS", 200 * 200)
    events = read_all(small)[1]
    assert {(e.width, e.height) for e in events if isinstance(e, VideoFrame)} == {(192, 108)}
    assert any(isinstance(e, Dropped) and e.where == "decoder" for e in events)


def test_stop_ends_a_read_and_the_next_gives_nothing(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", frames=150)
    reader = MediaReader("x", time.monotonic)
    reader.open(str(path))
    threading.Timer(0.0, reader.stop).start()
    reader.read(10**9, 30.0)
    reader.stop()
    assert reader.read() == []
    reader.close()
    reader.close()  # twice does no harm


def test_a_file_like_object_is_read_too(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.flv", video="flv1", audio="aac", audio_rate=44_100)
    reader = MediaReader("x", time.monotonic, threads="SLICE", hold=False)
    with path.open("rb") as file:
        reader.open(file, container_format="flv")
        events: list[Event] = []
        while not reader.ended:
            events += reader.read(8, 0.01)
        reader.close()
    want = truth(path)
    assert totals(events) == {key: want[key] for key in totals([])}


class BrokenFile:
    """Reads well for a while, then the disk fails."""

    def __init__(self, path: Path, good: int) -> None:
        self._file = path.open("rb")
        self._good = good

    def read(self, n: int) -> bytes:
        if self._good <= 0:
            raise OSError(5, "Input/output error")
        self._good -= n
        return self._file.read(n)


def test_what_was_decoded_before_a_read_error_is_not_lost(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.ts", frames=300)
    reader = MediaReader("x", time.monotonic)
    reader.open(BrokenFile(path, 100_000), container_format="mpegts")  # type: ignore[arg-type]
    events: list[Event] = []
    for _ in range(100):
        try:
            events += reader.read(10_000, 10.0)
        except OSError:
            break
    else:
        pytest.fail("the read error was swallowed")
    reader.close()
    assert totals(events)["frames"] > 50


def test_view_sizes() -> None:
    assert view_size(1920, 1080) == (160, 90)
    assert view_size(1080, 1920) == (90, 160)
    assert view_size(100, 50) == (100, 50)
    assert view_size(16_384, 1) == (160, 1)


def test_levels_of_every_sample_type() -> None:
    square = np.array([[1, -1] * 50])
    for dtype, top in ((np.int16, 2**15), (np.int32, 2**31), (np.float32, 1), (np.float64, 1)):
        rms, peak = sample_levels(full_scale((square * (top / 4)).astype(dtype)))
        assert (rms, peak) == (pytest.approx(0.25), pytest.approx(0.25))
    assert sample_levels(full_scale((128 + 32 * square).astype(np.uint8))) == (0.25, 0.25)
    assert sample_levels(full_scale(np.full((2, 10), 128, np.uint8))) == (0.0, 0.0)
    assert sample_levels(np.zeros(0, np.float32)) == (0.0, 0.0)
    assert sample_levels(full_scale(np.array([-32768], np.int16))) == (1.0, 1.0)


def test_levels_of_broken_floats_stay_finite() -> None:
    for bad in (np.nan, np.inf, -np.inf, 3e38):
        samples = full_scale(np.array([[0.1, bad, -0.1]], np.float32))
        assert np.isfinite(sample_levels(samples)).all()
    assert sample_levels(full_scale(np.array([[np.nan, 0.5]], np.float32)))[1] == 0.5


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_broken_floats_give_clean_samples(rate: int) -> None:
    tap = AudioTap("x", time.monotonic)
    chunks: list[AudioChunk] = []
    for n in range(5):
        pcm = np.full((1, 1600), 0.3, np.float32)
        pcm[0, 5:8] = np.nan, np.inf, 1e38
        frame = av.AudioFrame.from_ndarray(pcm, "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 1600 * n, Fraction(1, rate)
        chunks += tap.frame(frame, 1)
    chunks += tap.flush()
    assert len(chunks) == 5
    for chunk in chunks:
        assert np.abs(chunk.samples).max() <= 1.0  # also False for NaN
        assert np.isfinite([chunk.rms, chunk.peak]).all()


def test_levels_of_pictures() -> None:
    black, white = np.zeros((9, 16, 3), np.uint8), np.full((9, 16, 3), 255, np.uint8)
    assert picture_levels(black, None) == (0.0, None)
    assert picture_levels(white, black) == (pytest.approx(255.0), 255.0)
    assert picture_levels(black, white) == (0.0, 255.0)
    assert picture_levels(black, white[:3]) == (0.0, None)
    green = black.copy()
    green[..., 1] = 100
    assert picture_levels(green, black) == (pytest.approx(58.7), pytest.approx(100 / 3))
