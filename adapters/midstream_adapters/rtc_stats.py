"""What a WebRTC receiver can tell of its media: packets, loss, jitter, bitrate, key frames, freezes.

aiortc counts neither bytes nor freezes, and mixes retransmissions into loss and jitter, so that all is counted here.
"""

from __future__ import annotations

from collections import deque

from .events import Kind

_SOURCES = 8
"""SSRCs of one kind that are followed; more than a sender and its restarts is no sender of ours."""


class _Source:
    """Sequence numbers and arrival times of one SSRC (RFC 3550, appendices A.3 and A.8)."""

    def __init__(self, sequence: int, rate: int) -> None:
        self.received = 0
        self.jitter = 0.0
        """In units of the RTP clock."""
        self.rate = rate
        self._base = self._highest = sequence
        self._cycles = 0
        self._transit: tuple[int, float] | None = None

    def packet(self, sequence: int, timestamp: int, arrival: float) -> None:
        self.received += 1
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead >= 0x8000:  # late, or doubled
            return
        if sequence < self._highest:
            self._cycles += 0x10000
        self._highest = sequence
        if self._transit is None or timestamp != self._transit[0]:  # packets of one frame leave in a burst
            if self._transit is not None:
                sent = (timestamp - self._transit[0] + (1 << 31)) % (1 << 32) - (1 << 31)
                difference = abs((arrival - self._transit[1]) * self.rate - sent)
                self.jitter += (difference - self.jitter) / 16
            self._transit = timestamp, arrival

    @property
    def lost(self) -> int:
        return max(0, self._cycles + self._highest - self._base + 1 - self.received)


class RtpMeter:
    """Packets, loss, jitter and payload bytes of one kind. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.nbytes = 0
        """Payload bytes so far, without headers and padding, as W3C's ``bytesReceived``; retransmissions too."""
        self.heard: float | None = None
        """When the last packet came."""
        self.nacks = self.plis = 0
        self.rtx_packets = 0
        """Retransmissions, and the padding that Chromium sends the same way to probe the bandwidth."""
        self._sources: dict[int, _Source] = {}
        self._newest: _Source | None = None

    def packet(
        self,
        ssrc: int,
        sequence: int,
        timestamp: int,
        size: int,
        rate: int,
        arrival: float,
        rtx: bool = False,
    ) -> None:
        """Count a packet of `size` payload bytes; ``rate`` is its RTP clock in Hz."""
        self.nbytes += size
        self.heard = arrival
        if rtx:  # its sequence numbers are its own, and it says nothing of jitter (RFC 4588)
            self.rtx_packets += 1
            return
        source = self._sources.get(ssrc)
        if source is None:
            if len(self._sources) >= _SOURCES:
                return
            source = self._sources[ssrc] = _Source(sequence, rate)
        self._newest = source
        source.packet(sequence, timestamp, arrival)

    @property
    def packets(self) -> int:
        return sum(source.received for source in self._sources.values())

    @property
    def lost(self) -> int:
        """Packets that never came, or came again by retransmission."""
        return sum(source.lost for source in self._sources.values())

    @property
    def jitter(self) -> float | None:
        """Interarrival jitter in seconds (RFC 3550, 6.4.1) of the source heard last."""
        return self._newest.jitter / self._newest.rate if self._newest is not None else None


class FreezeMeter:
    """Freezes as W3C's webrtc-stats has them: a gap of at least max(3 * average, average + 150 ms)."""

    _FEWEST = 5

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._gaps: deque[float] = deque(maxlen=30)
        self._last: float | None = None

    def frame(self, now: float) -> None:
        """A frame has come."""
        if self._last is not None:
            if self.frozen(now):
                self.count += 1
                self.seconds += now - self._last
            self._gaps.append(now - self._last)
        self._last = now

    def frozen(self, now: float) -> bool:
        """Whether the gap since the last frame is a freeze by now."""
        if self._last is None or len(self._gaps) < self._FEWEST:
            return False
        average = sum(self._gaps) / len(self._gaps)
        return now - self._last >= max(3 * average, average + 0.15)

    def so_far(self, now: float) -> tuple[int, float]:
        """Freezes and their seconds, one that lasts still among them."""
        if self.frozen(now) and self._last is not None:
            return self.count + 1, self.seconds + now - self._last
        return self.count, self.seconds


class TrackMeter:
    """Everything that is counted of one track, and its figures."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.rtp = RtpMeter()
        self.freezes = FreezeMeter()
        self.codec = ""
        self.decoded = 0
        self._key_at: float | None = None
        self._key_interval: float | None = None
        self._before: tuple[float, int, int] | None = None

    def frame(self, now: float, key: float | None = None) -> None:
        """A frame was decoded; ``key``: it is a key frame of this PTS, in seconds."""
        self.decoded += 1
        if self.kind is Kind.VIDEO:
            self.freezes.frame(now)
            if key is not None:
                if self._key_at is not None:
                    self._key_interval = key - self._key_at
                self._key_at = key

    def figures(self, now: float) -> dict[str, float | str]:
        """Figures by name, each beginning with the kind; bitrate and rate are those since the last call."""
        rtp = self.rtp
        values: dict[str, float | str] = {"packets": rtp.packets, "packets_lost": rtp.lost}
        if expected := rtp.packets + rtp.lost:
            values["loss_percent"] = 100.0 * rtp.lost / expected
        if rtp.jitter is not None:
            values["jitter_ms"] = 1000.0 * rtp.jitter
        values["frames_decoded"] = self.decoded
        if self._before is not None and (seconds := now - self._before[0]) > 0:
            values["bitrate_bps"] = 8 * (rtp.nbytes - self._before[1]) / seconds
            if self.kind is Kind.VIDEO:
                values["decoded_fps"] = (self.decoded - self._before[2]) / seconds
        self._before = now, rtp.nbytes, self.decoded
        if self.kind is Kind.VIDEO:
            values["freezes"], values["frozen_s"] = self.freezes.so_far(now)
            values |= {"nacks": rtp.nacks, "plis": rtp.plis, "rtx_packets": rtp.rtx_packets}
            if self._key_interval is not None:
                values["key_frame_interval_s"] = self._key_interval
        if self.codec:
            values["codec"] = self.codec
        return {f"{self.kind}_{name}": value for name, value in values.items()}
