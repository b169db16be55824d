"""Web resources for HLS: bounded in size, time, redirects and inflation, and never from public to private addresses.

A playlist names addresses that its reader then asks for, from inside the reader's network: so a name is resolved here,
checked, and the very address that was checked is the one connected to (a second look-up could answer otherwise).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from ipaddress import IPv6Address, ip_address
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from .base import Clock, Interrupted, Options, SourceError
from .hls_playlist import PlaylistError, web_address
from .net import bad_certificate, detail, is_loopback, is_private, refused, retry_after, short_body
from .redact import redact
from .sanitize import clean_line

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 5
_ADDRESSES_TRIED = 3
_HOSTS_KEPT = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A resource: its bytes, the address it came from in the end, and whether any server on the way was public."""

    body: bytes
    url: str
    public: bool
    seconds: float
    nbytes: int
    """Bytes that came over the network for the body."""


class FetchError(Interrupted):
    """A resource that did not come, or that is beyond a limit or spoilt (``lasting``: asking again won't help).

    ``status`` is the server's, None where that was not the reason.
    """

    def __init__(
        self, reason: str, status: int | None = None, wait: float | None = None, *, lasting: bool = False
    ) -> None:
        super().__init__(reason, wait)
        self.status = status
        self.lasting = lasting or (status is not None and isinstance(refused(status), SourceError))

    @property
    def gone(self) -> bool:
        """Whether the server knows of no such resource."""
        return self.status in (404, 410)


