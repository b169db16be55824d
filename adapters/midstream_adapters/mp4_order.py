"""Where an MP4 or MOV file has its index: in front of the media or behind it (boxes of ISO/IEC 14496-12)."""

from __future__ import annotations

_BEFORE = (b"ftyp", b"styp", b"free", b"skip", b"wide", b"pnot", b"uuid", b"sidx", b"meta", b"pdin")
"""Boxes that may stand before both."""


def index_is_last(head: bytes) -> bool:
    """Whether the file that begins with `head` surely has its media (``mdat``) before its index (``moov``)."""
    at = 0
    while at + 8 <= len(head):
        size, kind = int.from_bytes(head[at : at + 4]), head[at + 4 : at + 8]
        if kind not in _BEFORE:
            return kind == b"mdat"
        if size == 1:  # the length stands behind, in eight bytes
            size = int.from_bytes(head[at + 8 : at + 16])
        if size < 8:  # to the end of the file, or nonsense
            return False
        at += size
    return False
