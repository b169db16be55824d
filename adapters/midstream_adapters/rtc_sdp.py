"""Session descriptions from strangers: what is wrong with one is found before aiortc acts on any of it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiortc import RTCIceCandidate
    from aiortc.sdp import SessionDescription

MAX_SDP = 64 << 10
"""Bytes of a session description."""
MAX_LINES = 1200
MAX_CODECS = 128
MAX_CANDIDATES = 64
"""Addresses that one peer may name: each is sent connectivity checks."""
_CANDIDATE = re.compile(
    r"a=candidate:\S{1,64} \d{1,3} udp \d{1,10} ([0-9A-Fa-f.:]{2,45}) \d{1,5} typ (host|srflx|prflx|relay)( |$)",
    re.I,
)
_ANY_CANDIDATE = re.compile(r"a=candidate:\S+ \d+ (udp|tcp) \d+ \S+ \d+ typ \w+", re.I)
_PARSE_ERRORS = (ValueError, AssertionError, LookupError, TypeError, AttributeError, StopIteration)
_DIGESTS = ("sha-256", "sha-384", "sha-512")


class BadSdp(Exception):
    """A session description that can't be used. ``unsupported``: it is well formed, but asks for what we lack."""

    def __init__(self, reason: str, unsupported: bool = False) -> None:
        super().__init__(reason)
        self.unsupported = unsupported


@dataclass(frozen=True, slots=True)
class Checked:
    """A description that passed: ``text`` is fit for aiortc; ``ufrag`` is the other side's ICE name."""

    text: str
    ufrag: str


@dataclass(slots=True)
class Fragment:
    """Candidates of an ``application/trickle-ice-sdpfrag`` (RFC 8840); an empty ``ufrag`` was not told."""

    ufrag: str = ""
    candidates: list[RTCIceCandidate] = field(default_factory=list)
    ended: bool = False


async def check(data: bytes | str, *, answers: str | None = None) -> Checked:
    """Read an offer, or the answer to our offer `answers`, off the event loop.

    Candidates that can't be used go: TCP ones, and ``.local`` names, whose look-up by multicast would hold up the
    answer for nothing: the other side's checks tell its address (RFC 8445, 7.3.1.3).

    Raises:
        BadSdp: it is malformed, or not supported.
    """
    return await asyncio.to_thread(_check, data, answers)


def _check(data: bytes | str, answers: str | None) -> Checked:
    text = _text(data)
    if not text.startswith("v=0"):
        raise BadSdp("not a session description")
    _count(text.splitlines())
    if answers is not None:
        text = fill_rejected(text, answers)
    lines = [line for line in text.splitlines() if line.strip()]
    usable = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    from aiortc.sdp import SessionDescription

    try:
        parsed = SessionDescription.parse("\r\n".join(usable) + "\r\n")
    except _PARSE_ERRORS as error:
        raise BadSdp(f"malformed: {error or type(error).__name__}") from None
    ufrag = _media(parsed, answers is not None)
    # End-of-candidates goes as well: with candidates taken out, "no more" would end ICE before it began.
    kept = [line for line in lines if not line.startswith("a=end-of-candidates")]
    kept = [line for line in kept if not line.startswith("a=candidate:") or _CANDIDATE.match(line)]
    return Checked("\r\n".join(kept) + "\r\n", ufrag)


def _text(data: bytes | str) -> str:
    if len(data) > MAX_SDP:
        raise BadSdp(f"over {MAX_SDP >> 10} KiB")
    try:
        return data if isinstance(data, str) else data.decode()
    except UnicodeDecodeError:
        raise BadSdp("not UTF-8") from None


def _count(lines: list[str]) -> None:
    """Refuse what would take long to parse: aiortc's parser is quadratic in some lines."""
    for what, most, prefix in (
        ("lines", MAX_LINES, ""),
        ("codecs", MAX_CODECS, "a=rtpmap:"),
        ("candidates", MAX_CANDIDATES, "a=candidate:"),
        ("sources", 2 * MAX_CODECS, "a=ssrc:"),
        ("media sections", 8, "m="),
    ):
        if sum(line.startswith(prefix) for line in lines) > most:
            raise BadSdp(f"more than {most} {what}")