def is_public(address: str) -> bool:
    """Whether the literal `address` is one of the open internet; an IPv4 address within an IPv6 one is looked into."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip.packed[:12] == bytes.fromhex("0064ff9b") + bytes(8):  # NAT64 (RFC 6052)
            inner = ip_address(ip.packed[12:])  # type: ignore[assignment]
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


async def resolve(host: str, port: int) -> list[str]:
    """The literal addresses of `host`, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Fetcher:
    """Fetches for one source, over kept-alive connections; an async context manager.

    ``headers`` go only to the host that `home` names, and to no host that a playlist or a redirect leads to: they may
    hold keys. ``resolve`` and ``transport`` are injected by tests.
    """

    def __init__(
        self,
        home: str,
        headers: Mapping[str, str],
        options: Options,
        *,
        resolve: Resolve = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._home = _origin(home)
        self._headers = dict(headers)
        self._connect = options.connect_timeout
        self._clock: Clock = options.clock
        self._resolve = resolve
        self._transport = transport
        self._clients: dict[tuple[str, str, bool], httpx.AsyncClient] = {}
        self._context: ssl.SSLContext | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(import_module, "httpx")  # half a second, the first time
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def get(
        self,
        url: str,
        *,
        limit: int,
        within: float,
        from_public: bool = False,
        range_header: str | None = None,
        compressed: bool = False,
    ) -> Fetched:
        """Fetch `url`: at most `limit` bytes, also when inflated, in at most `within` seconds.

        ``from_public``: whether whoever named this address is public. ``range_header`` is a Range to ask for.

        Raises:
            FetchError: no answer, an answer that says no, or one beyond a limit.
            SourceError: an address that must not be asked, a certificate not to be trusted, a header not to be sent.
        """
        import httpx

        began = self._clock()
        try:
            async with asyncio.timeout(within), AsyncExitStack() as stack:
                response, url, public = await self._follow(url, from_public, range_header, compressed, stack)
                body, nbytes = await _read(response, limit)
        except TimeoutError:
            raise FetchError(f"no whole answer within {within:g} s") from None
        except httpx.InvalidURL as error:
            raise SourceError(f"not an address: {redact(str(error))}") from None
        except httpx.LocalProtocolError:  # its text may quote the header, and that a key
            raise SourceError("a header given for this source can't be sent") from None
        except (httpx.HTTPError, OSError) as error:
            if trust := bad_certificate(error):
                raise SourceError(trust) from None
            raise FetchError(
                f"no answer: {clean_line(redact(str(error)), 160) or type(error).__name__}"
            ) from None
        return Fetched(body, url, public, self._clock() - began, nbytes)

    async def _follow(
        self, url: str, public: bool, range_header: str | None, compressed: bool, stack: AsyncExitStack
    ) -> tuple[httpx.Response, str, bool]:
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip" if compressed else "identity"}
        if range_header:
            headers["Range"] = range_header
        for _ in range(MAX_REDIRECTS + 1):
            response, public = await self._ask(url, public, headers, stack)
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or not location:
                break
            await response.aclose()
            try:
                target = web_address(url, location)
            except PlaylistError:
                where = clean_line(redact(location), 80)
                raise SourceError(f"the server redirects to what is no web address: {where}") from None
            if url.startswith("https:") and target.startswith("http:"):
                raise SourceError(f"the server redirects from https to http: {redact(target)}")
            url = target
        else:
            raise SourceError(f"more than {MAX_REDIRECTS} redirects")
        if response.status_code not in ((206,) if range_header else (200,)):
            if response.status_code == 200 and range_header:
                raise FetchError("the server does not give the byte range asked for", 200)
            error = refused(response.status_code, detail(await short_body(response)))
            raise FetchError(
                str(error), response.status_code, retry_after(response.headers.get("retry-after"))
            )
        return response, url, public

    async def _ask(
        self, url: str, from_public: bool, headers: dict[str, str], stack: AsyncExitStack
    ) -> tuple[httpx.Response, bool]:
        """Send one request, to an address that was checked; the answer's body is unread and closes with `stack`."""
        import httpx

        target = httpx.URL(url)
        if _origin(url) == self._home:
            headers = headers | self._headers
        if self._transport is None and _proxied(target):
            # The proxy resolves, and only it knows what it can reach: here only what tells itself private is refused.
            private = is_private(target.host)
            if from_public and private:
                raise _private(target)
            client = await self._client(target, True, stack)
            response = await client.send(client.build_request("GET", target, headers=headers), stream=True)
            stack.push_async_callback(response.aclose)
            return response, from_public or not private
        client = await self._client(target, False, stack)
        failure: httpx.TransportError | None = None
        for address in (await self._addresses(target, from_public))[:_ADDRESSES_TRIED]:
            request = client.build_request(
                "GET",
                target.copy_with(host=address),
                headers=headers | {"Host": target.netloc.decode("ascii")},
                extensions={"sni_hostname": target.raw_host.decode("ascii")},
            )
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
                continue
            stack.push_async_callback(response.aclose)
            return response, from_public or is_public(address)
        assert failure is not None
        raise failure

    async def _client(self, target: httpx.URL, proxied: bool, stack: AsyncExitStack) -> httpx.AsyncClient:
        """A client for this host alone: one that is connected by address must not be shared by names, whose
        certificates it would then not check. The first few are kept, any more live as long as `stack`.
        """
        import httpx

        place = target.scheme, target.host, proxied
        if client := self._clients.get(place):
            return client
        if self._context is None and (proxied or target.scheme == "https"):
            self._context = await asyncio.to_thread(httpx.create_ssl_context)
        client = httpx.AsyncClient(
            verify=self._context
            or False,  # none has no TLS to verify, and is spared reading the certificates
            timeout=self._connect,
            trust_env=proxied,
            transport=self._transport,
        )
        if kept := len(self._clients) < _HOSTS_KEPT:
            self._clients[place] = client
        return await (self._stack if kept else stack).enter_async_context(client)

    async def _addresses(self, target: httpx.URL, from_public: bool) -> list[str]:
        """The addresses of `target` that may be asked: at least one."""
        host = target.host
        try:
            addresses = [str(ip_address(host.strip("[]")))]
        except ValueError:
            try:
                addresses = await self._resolve(
                    host, target.port or (443 if target.scheme == "https" else 80)
                )
            except OSError as error:
                raise FetchError(f"cannot find {clean_line(host, 80)}: {error.strerror or error}") from None
        if not addresses:
            raise FetchError(f"cannot find {clean_line(host, 80)}")
        allowed = [address for address in addresses if is_public(address)] if from_public else addresses
        if not allowed:
            raise _private(target)
        return allowed


def _private(target: httpx.URL) -> SourceError:
    shown = clean_line(redact(str(target)), 160)
    return SourceError(f"refused: a public playlist leads to a private address: {shown}")


async def _read(response: httpx.Response, limit: int) -> tuple[bytes, int]:
    """The body, inflated where it is gzip, and its bytes as they came. Raises `FetchError` beyond `limit`."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise FetchError(
            f"the answer is compressed in a way nobody asked for: {clean_line(coding, 40)}", lasting=True
        )
    inflate = zlib.decompressobj(wbits=31) if "gzip" in coding else None
    pieces: list[bytes] = []
    size = nbytes = 0
    async for chunk in response.aiter_raw():
        nbytes += len(chunk)
        if inflate is not None:
            try:
                chunk = inflate.decompress(chunk, limit + 1 - size)
            except zlib.error:
                raise FetchError("the answer is no valid gzip", lasting=True) from None
        size += len(chunk)
        if size > limit or nbytes > limit:
            raise FetchError(f"the answer is larger than {limit:,} bytes", lasting=True)
        pieces.append(chunk)
    if inflate is not None and not inflate.eof:
        raise FetchError("the answer's gzip is cut off")
    return b"".join(pieces), nbytes


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _proxied(url: httpx.URL) -> bool:
    """Whether the environment names a proxy for `url`."""
    if is_loopback(url.host):
        return False
    proxies = getproxies()
    return (url.scheme in proxies or "all" in proxies) and not proxy_bypass(url.host)
