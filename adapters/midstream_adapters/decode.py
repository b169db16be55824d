"""A libav input read batch by batch: packets in, events out, nothing lost and every byte counted.

A `MediaReader` is synchronous and belongs to one thread from `open` to `close` (libav contexts that are closed by
another thread leave the reader stuck); `reading.DecodeThread` gives it one. Importing this module loads PyAV.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Literal

import av
import av.error
import av.logging
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from .base import Clock
from .events import OPENING, BytesReceived, Dropped, Event, Figures, Kind
from .mediainfo import AudioInfo, MediaError, MediaInfo, VideoInfo
from .pictures import Pictures
from .redact import redact
from .sanitize import clean_line
from .taps import AudioTap, VideoTap

av.logging.set_level(None)  # libav's log callback takes the GIL on its own threads and can deadlock with them

LONGEST_SIDE = 16_384
MOST_PIXELS = 8_192 * 8_192
"""Pixels of a frame: 100 MB as 8-bit 4:2:0, of which a decoder keeps a handful."""
_BAD_READS = 64
"""Damaged places in a row that demuxing steps over before it gives up."""


class MediaReader:
    """The best video and the best audio stream of one libav input, as events of the stream `stream`.

    ``threads``: libav's way to use several cores. "AUTO" is the fastest but gives frames some later, "SLICE" does not
    wait. ``hold`` is that of `AudioTap`, ``pictures`` that of `VideoTap`.
    """

    def __init__(
        self,
        stream: str,
        clock: Clock,
        *,
        threads: Literal["AUTO", "SLICE", "NONE"] = "AUTO",
        hold: bool = True,
        pictures: Pictures | None = None,
    ) -> None:
        self.stream = stream
        self.clock = clock
        self._pictures = pictures
        self.info: MediaInfo | None = None
        self.ended = False
        self._threads = threads
        self._hold = hold
        self._stopped = False
        self._container: InputContainer | None = None
        self._streams: list[VideoStream | AudioStream] = []
        self._packets: Iterator[Packet[Any]] = iter(())
        self._decoders: dict[int, _Decoder] = {}
        self._bad_reads = 0
        self._error: MediaError | OSError | None = None
        self._opening: dict[str, float | str] = {}

    def open(
        self,
        source: str | BinaryIO,
        *,
        container_format: str | None = None,
        options: Mapping[str, str] | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> MediaInfo:
        """Open `source` (anything `av.open` takes) with libav's `options`; ``timeout`` is (open, read) in seconds.

        Raises:
            MediaError: not media that libav knows, no stream that can be decoded, or beyond the limits.
            OSError: the input could not be read; TimeoutError when it took too long.
        """
        limits = {"max_pixels": str(MOST_PIXELS)}
        try:
            self._container = av.open(
                source,
                "r",
                format=container_format,
                options={**limits, **(options or {})},
                metadata_errors="replace",
                timeout=timeout,
            )
            chosen = [best for best in (self._best("video"), self._best("audio")) if best is not None]
        except (av.FFmpegError, ValueError) as error:
            raise _translate(error) from None
        if not chosen:
            raise MediaError(
                f"no audio or video that can be decoded in this {self._container.format.name} input"
            )
        for stream in self._container.streams:
            if stream not in chosen:
                stream.discard = Discard.all
        for stream in chosen:
            stream.codec_context.options = limits
            stream.codec_context.thread_type = self._threads
            tap: VideoTap | AudioTap
            if isinstance(stream, VideoStream):
                tap = VideoTap(self.stream, self.clock, self._pictures, may_wait=self._hold)
            else:
                tap = AudioTap(self.stream, self.clock, self._hold)
            self._decoders[stream.index] = _Decoder(stream, tap, self)
        self._streams = chosen
        self._packets = self._container.demux(*chosen)
        self.info = _describe(self._container, chosen)
        self._opening = {OPENING: self.info.container}
        if self.info.duration:
            self._opening["duration_s"] = round(self.info.duration, 3)
        for kind, declared in (("video", self.info.video), ("audio", self.info.audio)):
            if declared is not None:
                self._opening[f"{kind}_codec"] = declared.codec
        return self.info

    def read(self, most: int = 64, seconds: float = 0.025) -> list[Event]:
        """Decode on until about `most` events are there or `seconds` are over; `ended` tells when that was all.

        One packet is always decoded to its end, so that a batch may be a little longer than asked.

        Raises:
            MediaError: the input is damaged beyond what libav can step over.
            OSError: reading failed; TimeoutError when the input's read timeout passed.
        """
        if self._error is not None:
            raise self._error
        events: list[Event] = []
        if self._opening:
            events.append(Figures(self.stream, self.clock(), self._opening))
            self._opening = {}
        until = time.perf_counter() + seconds
        while not (self.ended or self._stopped):
            try:
                packet = self._demux(events)
            except (MediaError, OSError) as error:
                self._error = error  # after what was decoded before it
                break
            if packet is None:
                for decoder in self._decoders.values():
                    decoder.finish(events)
                self.ended = True
            elif (
                packet.stream_index in self._decoders
            ):  # PyAV's last, empty ones always claim to be of stream 0
                self._decoders[packet.stream_index].decode(packet, events)
            if len(events) >= most or time.perf_counter() >= until:
                break
        if self._error is not None and not events:
            raise self._error
        return events

    def stop(self) -> None:
        """Make a running `read` return after its packet; may be called from any thread."""
        self._stopped = True

    def close(self) -> None:
        """Free everything of libav's; from the thread that opened it."""
        self._packets = iter(())
        self._decoders.clear()
        self._streams = []
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _best(self, kind: Literal["video", "audio"]) -> VideoStream | AudioStream | None:
        """The stream a player would choose: never a cover picture, never one without a decoder."""
        assert self._container is not None
        streams = self._container.streams
        best = streams.best(kind)
        candidates = [best] if best is not None else []
        candidates += streams.video if kind == "video" else streams.audio
        for stream in candidates:
            assert isinstance(stream, VideoStream | AudioStream)
            if stream.codec_context is None or stream.disposition & Disposition.attached_pic:
                continue
            if isinstance(stream, VideoStream):
                _check_size(stream.codec_context.width, stream.codec_context.height)
            return stream
        return None

    def _demux(self, events: list[Event]) -> Packet[Any] | None:
        """The next packet, or None at the end. Damaged places are stepped over and counted."""
        while True:
            try:
                packet = next(self._packets, None)
            except av.error.InvalidDataError as error:
                self._bad_reads += 1
                events.append(Dropped(self.stream, self.clock(), self._main_kind, 1, "demuxer"))
                if self._bad_reads >= _BAD_READS:
                    raise _translate(error) from None
                assert self._container is not None
                self._packets = self._container.demux(*self._streams)
            except IndexError:  # PyAV's own, at the end of an input that grew a stream on the way
                return None
            except (av.FFmpegError, ValueError) as error:
                raise _translate(error) from None
            else:
                self._bad_reads = 0
                return packet

    @property
    def _main_kind(self) -> Kind:
        return Kind(self._streams[0].type)


