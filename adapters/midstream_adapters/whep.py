"""WHEP play (draft-ietf-wish-whep), ``whep+https://``: a viewer's WebRTC session set up by one HTTP POST."""

from __future__ import annotations

import asyncio

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo
from .events import Kind, Provenance
from .net import retry_after
from .redact import redact
from .rtc_peer import Peer, load
from .rtc_sdp import BadSdp, check
from .wish import Answer, Endpoint, endpoint_url

TOKEN = "MIDSTREAM_WHEP_TOKEN"
_LEAVE_WITHIN = 0.1
_leaving: set[asyncio.Task[None]] = set()


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``whep+https://`` or ``whep+http://``.

    Raises:
        SourceError: the address has no host, or its port is none.
    """
    url = endpoint_url(source)
    return [WhepAdapter(url, stream_id, options)]


class WhepAdapter:
    """Plays one WHEP endpoint; each run is one session, which is deleted on leaving."""

    def __init__(self, url: str, stream: str, options: Options) -> None:
        kinds = frozenset({Kind.AUDIO, Kind.VIDEO})
        self.info = StreamInfo(stream, f"whep+{redact(url)}", kinds, Provenance.LIVE)
        self._url, self._options = url, options
        self._delivered = False

    async def run(self, sink: Sink) -> None:
        """Play until the server ends the session; see `Peer.run` for what is said and raised."""
        await load()
        peer = Peer(self.info.stream, sink, self._options)
        session: str | None = None
        async with Endpoint.connected(self._url, self._options.env.get(TOKEN), self._options) as server:
            try:
                answer = await self._post(server, await peer.offer())
                session = answer.session
                if answer.status == 406:
                    peer = await self._counter(server, peer, sink, answer, session)
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
                    ends.append(asyncio.create_task(server.delete(session)))
                for task in ends:
                    _leaving.add(task)
                    task.add_done_callback(_leaving.discard)
                await asyncio.wait(ends, timeout=_LEAVE_WITHIN)

    async def _counter(
        self, server: Endpoint, peer: Peer, sink: Sink, answer: Answer, session: str | None
    ) -> Peer:
        """Answer the server's own offer; return the peer that does."""
        await peer.close()
        if not (session and answer.sdp):
            raise SourceError("the server answered HTTP 406 and made no offer of its own")
        other = Peer(self.info.stream, sink, self._options)
        try:
            text = await other.answer(await check(answer.body))
            reply = await server.request("PATCH", session, text)
            if reply.status not in (200, 204):
                raise reply.refused()
        except BaseException:
            await other.close()
            raise
        return other

    async def _post(self, server: Endpoint, offer: str) -> Answer:
        """The server's answer to our offer: 201, or 406 with an offer of its own.

        Raises:
            Interrupted: not live yet (409), or trouble that may pass.
            SourceError: refused.
        """
        answer = await server.post(offer)
        if answer.status in (200, 201, 406):
            return answer
        wait = retry_after(answer.headers.get("retry-after"))
        if answer.status == 409:
            raise Interrupted("the stream is not live yet (HTTP 409)", wait)
        if answer.status == 404 and self._delivered:
            raise Interrupted("the stream is not live any more (HTTP 404)", wait)
        raise answer.refused()
