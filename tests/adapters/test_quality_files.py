"""What is wrong with a file is found, with its begin and its end, and nothing is found in one with which nothing is."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from midstream_adapters.events import Blame, Figures, Impairment, Kind, VideoFrame
from tests.adapters.clips import corrupt
from tests.adapters.quality_clips import MOVING, ended, ffmpeg, make, watch
from tests.adapters.recorder import Recorder

TONE = "sine=440:r=48000"
NEAR = 0.5
"""Seconds that a begin or an end may be off; in fact it is a frame or two."""


def held(frame: int, times: int) -> str:
    """A filter that shows one picture of 25 a second so many times more."""
    return f"loop=loop={times}:size=1:start={frame},setpts=N/25/TB"


def blackened(start: float, end: float) -> str:
    return f"drawbox=color=black:t=fill:enable='between(t,{start},{end})'"


def found(sink: Recorder) -> list[tuple[str, Kind]]:
    return sorted({(e.what, e.kind) for e in sink.of(Impairment)})


def only(sink: Recorder, what: str) -> Impairment:
    [one] = ended(sink, what)
    return one


async def test_five_seconds_black_frozen_and_silent_are_found_where_they_are(tmp_path: Path) -> None:
    # black from 4 to 9; frozen from 12 to 17 (one picture, 125 times more); silent from 18 to 23
    video = f"{MOVING}:d=20,{held(300, 125)},{blackened(4, 8.99)}"
    audio = f"{TONE}:d=25,volume=0:enable='between(t,18,22.99)'"
    sink = await watch(make(tmp_path / "bad.mp4", video, audio, "-shortest"))

    assert found(sink) == [("black", Kind.VIDEO), ("freeze", Kind.VIDEO), ("silence", Kind.AUDIO)]
    for what, began, over in (("black", 4, 9), ("freeze", 12, 17), ("silence", 18, 23)):
        [first, last] = [e for e in sink.of(Impairment) if e.what == what]
        assert first.began == last.began == pytest.approx(began, abs=NEAR)
        assert first.ended is None
        assert last.ended == pytest.approx(over, abs=NEAR)
        assert last.figures["lasted_s"] == pytest.approx(5.0, abs=NEAR)
        assert first.blame is last.blame is Blame.SOURCE


async def test_said_live_as_soon_as_it_is_sure(tmp_path: Path) -> None:
    sink = await watch(make(tmp_path / "frozen.mp4", f"{MOVING}:d=4,{held(50, 200)}", None))
    said = next(n for n, e in enumerate(sink.events) if isinstance(e, Impairment))
    before = [e for e in sink.events[:said] if isinstance(e, VideoFrame)]
    assert before[-1].pts == pytest.approx(2.0 + 2.0, abs=0.05)


async def test_what_lasts_until_the_end_ends_with_the_stream(tmp_path: Path) -> None:
    sink = await watch(
        make(tmp_path / "end.mp4", "color=black:s=192x108:r=25:d=4", "anullsrc=d=4", "-shortest")
    )
    assert only(sink, "black").ended == pytest.approx(4.0, abs=0.1)
    assert only(sink, "silence").ended == pytest.approx(4.0, abs=0.1)
    assert "freeze" not in {e.what for e in sink.of(Impairment)}  # a black picture is black


async def test_shorter_than_two_seconds_is_nothing(tmp_path: Path) -> None:
    video = f"{MOVING}:d=8,{held(100, 45)},{blackened(1, 2.8)}"
    audio = f"{TONE}:d=9,volume=0:enable='between(t,3,4.8)'"
    assert found(await watch(make(tmp_path / "short.mp4", video, audio, "-shortest"))) == []


CLEAN = {
    "pattern and tone": (f"{MOVING}:d=8", f"{TONE}:d=8", ".mp4"),
    "grain and noise": (
        # one dim picture under film grain, and noise at some -50 dB: nearly still, nearly black, nearly silent
        "color=0x202020:s=320x180:r=25:d=8,drawbox=x=40:y=30:w=90:h=60:color=gray:t=fill,noise=alls=12:allf=t",
        "anoisesrc=d=8:c=pink:a=0.01:seed=1",
        ".mkv",
    ),
    "a slow zoom, each picture twice, at few bits": (
        "mandelbrot=s=320x180:r=12:start_scale=3:end_scale=2.6:end_pts=200,trim=duration=8,fps=24",
        "sine=220:d=8",
        ".mkv",
    ),
    "a head that hardly moves": (
        "color=0x606060:s=320x180:r=25:d=8[wall];color=0xc09070:s=50x70:r=25:d=8[head];"
        "[wall]drawgrid=w=20:h=20[w];[w][head]overlay=x='150+2*sin(2*t)':y='50+1.5*sin(3*t)'",
        "sine=220:d=8",
        ".mp4",
    ),
    "film at 23.976 and soft music": (
        "mandelbrot=s=192x108:r=24000/1001,trim=duration=8",
        "aevalsrc='0.3*sin(2*PI*220*t)*(0.1+pow(sin(PI*t),2))|0.2*sin(2*PI*331*t)':d=8:s=44100",
        ".ts",
    ),
}


@pytest.mark.parametrize("name", CLEAN)
async def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path, name: str) -> None:
    video, audio, suffix = CLEAN[name]
    sink = await watch(make(tmp_path / f"clean{suffix}", video, audio))
    assert found(sink) == []
    assert len(sink.frames) > 180


CODECS = (
    "libx264 -b:v 300k",
    "libx264 -preset veryfast -tune zerolatency -g 25 -b:v 200k -maxrate 200k -bufsize 200k",
    "mpeg4 -q:v 5",
    "mpeg2video -b:v 300k",
    "libvpx -b:v 300k -deadline realtime -cpu-used 8",
)


@pytest.mark.parametrize("codec", CODECS)
async def test_frozen_pictures_of_a_lossy_codec_are_frozen(tmp_path: Path, codec: str) -> None:
    """An encoder repairs a still picture for some frames; what is left differs by less than freezedetect's noise."""
    path = tmp_path / "frozen.mkv"
    graph = f"mandelbrot=s=192x108:r=25,trim=duration=3,{held(50, 125)}"
    ffmpeg("-f", "lavfi", "-i", graph, "-c:v", *codec.split(), "-pix_fmt", "yuv420p", str(path))
    freeze = only(await watch(path), "freeze")
    assert freeze.began == pytest.approx(2.0, abs=NEAR)
    assert freeze.ended == pytest.approx(7.0, abs=NEAR)


