"""The dashboard in a browser: textual-serve's server, with a door. Each page runs the app in a process of its own.

Whoever reaches the page controls the dashboard, which opens files and connections of this user. So it listens on
loopback unless told otherwise, and then only with MIDSTREAM_SERVE_TOKEN; and it answers neither to names that are not
its own (DNS rebinding) nor to pages of other sites.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from midstream_adapters.net import is_loopback

TOKEN = "MIDSTREAM_SERVE_TOKEN"
COOKIE = "midstream"
MOST = 8
"""Pages at once."""
_POLICY = (
    "default-src 'self' 'unsafe-inline' data: blob:; connect-src 'self' ws: wss:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing is loaded from elsewhere, ..."""
_FONT = re.compile(r'<link\s+rel="stylesheet"\s+href="https://[^"]*"\s*/?>')
"""... not even the font that the template of the page would fetch from another company's server."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class DashboardServer(Server):
    """Serves `midstream-tui SOURCE...`. `token` is asked for once, in the page's address, and then kept in a cookie."""

    def __init__(self, arguments: Sequence[str], host: str, port: int, token: str | None) -> None:
        command = shlex.join([sys.executable, "-m", "midstream_tui", *arguments])
        super().__init__(command, host, port, title="MidStream")
        self._token = token
        self._pages = 0

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    async def run(self, on_listening: Callable[[str], None] = lambda address: None) -> None:
        """Serve until SIGINT or SIGTERM.

        Raises:
            OSError: the address can't be listened on.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        # No access log: the first address of a page holds the token.
        runner = web.AppRunner(await self._make_app(), access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self.port)
            await site.start()
            if not self.port:
                self.port = runner.addresses[0][1]
            on_listening(self.address)
            await stop.wait()
        finally:
            await runner.cleanup()

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()

        @web.middleware
        async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._door(request, handler)

        app.middlewares.append(door)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing here: the command says where it listens."""

    async def _door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._named(request.host):
            raise web.HTTPForbidden(text=f"{request.host} is not a name of this server\n")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="not from pages of other sites\n")
        if self._token is not None:
            given = request.query.get("token", "")
            if hmac.compare_digest(given.encode(), self._token.encode()):
                response = web.HTTPFound("/")
                response.set_cookie(COOKIE, self._token, httponly=True, samesite="Strict")
                return response
            if not hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), self._token.encode()):
                raise web.HTTPUnauthorized(text=f"open /?token=... with the value of {TOKEN}\n")
        if request.path == "/ws":
            return await self._page(request, handler)
        return await handler(request)

    async def _page(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._pages >= MOST:
            raise web.HTTPServiceUnavailable(text=f"{MOST} pages are open\n")
        self._pages += 1
        try:
            return await handler(request)
        finally:
            self._pages -= 1

    def _named(self, host: str) -> bool:
        """Whether a request's Host is one of ours; any is, where all addresses are listened on and a token is asked."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if self._token is not None:
            return True
        return name == self.host.lower() or (is_loopback(self.host) and is_loopback(name))

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page, under the name by which it was asked for."""
        self.public_url = f"{request.scheme}://{request.host}"
        response: web.StreamResponse = await super().handle_index(request)
        if isinstance(response, web.Response) and response.text is not None:
            response.text = _FONT.sub("", response.text)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
