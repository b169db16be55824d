"""What every network adapter needs to know of addresses, statuses and waits."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from .base import Interrupted, SourceError
from .payload import parse_object
from .redact import redact
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


def located(url: str, source: str) -> SplitResult:
    """`url` taken apart; ``source`` is how the user wrote it.

    Raises:
        SourceError: it has no host, or its port is none.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"not an address: {redact(source)} ({error})") from None
    if not host:
        raise SourceError(f"an address without a host: {redact(source)}")
    return parts


def bracketed(host: str) -> str:
    """`host` as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


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


class Body(Protocol):
    """A streamed HTTP response, as httpx and its successors have it."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    def aiter_raw(self) -> AsyncIterator[bytes]: ...


async def short_body(response: Body, limit: int = 4096, timeout: float = 1.0) -> str:
    """The start of a refusal's body where it is text, within `timeout` seconds; else nothing."""
    kind = response.headers.get("content-type", "").lower()
    if not ("json" in kind or "text/plain" in kind) or response.headers.get("content-encoding"):
        return ""
    body = b""
    try:
        async with asyncio.timeout(timeout):
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > limit:
                    break
    except Exception:  # of whichever HTTP library; a refusal stands without its words too
        pass
    return body[:limit].decode("utf-8", "replace")


def detail(body: str) -> str:
    """What an error body says: its message where it is JSON of a usual form, plain text as it is."""
    value = parse_object(body)
    if value is None:
        return "" if body.lstrip().startswith("{") else body
    error = value.get("error", value.get("detail", value.get("message")))
    error = error.get("message") if isinstance(error, dict) else error
    return error if isinstance(error, str) else ""


def bad_certificate(error: BaseException | None) -> str | None:
    """The reason why TLS refused the server's certificate, if that is what lies behind `error`."""
    for _ in range(8):
        if error is None:
            break
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the server's certificate is not trusted: {error.verify_message}"
        error = error.__cause__ or error.__context__
    return None