class _Decoder:
    """Decodes the packets of one elementary stream and accounts for their bytes."""

    def __init__(
        self, source: VideoStream | AudioStream, tap: VideoTap | AudioTap, reader: MediaReader
    ) -> None:
        self._source = source
        self._tap = tap
        self._reader = reader
        self._kind = Kind(source.type)
        self._nbytes = 0  # of packets whose frame has not come out yet
        self._count = 0  # of packets
        self._size = 0, 0  # of the last picture

    def decode(self, packet: Packet[Any], events: list[Event]) -> None:
        """Decode `packet`; an empty one without a time flushes the decoder."""
        if size := packet.size:
            self._nbytes += size
            self._count += 1
        elif packet.dts is not None:
            return  # damaged: libav would take it for the end of the stream
        self._take(packet, events, flushing=not size)

    def finish(self, events: list[Event]) -> None:
        """At the end of the input: what was kept back, then the bytes that made no frame."""
        self._take(None, events, flushing=True)  # most often flushed already
        if isinstance(self._tap, AudioTap):
            events.extend(self._tap.flush())
            self._loudness(self._tap, events)
        reader = self._reader
        counted = {f"{self._kind.value}_packets": self._count}
        events.append(Figures(reader.stream, reader.clock(), counted))
        if self._nbytes:
            events.append(BytesReceived(reader.stream, reader.clock(), self._kind, self._nbytes))
            self._nbytes = 0

    def _take(self, packet: Packet[Any] | None, events: list[Event], flushing: bool) -> None:
        try:
            frames = self._source.codec_context.decode(packet)
        except av.error.EOFError:
            return  # flushed already
        except (av.FFmpegError, ValueError):
            self._drop(events)
            return
        tap = self._tap
        for frame in frames:
            if flushing and frame.time_base is None:  # it comes with a packet's; to look at it costs
                frame.time_base = self._source.time_base
            nbytes, self._nbytes = self._nbytes, 0
            try:
                if isinstance(tap, VideoTap):
                    if (size := (frame.width, frame.height)) != self._size:  # type: ignore[union-attr]
                        _check_size(*size)
                        self._size = size
                    events.append(tap.frame(frame, nbytes))  # type: ignore[arg-type]  # the tap is of its kind
                elif chunks := tap.frame(frame, nbytes):  # type: ignore[arg-type]
                    events.extend(chunks)
                    self._loudness(tap, events)
            except (av.FFmpegError, ValueError):
                self._nbytes += nbytes
                self._drop(events)

    def _loudness(self, tap: AudioTap, events: list[Event]) -> None:
        if told := tap.loudness():
            events.append(Figures(self._reader.stream, self._reader.clock(), told))

    def _drop(self, events: list[Event]) -> None:
        reader = self._reader
        events.append(Dropped(reader.stream, reader.clock(), self._kind, 1, "decoder"))


def _check_size(width: int, height: int) -> None:
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise MediaError(
            f"pictures of {width}x{height} are too large (limit {LONGEST_SIDE} a side, {MOST_PIXELS:,} pixels)"
        )


def _describe(container: InputContainer, streams: list[VideoStream | AudioStream]) -> MediaInfo:
    video: VideoInfo | None = None
    audio: AudioInfo | None = None
    for stream in streams:
        codec = stream.codec_context.name
        if isinstance(stream, VideoStream):
            rate = stream.average_rate or stream.guessed_rate
            width, height = stream.codec_context.width, stream.codec_context.height
            video = VideoInfo(codec, width, height, float(rate) if rate else None)
        else:
            audio = AudioInfo(codec, stream.codec_context.sample_rate, stream.codec_context.channels)
    duration = container.duration / av.time_base if container.duration is not None else None
    return MediaInfo(container.format.name, duration, video, audio)


def _translate(error: Exception) -> MediaError | OSError:
    """libav's exception as ours; libav's own text names the whole input, secrets included, so it is left out."""
    if isinstance(error, av.error.ExitError):  # what PyAV raises when its own timeout has passed
        return TimeoutError("no data came in time")
    text = clean_line(redact(getattr(error, "strerror", None) or str(error)), limit=300)
    return OSError(error.errno, text) if isinstance(error, OSError) else MediaError(text)