async def test_a_clipped_sine_is_told_from_a_loud_one(tmp_path: Path) -> None:
    # +9 dB over full scale from 2 to 4 s; else 0.99 of full scale
    audio = "aevalsrc='max(-1,min(1,if(between(t,2,4),2.8,0.99)*sin(2*PI*440*t)))':d=6:s=48000"
    sink = await watch(make(tmp_path / "loud.wav", None, audio, "-c:a", "pcm_s16le"))
    clipping = only(sink, "clipping")
    assert clipping.kind is Kind.AUDIO
    assert clipping.blame is Blame.SOURCE
    assert clipping.began == pytest.approx(2.0, abs=0.1)
    assert clipping.ended == pytest.approx(4.0, abs=0.1)
    # |2.8 sin| > 1 for 1 - 2 asin(1/2.8) / pi of the time
    assert clipping.figures["clipped_samples"] == pytest.approx(2 * 48_000 * 0.767, rel=0.02)
    assert {e.what for e in sink.of(Impairment)} == {"clipping"}


async def test_a_full_scale_sine_and_single_peaks_do_not_clip(tmp_path: Path) -> None:
    audio = "aevalsrc='if(eq(mod(n,4800),0),1,sin(2*PI*440*t))':d=3:s=48000"
    assert found(await watch(make(tmp_path / "full.wav", None, audio, "-c:a", "pcm_s16le"))) == []


