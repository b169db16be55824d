"""All detectors of quality on one stream: events go in, what they tell of its quality comes out."""

from __future__ import annotations

from .events import (
    OPENING,
    AudioChunk,
    Blame,
    Dropped,
    Event,
    Figures,
    Impairment,
    Kind,
    State,
    StateChanged,
    VideoFrame,
)
from .quality_arrival import Arrival, Offset
from .quality_picture import PictureWatch
from .quality_sound import SoundWatch
from .quality_spells import Burst, Values
from .quality_timeline import Timeline

BEAT_S = 1.0
"""Seconds between figures."""
_BLAMED = {
    "decoder": Blame.DECODE,
    "demuxer": Blame.DECODE,
    "segment": Blame.NETWORK,
    "queue": Blame.US,
}
"""Who it was that items are missing, by the place where they were dropped."""
_NAMES = {
    Blame.DECODE: ("decode errors", "errors"),
    Blame.NETWORK: ("lost segments", "lost_segments"),
    Blame.US: ("dropped frames", "dropped_frames"),
}


class _Track:
    """What is remembered of one kind."""

    def __init__(self, quality: StreamQuality, kind: Kind) -> None:
        self.timeline = Timeline(quality.say, kind, lambda gap: quality.blame(self, gap))
        self.arrival = Arrival(quality.say, kind)
        self.bursts = {
            blame: Burst(quality.say, what, kind, blame, figure) for blame, (what, figure) in _NAMES.items()
        }
        self.bursting = False
        self.lost: Blame | None = None  # who lost something since the last item
        self.packets_lost = 0.0
        self.came: float | None = None
        self.waited = 0.0

    @property
    def end(self) -> float:
        return self.timeline.end or 0.0

    def add(self, blame: Blame, count: int, at: float) -> None:
        """`count` items are damaged or missing."""
        self.bursting = True
        self.bursts[blame].add(count, at)

    def pass_by(self, at: float) -> None:
        self.bursting = False
        for burst in self.bursts.values():
            self.bursting |= burst.pass_by(at)

    def close(self, now: float) -> None:
        for burst in self.bursts.values():
            burst.close()
        self.arrival.close(now)


