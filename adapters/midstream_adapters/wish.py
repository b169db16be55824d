"""The HTTP that WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) clients share: one POST of an offer makes a session."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin, urlsplit

from .base import Interrupted, Options, SourceError
from .net import bad_certificate, detail, is_loopback, located, refused
from .redact import redact
from .rtc_sdp import MAX_SDP

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 5


def endpoint_url(source: str) -> str:
    """The web address in ``whep+https://...`` or ``whip+http://...``.

    Raises:
        SourceError: the address has no host, or its port is none.
    """
    url = urldefrag(source.partition("+")[2]).url
    located(url, source)
    return url


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says; ``url`` is where it was asked, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def sdp(self) -> bool:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/sdp"

    @property
    def session(self) -> str | None:
        """The address of the session that was made."""
        location = self.headers.get("location")
        session = urljoin(self.url, location) if location else None
        return session if session and urlsplit(session).scheme in ("http", "https") else None

    @property
    def words(self) -> str:
        """What a refusal says of itself, unless it is a page."""
        text = "html" not in self.headers.get("content-type", "")
        return detail(self.body[:4096].decode("utf-8", "replace")) if text else ""

    def refused(self) -> SourceError | Interrupted:
        """What this status means, when it is no success."""
        return refused(self.status, self.words, self.headers.get("retry-after"))


class Endpoint:
    """One WHIP or WHEP endpoint; use it within ``async with``. ``token``: what its bearer is asked for, if anything."""

    def __init__(self, http: httpx.AsyncClient, url: str, token: str | None, options: Options) -> None:
        self._http, self._url, self._token, self._options = http, url, token, options

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str, token: str | None, options: Options) -> AsyncGenerator[Endpoint]:
        """An endpoint with an HTTP client of its own, which is closed after the block."""
        httpx = await asyncio.to_thread(import_module, "httpx")
        local = is_loopback(urlsplit(url).hostname)
        tls = await asyncio.to_thread(ssl.create_default_context)
        async with httpx.AsyncClient(verify=tls, trust_env=not local, timeout=None) as http:
            yield cls(http, url, token, options)

    async def post(self, offer: str) -> Answer:
        """The server's answer to our offer, after redirects; a success is surely a session description.

        Raises:
            Interrupted, OSError: not reached.
            SourceError: redirected to nowhere, or this is no such endpoint.
        """
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self.request("POST", url, offer)
            if answer.status in (307, 308) and (location := answer.headers.get("location")):
                url = urljoin(url, location)
                if urlsplit(url).scheme not in ("http", "https"):
                    raise SourceError(f"the server redirects to {redact(url)}")
                continue
            if answer.status in (200, 201) and not answer.sdp:
                raise SourceError(
                    "the server's answer is no session description: this is no WHIP or WHEP endpoint"
                )
            return answer
        raise SourceError(f"more than {MAX_REDIRECTS} redirects")

    async def request(self, method: str, url: str, body: str | None = None) -> Answer:
        """One request within the connection's timeout; what is secret goes to the endpoint's own host only."""
        import httpx

        same = urlsplit(url)[:2] == urlsplit(self._url)[:2]
        headers = dict(self._options.headers) if same else {}
        if same and self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers |= {"Content-Type": "application/sdp", "Accept": "application/sdp"}
        data = b""
        try:
            async with asyncio.timeout(self._options.connect_timeout):
                request = self._http.build_request(method, url, content=body, headers=headers)
                response = await self._http.send(request, stream=True)
                try:
                    async for chunk in response.aiter_bytes():
                        data += chunk
                        if len(data) > MAX_SDP:
                            raise SourceError(f"the server's answer is over {MAX_SDP >> 10} KiB")
                finally:
                    await response.aclose()
        except TimeoutError:
            raise TimeoutError(f"no answer within {self._options.connect_timeout:g} s") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise SourceError(f"not an address: {error}") from None
        except httpx.HTTPError as error:
            if trust := bad_certificate(error):
                raise SourceError(trust) from None
            raise Interrupted(f"cannot connect: {error or type(error).__name__}") from None
        return Answer(response.status_code, response.headers, data, url)

    async def delete(self, session: str) -> None:
        """End the session, whatever becomes of that."""
        with suppress(
            Interrupted, SourceError, OSError, RuntimeError
        ):  # the last: the client was closed meanwhile
            await self.request("DELETE", session)