def _media(parsed: SessionDescription, answer: bool) -> str:
    seen: set[str] = set()
    mids: set[str] = set()
    ufrag = ""
    if not parsed.media:
        raise BadSdp("no media in it")
    for media in parsed.media:
        kind, mid = media.kind, media.rtp.muxId
        if not mid or mid in mids:
            raise BadSdp("media sections need a=mid, each its own")
        mids.add(mid)
        if kind not in ("audio", "video"):
            raise BadSdp(f"no {kind[:20]} here, audio and video only", unsupported=True)
        if kind in seen:
            raise BadSdp(f"more than one {kind} track", unsupported=True)
        seen.add(kind)
        if not media.profile.endswith("RTP/SAVPF"):
            raise BadSdp(f"profile {media.profile[:30]} is not supported", unsupported=True)
        if media.port == 0 and not answer:
            raise BadSdp(f"a rejected {kind} section in an offer", unsupported=True)
        if not media.rtcp_mux:
            raise BadSdp("no a=rtcp-mux", unsupported=True)
        ice = media.ice
        if ice is None or not (ice.usernameFragment and ice.password):
            raise BadSdp("no ICE user name or password")
        if len(ice.usernameFragment) > 256 or len(ice.password) > 256:
            raise BadSdp("ICE user name or password too long")
        ufrag = ufrag or ice.usernameFragment
        if media.dtls is None or not any(f.algorithm.lower() in _DIGESTS for f in media.dtls.fingerprints):
            raise BadSdp("no DTLS fingerprint or setup")
        if not answer and media.direction not in (None, "sendonly", "sendrecv"):
            raise BadSdp(f"{kind} is {media.direction}: nothing would be sent", unsupported=True)
    return ufrag


def fragment(data: bytes) -> Fragment:
    """Read a trickle fragment.

    Raises:
        BadSdp: it is malformed, or has more than MAX_CANDIDATES.
    """
    found = Fragment()
    mid, index = None, -1
    lines = [line for line in _text(data).splitlines() if line.strip()]
    _count(lines)
    for line in lines:
        name, mark, value = line.partition(":")
        if line.startswith("m="):
            index += 1
        elif not re.match(r"[a-z]=\S", line):
            raise BadSdp("not a trickle-ice fragment")
        elif name == "a=ice-ufrag":
            found.ufrag = value.strip()
        elif name == "a=mid":
            mid = value.strip()
        elif name == "a=end-of-candidates":
            found.ended = True
        elif name == "a=candidate" and mark and (one := candidate(line, mid, max(index, 0))):
            found.candidates.append(one)
    return found


def candidate(line: str, mid: str | None, index: int) -> RTCIceCandidate | None:
    """Read ``a=candidate:...`` (the ``a=`` may lack) of the section `mid`, or number `index`; None: of no use here.

    Raises:
        BadSdp: it is malformed.
    """
    line = line if line.startswith("a=") else f"a={line}"
    if not _CANDIDATE.match(line):
        if len(line) < 1000 and _ANY_CANDIDATE.match(line):
            return None
        raise BadSdp("malformed candidate")
    from aiortc.sdp import candidate_from_sdp

    try:
        read = candidate_from_sdp(line.partition(":")[2])
    except _PARSE_ERRORS:
        raise BadSdp("malformed candidate") from None
    read.sdpMid, read.sdpMLineIndex = mid, None if mid else index
    return read


def fill_rejected(answer: str, offer: str) -> str:
    """Give the rejected sections of `answer` (port 0: a stream without sound, say) what aiortc wants of every section.

    They become inactive, share the first accepted one's transport, and name a codec of our `offer`.
    """
    head, *sections = re.split(r"(?m)^(?=m=)", answer)
    accepted = next((s for s in sections if not re.match(r"m=\S+ 0 ", s)), None)
    if accepted is None or all(not re.match(r"m=\S+ 0 ", s) for s in sections):
        return answer
    if not re.search(r"(?m)^a=group:BUNDLE\b", head):
        mid = re.search(r"(?m)^a=mid:(\S+)", accepted)
        head += f"a=group:BUNDLE {mid[1] if mid else ''}\r\n"
    transport = re.findall(r"(?m)^a=(?:ice-ufrag|ice-pwd|fingerprint|setup):.*$", accepted)
    offered = re.split(r"(?m)^(?=m=)", offer)[1:]
    for n, section in enumerate(sections):
        if not re.match(r"m=\S+ 0 ", section) or n >= len(offered):
            continue
        kind = section[2:].split(" ", 1)[0]
        mid = re.search(r"(?m)^a=mid:(\S+)", offered[n])
        codec = re.search(r"(?m)^a=rtpmap:(\d+) .*$", offered[n])
        if mid is None or codec is None:
            continue
        lines = [
            f"m={kind} 9 UDP/TLS/RTP/SAVPF {codec[1]}",
            f"a=mid:{mid[1]}",
            "a=inactive",
            "a=rtcp:9",
            "a=rtcp-mux",
        ]
        sections[n] = "\r\n".join([*lines, codec[0].strip(), *(line.strip() for line in transport)]) + "\r\n"
        head = re.sub(rf"(?m)^(a=group:BUNDLE(?:(?! {re.escape(mid[1])}\b).)*?)\r?$", rf"\1 {mid[1]}\r", head)
    return "".join([head, *sections])
