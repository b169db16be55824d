"""Compressed bodies become plain in bounded pieces (RFC 9110, 8.4.1): gzip and deflate; others say what they are."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

PIECE = 1 << 16
MOST = 4 << 20
"""Bytes that one feed may inflate to: 64 KiB of real text are less than 1 MiB."""


class UnreadableError(Exception):
    """The body can't be made plain; the text says why."""


class Inflater:
    """For one body. ``active`` where the encoding is one that changes bytes."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        self.active = self._encoding not in ("", "identity")
        # 32: gzip or zlib, by the header
        self._inflate = zlib.decompressobj(32 + zlib.MAX_WBITS) if self._known else None
        self._fed = False

    @property
    def _known(self) -> bool:
        return self._encoding in ("gzip", "x-gzip", "deflate")

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain bytes that `data` gives, in pieces of at most `PIECE`.

        Raises:
            UnreadableError: an encoding that is not known here, a body that is not what it says, or a bomb.
        """
        if not self.active:
            yield data
            return
        if self._inflate is None:
            raise UnreadableError(f"the answer is compressed ({self._encoding[:20]}), which is not read here")
        left = MOST
        while True:
            try:
                plain = self._inflate.decompress(data, PIECE)
            except zlib.error as error:
                if self._fed or self._encoding != "deflate":
                    raise UnreadableError(f"the answer is no {self._encoding}: {error}") from None
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # some send deflate without its envelope
                self._fed = True
                continue
            self._fed = True
            if plain:
                yield plain
            left -= len(plain)
            if left < 0:
                raise UnreadableError(f"the answer inflates to more than {MOST >> 20} MiB at once")
            data = self._inflate.unconsumed_tail
            if not data and len(plain) < PIECE:  # a full piece: zlib may hold more
                return
