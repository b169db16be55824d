"""What every network adapter needs to know of addresses, statuses and waits."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address

from .base import Interrupted, SourceError
from .sanitize import clean_line


def is_loopback(host: str | None) -> bool:
    """Whether `host` is this machine by its name or literal address; nothing is resolved."""
    if not host:
        return False
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(host: str | None) -> bool:
    """Whether `host` is literally of a private network, or a bare or ``.local`` name as only such networks have."""
    if not host:
        return False
    if is_loopback(host):
        return True
    host = host.strip("[]").rstrip(".").lower()
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan", ".home.arpa"))


def retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), ``None`` where it says none."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now())
    except (ValueError, TypeError, OverflowError):
        return None


def refused(status: int, detail: str = "", wait: str | None = None) -> SourceError | Interrupted:
    """Say what an HTTP status that is no success means: 408, 425, 429 and 5xx may pass, all others are final."""
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    text = f"HTTP {status}{phrase}"
    if detail := clean_line(detail, limit=160):
        text += f": {detail}"
    if status in (408, 425, 429) or status >= 500:
        return Interrupted(text, retry_after(wait))
    if status in (401, 403):
        text += " (a key or header is missing, or was refused)"
    return SourceError(text)


def bad_certificate(error: BaseException | None) -> str | None:
    """The reason why TLS refused the server's certificate, if that is what lies behind `error`."""
    for _ in range(8):
        if error is None:
            break
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the server's certificate is not trusted: {error.verify_message}"
        error = error.__cause__ or error.__context__
    return None
