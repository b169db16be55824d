"""WHEP play (draft-ietf-wish-whep), ``whep+https://``: a viewer's WebRTC session set up by one HTTP POST."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin, urlsplit

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo
from .events import Kind, Provenance
from .net import bad_certificate, detail, is_loopback, refused, retry_after
from .redact import redact
from .rtc_peer import Peer, load
from .rtc_sdp import MAX_SDP, BadSdp, check

if TYPE_CHECKING:
    import httpx

TOKEN = "MIDSTREAM_WHEP_TOKEN"
MAX_REDIRECTS = 5
_LEAVE_WITHIN = 0.1
_leaving: set[asyncio.Task[None]] = set()


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``whep+https://`` or ``whep+http://``.

    Raises:
        SourceError: the address has no host, or its port is none.
    """
    url = urldefrag(source.partition("+")[2]).url
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"not an address: {redact(source)} ({error})") from None
    if not host:
        raise SourceError(f"an address without a host: {redact(source)}")
    return [WhepAdapter(url, stream_id, options)]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def sdp(self) -> bool:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/sdp"


class WhepAdapter:
    """Plays one WHEP endpoint; each run is one session, which is deleted on leaving."""

    def __init__(self, url: str, stream: str, options: Options) -> None:
        kinds = frozenset({Kind.AUDIO, Kind.VIDEO})
        self.info = StreamInfo(stream, f"whep+{redact(url)}", kinds, Provenance.LIVE)
        self._url, self._options = url, options
        self._delivered = False

    async def run(self, sink: Sink) -> None:
        """Play until the server ends the session; see `Peer.run` for what is said and raised."""
        await asyncio.gather(load(), asyncio.to_thread(import_module, "httpx"))
        peer = Peer(self.info.stream, sink, self._options)
        session: str | None = None
        async with self._client() as http:
            try:
                answer = await self._post(http, await peer.offer())
                session = answer.headers.get("location")
                session = urljoin(answer.url, session) if session else None
                if session and urlsplit(session).scheme not in ("http", "https"):
                    session = None
                if answer.status == 406:
                    peer = await self._counter(http, peer, sink, answer, session)
                else:
                    await peer.accept(await check(answer.body, answers=peer.local))
                await peer.run()
                raise Interrupted("the server ended the session")
            except BadSdp as error:
                raise SourceError(f"the server's session description can't be used: {error}") from None
            finally:
                self._delivered |= peer.connected
                ends = [asyncio.create_task(peer.close())]
                if session:
                    ends.append(asyncio.create_task(self._delete(http, session)))
                for task in ends:
                    _leaving.add(task)
                    task.add_done_callback(_leaving.discard)
                await asyncio.wait(ends, timeout=_LEAVE_WITHIN)

    async def _counter(
        self, http: httpx.AsyncClient, peer: Peer, sink: Sink, answer: _Answer, session: str | None
    ) -> Peer:
        """Answer the server's own offer; return the peer that does."""
        await peer.close()
        if not (session and answer.sdp):
            raise SourceError("the server answered HTTP 406 and made no offer of its own")
        other = Peer(self.info.stream, sink, self._options)
        try:
            text = await other.answer(await check(answer.body))
            reply = await self._request(http, "PATCH", session, text)
            if reply.status not in (200, 204):
                raise refused(reply.status, self._words(reply), reply.headers.get("retry-after"))
        except BaseException:
            await other.close()
            raise
        return other

    async def _post(self, http: httpx.AsyncClient, offer: str) -> _Answer:
        """The server's answer to our offer: 201, or 406 with an offer of its own.

        Raises:
            Interrupted: not live yet (409), or trouble that may pass.
            SourceError: refused.
        """
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._request(http, "POST", url, offer)
            if answer.status in (307, 308) and (location := answer.headers.get("location")):
                url = urljoin(url, location)
                if urlsplit(url).scheme not in ("http", "https"):
                    raise SourceError(f"the server redirects to {redact(url)}")
                continue
            if answer.status in (200, 201):
                if not answer.sdp:
                    raise SourceError(
                        "the server's answer is no session description: this is no WHEP endpoint"
                    )
                return answer
            if answer.status == 406:
                return answer
            wait = retry_after(answer.headers.get("retry-after"))
            if answer.status == 409:
                raise Interrupted("the stream is not live yet (HTTP 409)", wait)
            if answer.status == 404 and self._delivered:
                raise Interrupted("the stream is not live any more (HTTP 404)", wait)
            raise refused(answer.status, self._words(answer), answer.headers.get("retry-after"))
        raise SourceError(f"more than {MAX_REDIRECTS} redirects")

    @staticmethod
    def _words(answer: _Answer) -> str:
        text = "html" not in answer.headers.get("content-type", "")
        return detail(answer.body[:4096].decode("utf-8", "replace")) if text else ""

    async def _request(
        self, http: httpx.AsyncClient, method: str, url: str, body: str | None = None
    ) -> _Answer:
        import httpx

        same = urlsplit(url)[:2] == urlsplit(self._url)[:2]
        headers = (
            dict(self._options.headers) if same else {}
        )  # they may hold keys that are not for another host
        if same and (token := self._options.env.get(TOKEN)):
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers |= {"Content-Type": "application/sdp", "Accept": "application/sdp"}
        data = b""
        try:
            async with asyncio.timeout(self._options.connect_timeout):
                request = http.build_request(method, url, content=body, headers=headers)
                response = await http.send(request, stream=True)
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
        return _Answer(response.status_code, response.headers, data, url)

    async def _delete(self, http: httpx.AsyncClient, session: str) -> None:
        with suppress(
            Interrupted, SourceError, OSError, RuntimeError
        ):  # the last: the client was closed meanwhile
            await self._request(http, "DELETE", session)

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[httpx.AsyncClient]:
        import httpx

        local = is_loopback(urlsplit(self._url).hostname)
        tls = await asyncio.to_thread(ssl.create_default_context)
        async with httpx.AsyncClient(verify=tls, trust_env=not local, timeout=None) as http:
            yield http
