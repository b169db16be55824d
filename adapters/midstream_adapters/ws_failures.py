"""What the failures of a WebSocket client mean, for every adapter that has one. Importing this loads `websockets`."""

from __future__ import annotations

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)

from .base import Interrupted, SourceError
from .net import bad_certificate, detail, refused


def unopened(error: Exception, timeout: float) -> Exception:
    """What to raise for the `error` of a handshake that had `timeout` seconds; itself where it is another's."""
    match error:
        case InvalidStatus(response=answer) if answer.status_code < 300:
            return SourceError(f"the server answered HTTP {answer.status_code}: this is no WebSocket")
        case InvalidStatus(response=answer):
            body = (answer.body or b"")[:4096].decode("utf-8", "replace")
            body = body if "html" not in answer.headers.get("content-type", "") else ""
            return refused(answer.status_code, detail(body), answer.headers.get("retry-after"))
        case InvalidURI() | InvalidProxy():
            return SourceError(f"not an address: {error}")
        case InvalidMessage():
            return Interrupted("the server did not answer as a web server does")
        case InvalidHandshake():
            return SourceError(f"the server refused the WebSocket: {error}")
        case TimeoutError():
            return TimeoutError(f"no answer within {timeout:g} s")
        case OSError():
            trust = bad_certificate(error)
            return SourceError(trust) if trust else Interrupted(f"cannot connect: {error}")
    return error


def closing(closed: ConnectionClosed, limit: int) -> tuple[int | None, str]:
    """The code a connection closed with, if any, and what to say of it; `limit` is the most bytes of a message."""
    if (frame := closed.rcvd) is not None:
        return frame.code, f"the server closed the connection ({frame})"
    if (frame := closed.sent) is None:
        return None, "the connection was lost"
    if frame.code == 1009:
        return frame.code, f"a message over {limit >> 10} KiB"
    if frame.code == 1007:
        return frame.code, "a message that is not UTF-8"
    return (None if frame.code == 1000 else frame.code), f"the connection was lost ({frame})"
