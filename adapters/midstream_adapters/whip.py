"""WHIP ingest (RFC 9725), ``whip+listen://``: OBS, a browser or any WebRTC encoder publishes here.

Each publisher is a stream of its own, named by the listener's with a number, or with NAME where it posts to
``/whip/NAME``. With MIDSTREAM_WHIP_TOKEN set, every request but OPTIONS must bear it. Without, only pages of this
machine may publish: a browser's Origin header has to be loopback, so that no web site the user visits can.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo, explain
from .events import Figures, Provenance, State, StateChanged, StreamOpened
from .http_server import HttpServer, Request, Response
from .listener import GRACE, Address, Slot, Slots
from .net import bracketed, is_loopback
from .redact import redact
from .rtc_peer import CONNECT_WITHIN, LOST_AFTER, Peer, ice_servers, load
from .rtc_sdp import MAX_SDP, BadSdp, check, fragment
from .sanitize import clean_line

TOKEN = "MIDSTREAM_WHIP_TOKEN"
PORT = 8889
MOST = 16
"""Publishers at once."""
PENALTY = 0.5
"""Seconds that a wrong token takes, so that tokens can't be tried out quickly."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,39}")
_log = logging.getLogger(__name__)


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``whip+listen://[host][:port][/path]``; 127.0.0.1, 8889 and ``/whip`` where it says nothing else.

    Raises:
        SourceError: no address, a secret in it, or a host that others can reach and no token set.
    """
    at = Address.of(source, options, PORT, TOKEN)
    path = "/" + (at.parts.path.strip("/") or "whip")
    if not re.fullmatch(r"(/[A-Za-z0-9._~\-]{1,64}){1,8}", path):
        raise SourceError(f"not a path to publish to: {redact(path)}")
    return [WhipListener(at.host, at.port, path, at.secret, stream_id, options)]


@dataclass(slots=True)
class _Session:
    """A WHIP session resource."""

    peer: Peer
    slot: Slot
    etag: str
    ufrag: str
    task: asyncio.Task[None] | None = None


class WhipListener:
    """Waits for publishers at one address; `run` goes on until it is cancelled. ``port`` 0 lets the system choose."""

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        token: str | None,
        stream: str,
        options: Options,
        *,
        most: int = MOST,
        connect_within: float = CONNECT_WITHIN,
        lost_after: float = LOST_AFTER,
        grace: float = GRACE,
    ) -> None:
        self._host, self.port, self._path = host, port, path
        self._token = token.encode() if token is not None else None
        self._info = StreamInfo(stream, self._address(), frozenset(), Provenance.LIVE)
        self._options, self._most = options, most
        self._connect_within, self._lost_after = connect_within, lost_after
        self._slots = Slots(stream, Slot, options, 4 * most, grace)
        self._sessions: dict[str, _Session] = {}
        self._entering = 0
        self._refused = 0
        self._sink: Sink | None = None

    @property
    def info(self) -> StreamInfo:
        return self._info

    async def run(self, sink: Sink) -> None:
        """Listen until cancelled; every publisher's stream then ends.

        Raises:
            SourceError: the address can't be listened on, or MIDSTREAM_ICE_SERVERS can't be read.
        """
        self._sink = sink
        await load()
        ice_servers(self._options.env)
        server = HttpServer(self._handle, max_body=MAX_SDP, finish=self._cors)
        try:
            await server.start(self._host, self.port)
        except OSError as error:
            raise SourceError(f"can't listen on {self._address()}: {explain(error)}") from None
        self.port = server.port
        self._tell()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await server.close()  # first, so that nobody enters meanwhile
            tasks = [s.task for s in self._sessions.values() if s.task is not None]
            for task in tasks:
                task.cancel("the listener was closed")
            await asyncio.gather(*tasks, return_exceptions=True)
            self._slots.close(sink)

    def _address(self) -> str:
        return f"whip+listen://{bracketed(self._host)}:{self.port}{self._path}"

    def _tell(self, note: str = "") -> None:
        """The listener's own state and figures."""
        assert self._sink is not None
        stream, now = self._info.stream, self._options.clock()
        token = "token needed" if self._token else f"no token needed: {TOKEN} is not set"
        text = f"listening on {self._address()} ({token}), {len(self._sessions)} publishing"
        self._sink.emit(StateChanged(stream, now, State.LISTENING, f"{text}; {note}" if note else text))
        self._sink.emit(Figures(stream, now, {"publishers": len(self._sessions), "refused": self._refused}))

    # -- HTTP

    async def _handle(self, request: Request) -> Response:
        try:
            response = await self._route(request)
        except BadSdp as error:
            response = self._refuse(
                request, 422 if error.unsupported else 400, clean_line(str(error), limit=200)
            )
        except Exception as error:  # a fault of ours: this request's alone
            _log.info("WHIP request failed: %s: %s", type(error).__name__, explain(error))
            response = self._refuse(request, 500, "internal error")
        return self._cors(request.headers, response)

    def _refuse(
        self, request: Request, status: int, why: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        self._refused += 1
        _log.info("WHIP %s from %s refused: %d %s", request.method, request.peer, status, why)
        self._tell(f"a publisher from {request.peer} was refused: {why}")
        return Response.text(status, why, headers)

    async def _route(self, request: Request) -> Response:
        path = request.path.rstrip("/")
        name = path.removeprefix(self._path).removeprefix("/")
        endpoint = path == self._path or (
            path.startswith(f"{self._path}/") and _NAME.fullmatch(name) is not None
        )
        resource = path.startswith(f"{self._path}/session/")
        if not (endpoint or resource):
            return Response.text(404, f"publish to {self._path}")
        if request.method == "OPTIONS":
            accepts = {"Accept-Post": "application/sdp"} if endpoint else {}
            return Response(204, {"Allow": self._methods(endpoint), **accepts})
        if not self._origin_allowed(request.headers.get("origin")):
            return self._refuse(request, 403, f"no publishing from other sites' pages unless {TOKEN} is set")
        if not self._authorised(request.headers.get("authorization", "")):
            await self._options.sleep(PENALTY)
            return self._refuse(
                request, 401, "wrong or missing token", {"WWW-Authenticate": 'Bearer realm="whip"'}
            )
        if endpoint:
            if request.method == "POST":
                return await self._post(request, name)
        else:
            session = self._sessions.get(path.rpartition("/")[2])
            if session is None:
                return Response.text(404, "no such session")
            if request.method == "DELETE":
                return await self._delete(session)
            if request.method == "PATCH":
                return await self._patch(request, session)
        return Response.text(405, "not here", {"Allow": self._methods(endpoint)})

    async def _post(self, request: Request, name: str) -> Response:
        if request.content_type != "application/sdp":
            return self._refuse(request, 415, "application/sdp is wanted", {"Accept-Post": "application/sdp"})
        slot = None
        if len(self._sessions) + self._entering < self._most:
            slot = self._slot(name)
        if slot is None:
            return self._refuse(request, 503, f"{self._most} publish here already", {"Retry-After": "10"})
        self._entering += 1
        self._slots.enter(slot)
        try:
            return await self._enter(request, slot)
        except BaseException:
            self._slots.leave(slot)
            raise
        finally:
            self._entering -= 1

    async def _enter(self, request: Request, slot: Slot) -> Response:
        offer = await check(request.body)
        sink = self._sink
        assert sink is not None
        peer = Peer(
            slot.stream,
            sink,
            self._options,
            connect_within=self._connect_within,
            lost_after=self._lost_after,
        )
        try:
            answer = await peer.answer(offer)
        except BaseException:
            await peer.close()
            raise
        made_by = clean_line(redact(request.headers.get("user-agent", "")), limit=60)
        slot.source = f"{made_by or 'publisher'} at {request.peer}"
        key = secrets.token_urlsafe(24)
        session = _Session(peer, slot, f'"{secrets.token_urlsafe(9)}"', offer.ufrag)
        self._sessions[key] = session
        sink.emit(StreamOpened(slot.stream, self._options.clock(), slot.source, frozenset(), Provenance.LIVE))
        self._say(slot, State.CONNECTING, "the offer was accepted")
        session.task = asyncio.get_running_loop().create_task(self._follow(key, session))
        self._tell()
        headers = {
            "Content-Type": "application/sdp",
            "Location": f"{self._path}/session/{key}",
            "ETag": session.etag,
            "Accept-Patch": "application/trickle-ice-sdpfrag",
        }
        return Response(201, headers, answer.encode())

    async def _patch(self, request: Request, session: _Session) -> Response:
        if request.content_type != "application/trickle-ice-sdpfrag":
            wanted = {"Accept-Patch": "application/trickle-ice-sdpfrag"}
            return Response.text(415, "application/trickle-ice-sdpfrag is wanted", wanted)
        match = request.headers.get("if-match", "").strip()
        if match == "*":
            raise BadSdp("ICE restarts are not supported", unsupported=True)
        if match and session.etag not in (tag.strip() for tag in match.split(",")):
            return Response.text(412, "If-Match is not this session's ETag")
        found = fragment(request.body)
        if found.ufrag and found.ufrag != session.ufrag:
            raise BadSdp("ICE restarts are not supported", unsupported=True)
        await session.peer.add(found)
        return Response(204, {"ETag": session.etag})

    async def _delete(self, session: _Session) -> Response:
        if session.task is not None:
            session.task.cancel("the publisher has left")
            await asyncio.wait([session.task])
        return Response(200)

    def _authorised(self, given: str) -> bool:
        if self._token is None:
            return True
        scheme, _, token = given.partition(" ")
        right = hmac.compare_digest(token.strip().encode("latin-1", "replace"), self._token)
        return right and scheme.lower() == "bearer"

    def _origin_allowed(self, origin: str | None) -> bool:
        if origin is None or self._token is not None:
            return True
        try:
            return is_loopback(urlsplit(origin).hostname)
        except ValueError:
            return False

    @staticmethod
    def _methods(endpoint: bool) -> str:
        return "OPTIONS, POST" if endpoint else "OPTIONS, PATCH, DELETE"

    def _cors(self, headers: Mapping[str, str], response: Response) -> Response:
        """Let pages publish that may (Fetch standard, CORS protocol)."""
        origin = headers.get("origin")
        if origin is None or not self._origin_allowed(origin):
            return response
        more = {
            "Access-Control-Allow-Origin": origin,
            "Vary": "Origin",
            "Access-Control-Expose-Headers": "Location, ETag, Link, Retry-After, Accept-Post, Accept-Patch",
        }
        if "access-control-request-method" in headers:
            more |= {
                "Access-Control-Allow-Methods": "OPTIONS, POST, PATCH, DELETE",
                "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
                "Access-Control-Max-Age": "600",
            }
        return replace(response, headers={**response.headers, **more})

    # -- publishers

    def _slot(self, name: str) -> Slot | None:
        """The stream for a publisher: its named one, or a numbered one where that is busy; None without room."""
        assert self._sink is not None
        slot = self._slots.of(self._sink, name)
        return self._slots.of(self._sink) if slot is not None and slot.busy else slot

    async def _follow(self, key: str, session: _Session) -> None:
        """A session from its acceptance to its end, whose reason is told."""
        slot, peer = session.slot, session.peer
        state, reason = State.ENDED, "the publisher has left"
        try:
            await peer.run()
        except Interrupted as error:
            state = State.RECONNECTING if peer.connected else State.FAILED
            reason = f"the publisher was {error}" if str(error).startswith("lost") else explain(error)
        except asyncio.CancelledError as cancelled:
            reason = str(cancelled) or reason
        except Exception as error:  # a fault of ours: this stream's alone
            state, reason = State.FAILED, f"internal error: {type(error).__name__}: {explain(error)}"
        finally:
            self._sessions.pop(key, None)
            await peer.close()
            self._slots.leave(slot)
            self._say(slot, state, reason)
            self._tell()

    def _say(self, slot: Slot, state: State, reason: str) -> None:
        assert self._sink is not None
        self._slots.say(self._sink, slot, state, reason)