class StreamQuality:
    """The quality of one stream. One thread at a time.

    ``live``: `stream` arrives as it is made, so that when it arrives tells something; ``common``: its sound and its
    pictures have one timeline, which RTP's have not before the sender's first report.
    """

    def __init__(self, stream: str, *, live: bool = False, common: bool = True) -> None:
        self.stream = stream
        self._live = live
        self._tracks: dict[Kind, _Track] = {}
        self._size = 0, 0
        self._form = 0, 0
        self._picture = PictureWatch(self.say)
        self._sound = SoundWatch(self.say)
        self._offset = Offset(self.say) if live and common else None
        self._shapes: dict[tuple[str, Kind], str] = {}
        self._errors = 0
        self._coded = False  # it came out of a decoder
        self._first: float | None = None
        self._beat: float | None = None
        self._told: dict[str, float | str] = {}
        self._counts_freezes = live
        self._now = 0.0
        self._out: list[Event] = []

    def take(self, event: Event) -> list[Event]:
        """Return the impairments and figures that `event` gives rise to."""
        self._now = event.at
        if isinstance(event, VideoFrame):
            self._video(event)
        elif isinstance(event, AudioChunk):
            self._audio(event)
        elif isinstance(event, Dropped):
            self._dropped(event)
        elif isinstance(event, Figures):
            self._figures(event)
        elif isinstance(event, StateChanged) and event.state in (
            State.ENDED,
            State.FAILED,
            State.RECONNECTING,
        ):
            self._close(event.at)
        return self._taken()

    def idle(self, now: float) -> list[Event]:
        """Return what there is to say because nothing came up to `now`."""
        self._now = now
        for track in self._tracks.values():
            if self._live and track.timeline.end is not None:
                track.arrival.idle(now, track.end, track.lost or Blame.NETWORK)
        return self._taken()

    def say(
        self, what: str, kind: Kind, began: float, ended: float | None, blame: Blame, figures: Values
    ) -> None:
        """Take what a detector found."""
        self._out.append(Impairment(self.stream, self._now, what, kind, began, ended, blame, figures))

    def blame(self, track: _Track, gap: float) -> Blame:
        """Who it was that `gap` seconds of media are missing."""
        if track.lost is not None:
            return track.lost
        return Blame.NETWORK if self._live and track.waited >= 0.5 * gap else Blame.SOURCE

    def _taken(self) -> list[Event]:
        out, self._out = self._out, []
        return out

    # -- what comes

    def _video(self, frame: VideoFrame) -> None:
        track, at = self._came(Kind.VIDEO, frame.at, frame.pts)
        end = track.end
        if not track.timeline.item(at, None, frame.keyframe):
            self._picture.close(end)
        self._arrived(track, Kind.VIDEO, at, end)
        if frame.width and (size := (frame.width, frame.height)) != self._size:
            self._size = size
            self._change("resolution", Kind.VIDEO, f"{frame.width}x{frame.height}", at)
        if frame.corrupt:
            self._errors += 1
            track.add(Blame.DECODE, 1, at)
        self._picture.frame(at, frame)
        self._passed(track, at)

    def _audio(self, chunk: AudioChunk) -> None:
        track, at = self._came(Kind.AUDIO, chunk.at, chunk.pts)
        end = track.end
        if not track.timeline.item(at, chunk.duration):
            self._sound.close(end)
        self._arrived(track, Kind.AUDIO, at, end)
        if chunk.sample_rate and (form := (chunk.sample_rate, chunk.channels)) != self._form:
            self._form = form
            self._change("sample rate", Kind.AUDIO, f"{chunk.sample_rate} Hz", at)
            self._change("channel", Kind.AUDIO, f"{chunk.channels}", at)
        if chunk.peak is not None:
            samples = round(chunk.duration * chunk.sample_rate) * chunk.channels
            self._sound.chunk(at, chunk.duration, chunk.peak, samples, chunk.clipped)
        self._passed(track, at)

    def _dropped(self, event: Dropped) -> None:
        blame = _BLAMED.get(event.where)
        if blame is None or event.kind is Kind.TEXT:
            return
        track = self._track(event.kind)
        track.lost = blame
        if blame is Blame.DECODE:
            self._errors += event.count
        track.add(blame, event.count, track.end)

    def _figures(self, event: Figures) -> None:
        values = event.values
        if OPENING in values:
            for kind in (Kind.VIDEO, Kind.AUDIO):
                if f"{kind}_codec" in values:
                    self._restart(kind)
        for kind in (Kind.VIDEO, Kind.AUDIO):
            if isinstance(codec := values.get(f"{kind}_codec"), str):
                self._coded = True
                self._change("codec", kind, codec.lower(), self._track(kind).end)
            if isinstance(lost := values.get(f"{kind}_packets_lost"), int | float):
                track = self._track(kind)
                if lost > track.packets_lost:
                    track.lost = Blame.NETWORK
                track.packets_lost = lost
        if "video_freezes" in values:  # it counts them itself, nearer to the wire
            self._counts_freezes = False

    # -- what all kinds have in common

    def _track(self, kind: Kind) -> _Track:
        track = self._tracks.get(kind)
        if track is None:
            track = self._tracks[kind] = _Track(self, kind)
        return track

    def _came(self, kind: Kind, now: float, pts: float | None) -> tuple[_Track, float]:
        """The track, and the media time; where the source tells none it is that of arrival, from the first on."""
        if self._first is None:
            self._first = now
        track = self._track(kind)
        track.waited, track.came = 0.0 if track.came is None else now - track.came, now
        return track, now - self._first if pts is None else pts

    def _arrived(self, track: _Track, kind: Kind, at: float, end: float) -> None:
        if self._live:
            track.arrival.item(self._now, at, end, track.lost or Blame.NETWORK)
            if self._offset is not None:
                self._offset.item(kind, self._now, at)
        track.lost = None

    def _passed(self, track: _Track, at: float) -> None:
        if track.bursting:
            track.pass_by(at)
        if self._beat is None:
            self._beat = self._now
        elif self._now - self._beat >= BEAT_S:
            self._beat = self._now
            if self._offset is not None:
                self._offset.beat(at)
            self._tell()

    def _change(self, name: str, kind: Kind, value: str, at: float) -> None:
        before = self._shapes.get((name, kind))
        self._shapes[name, kind] = value
        if before is not None and before != value:
            figures = {"from": before, "to": value}
            self.say(f"{name} change", kind, at, at, Blame.SOURCE, figures)

    def _tell(self) -> None:
        """Give the figures that have changed."""
        values: dict[str, float | str] = {}
        if (video := self._tracks.get(Kind.VIDEO)) is not None:
            if self._coded and (interval := video.timeline.key_interval) is not None:
                values["video_key_frame_interval_s"] = round(interval, 3)
            if self._counts_freezes:
                freezes, seconds = video.arrival.freezes
                values |= {"video_freezes": freezes, "video_frozen_s": round(seconds, 3)}
        if self._offset is not None and self._offset.ms is not None:
            values["av_offset_ms"] = round(self._offset.ms)
        if self._coded or self._errors:
            values["decode_errors"] = self._errors
        if self._sound.clipped:
            values["clipped_samples"] = self._sound.clipped
        news = {name: value for name, value in values.items() if self._told.get(name) != value}
        if news:
            self._told |= news
            self._out.append(Figures(self.stream, self._now, news))

    # -- ends

    def _restart(self, kind: Kind) -> None:
        """Another input begins, with PTS of its own."""
        track = self._track(kind)
        self._end(kind, track)
        track.timeline.restart()

    def _end(self, kind: Kind, track: _Track) -> None:
        track.close(self._now)
        (self._picture if kind is Kind.VIDEO else self._sound).close(track.end)
        if self._offset is not None:
            self._offset.close(track.end)

    def _close(self, now: float) -> None:
        """The stream has ended, or its connection is lost: what lasts ends with it."""
        for kind, track in self._tracks.items():
            self._end(kind, track)
            track.timeline.restart()
        if self._tracks:
            self._tell()