def edited(source: Path, target: Path, *, without: tuple[float, float], back: float = 0.0) -> Path:
    """A copy that lacks the packets between two times; what comes after moves `back` seconds."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is None or packet.pts is None:
                continue
            at = float(packet.pts * packet.time_base)
            if without[0] <= at < without[1]:
                continue
            if at >= without[1]:
                shift = round(back / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream_index]
            new.mux(packet)
    return target


async def test_a_hole_in_the_pts_is_a_gap_with_its_length(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.ts", f"{MOVING}:d=6", f"{TONE}:d=6", "-g", "1", "-bf", "0")
    start = 1.4  # of every stream that ffmpeg muxes as MPEG-TS
    sink = await watch(edited(whole, tmp_path / "hole.ts", without=(start + 2, start + 3.5)))
    for kind in (Kind.VIDEO, Kind.AUDIO):
        [gap] = [e for e in ended(sink, "pts gap") if e.kind is kind]
        assert gap.began == pytest.approx(start + 2, abs=0.1)
        assert gap.ended == pytest.approx(start + 3.5, abs=0.1)
        assert gap.figures["gap_s"] == pytest.approx(1.5, abs=0.1)
        assert gap.blame is Blame.SOURCE
    assert {e.what for e in sink.of(Impairment)} == {"pts gap"}


async def test_pts_that_go_back_are_a_regression(tmp_path: Path) -> None:
    parts = [
        make(tmp_path / f"{n}.ts", f"{MOVING}:d={seconds}", f"{TONE}:d={seconds}")
        for n, seconds in enumerate((3, 2))
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    sink = await watch(both)
    for kind in (Kind.VIDEO, Kind.AUDIO):
        [back] = [e for e in ended(sink, "pts regression") if e.kind is kind]
        assert back.began == back.ended == pytest.approx(1.4 + 3.0, abs=0.1)
        assert back.figures["back_s"] == pytest.approx(3.0, abs=0.1)


async def test_another_size_and_another_rate_mid_stream_are_told(tmp_path: Path) -> None:
    first = make(tmp_path / "0.ts", f"{MOVING}:d=2", f"{TONE}:d=2", "-c:a", "mp2")
    how = ("-output_ts_offset", "2", "-c:a", "mp2")
    second = make(tmp_path / "1.ts", "testsrc2=s=320x180:r=25:d=2", "sine=440:r=32000:d=2", *how)
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    sink = await watch(both)
    size, rate = only(sink, "resolution change"), only(sink, "sample rate change")
    assert size.figures == {"from": "192x108", "to": "320x180"}
    assert rate.figures == {"from": "48000 Hz", "to": "32000 Hz"}
    assert size.began == size.ended == pytest.approx(3.4, abs=0.1)
    assert rate.kind is Kind.AUDIO


async def test_damage_is_said_as_decode_errors_with_a_count(tmp_path: Path) -> None:
    path = make(tmp_path / "hurt.mp4", f"{MOVING},noise=alls=20:allf=t,trim=duration=6", f"{TONE}:d=6")
    corrupt(path, 40, seed=3)
    sink = await watch(path)
    errors = [e for e in sink.of(Impairment) if e.what == "decode errors"]
    assert {e.blame for e in errors} == {Blame.DECODE}
    total: dict[str, float | str] = {}
    for figures in sink.of(Figures):
        total |= figures.values
    damaged = sum(frame.corrupt for frame in sink.frames) + sum(sink.dropped.values())
    assert total["decode_errors"] == damaged > 5
    over = ended(sink, "decode errors")
    assert sum(int(e.figures["errors"]) for e in over) == damaged  # every error is in one that is over


async def test_key_frame_interval(tmp_path: Path) -> None:
    sink = await watch(make(tmp_path / "keys.mp4", f"{MOVING}:d=4", None, "-g", "40", "-sc_threshold", "0"))
    total: dict[str, float | str] = {}
    for figures in sink.of(Figures):
        total |= figures.values
    assert total["video_key_frame_interval_s"] == pytest.approx(40 / 25)
