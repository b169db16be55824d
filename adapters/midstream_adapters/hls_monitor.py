"""What an HLS playlist tells of its health: states, missed segments, and figures of edge, fetching and stalls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .base import Clock, Sink
from .events import AudioChunk, Dropped, Figures, Kind, State, StateChanged, VideoFrame
from .hls_playlist import Segment, Variant
from .hls_segments import Follower, Loaded
from .mediainfo import MediaInfo

_SNAP = 0.1
"""Seconds around its listed start within which a segment begins, with a key frame: listed durations are rounded."""


class Playhead:
    """Which of the segments that went to the decoder is on show, by the PTS of what leaves it."""

    def __init__(self) -> None:
        self.segment: Segment | None = None
        self.into = 0.0
        """Seconds of `segment` that have been shown."""
        self._poured: deque[Segment] = deque()
        self._start: float | None = None  # PTS at which `segment` began
        self._new = False

    def pour(self, segment: Segment, first: bool) -> None:
        """`segment` goes to the decoder, as the ``first`` of a new one or behind what came before."""
        if first:
            self._poured.clear()
            self._new = True
        self._poured.append(segment)

    def show(self, event: VideoFrame | AudioChunk) -> bool:
        """`event` leaves; tell whether another segment begins with it."""
        if event.pts is None or not (self._poured or self._start is not None):
            return False
        key = isinstance(event, VideoFrame) and event.keyframe
        moved = False
        if self._new or self.segment is None or self._start is None:
            self._new, moved = False, True
            self.segment, self._start = self._poured.popleft(), event.pts
        while self._poured:
            end = self._start + self.segment.duration
            if event.pts < (end - _SNAP if key else end + _SNAP):
                break
            near = key and event.pts < end + _SNAP
            self.segment, self._start, moved = self._poured.popleft(), event.pts if near else end, True
        self.into = min(max(0.0, event.pts - self._start), self.segment.duration)
        return moved


class Monitor:
    """The figures and the states of one playlist. Only the main one of a source speaks of states and figures."""

    def __init__(
        self,
        stream: str,
        sink: Sink,
        clock: Clock,
        wall: Callable[[], float],
        variant: Variant | None,
        main: bool = True,
    ) -> None:
        self._stream = stream
        self._sink = sink
        self._clock = clock
        self._wall = wall
        self._variant = variant
        self._main = main
        self._said = ""
        self._stall = ""  # why it is stalled, while it is
        self._stalls = self._segments = self._missed = 0
        self._stalled_s = 0.0
        self._playhead = Playhead()
        self._kind = Kind.VIDEO if main else Kind.AUDIO

    def opened(self, info: MediaInfo) -> None:
        """A decoder was opened: the source is live."""
        if Kind.VIDEO not in info.kinds:
            self._kind = Kind.AUDIO
        said = f"{self._variant}, {info}" if self._variant else str(info)
        if said != self._said:
            self._said = said
            self._say(State.LIVE, said)
            if self._stall:
                self._say(State.STALLED, self._stall)

    def stalled(self, follower: Follower, silent: float) -> None:
        self._stalls += 1
        target = follower.playlist.target
        self._say(
            State.STALLED, f"the playlist has not grown for {silent:.1f} s (target duration {target:g} s)"
        )

    def recovered(self, follower: Follower, silent: float) -> None:
        self._stalled_s += silent
        self._stall = ""
        if self._said:
            self._say(State.LIVE, f"the playlist grows again, after {silent:.1f} s")

    def missed(self, count: int) -> None:
        """Segments that did not come, or of which nothing could be decoded."""
        self._missed += count
        self._sink.emit(Dropped(self._stream, self._clock(), self._kind, count, "segment"))

    def polled(self, follower: Follower) -> None:
        self._figures(self._place(follower))

    def shown(self, event: VideoFrame | AudioChunk, follower: Follower) -> None:
        """`event` leaves the decoder in its time: the playhead is there."""
        if self._playhead.show(event):
            self._figures(self._place(follower))

    def poured(self, item: Loaded, follower: Follower, first: bool) -> None:
        """`item` went to the decoder, as the ``first`` of a new one or behind what came before."""
        segment = item.segment
        self._playhead.pour(segment, first)
        self._segments += 1
        values: dict[str, float | str] = {"fetch_s": item.seconds, "segment_s": segment.duration}
        if segment.duration > 0:
            values["fetch_ratio"] = item.seconds / segment.duration
            values["segment_bitrate_bps"] = 8 * item.nbytes / segment.duration
        self._figures(values | self._place(follower))

    def _place(self, follower: Follower) -> dict[str, float | str]:
        """Where the playhead and the playlist stand; nothing of it means anything on demand."""
        playlist, newest, played = follower.playlist, follower.newest, self._playhead.segment
        if playlist.ended or newest is None:
            return {}
        values: dict[str, float | str] = {"playlist_age_s": self._clock() - follower.changed_at}
        if played is not None:
            behind = max(0, newest.sequence - played.sequence)
            values["segments_behind"] = behind
            if played.date is not None:
                values["live_latency_s"] = self._wall() - (played.date + self._playhead.into)
                values["live_latency_from"] = "program date"
            else:
                values["live_latency_s"] = behind * playlist.target
                values["live_latency_from"] = "segments behind"
        return values

    def _figures(self, values: dict[str, float | str]) -> None:
        if not self._main:
            return
        values |= {"segments": self._segments, "segments_missed": self._missed, "stalls": self._stalls}
        values["stalled_s"] = self._stalled_s
        if self._variant is not None:
            values |= {"variant": str(self._variant), "variant_bandwidth_bps": self._variant.bandwidth}
        self._sink.emit(Figures(self._stream, self._clock(), values))

    def _say(self, state: State, reason: str) -> None:
        if self._main:
            self._sink.emit(StateChanged(self._stream, self._clock(), state, reason))
