"""The tap before a server with TLS: a certificate is checked as any client would, and refused with the reason."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from midstream_adapters.events import TextChunk, TurnEnded
from tests.adapters.servers import Request, answer, raw_http
from tests.adapters.test_openai_chat import ANSWER, scripted
from tests.adapters.test_tap import ASKED, tap, until_ended
from tests.adapters.test_tls import tls  # noqa: F401  (a fixture)


@pytest.mark.parametrize("trusted", [True, False])
async def test_tls_upstream(
    trusted: bool,
    tls: ssl.SSLContext,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    got: list[Request]
    got, handler = scripted(answer(body=ANSWER))
    async with raw_http(handler, tls) as url, tap(url) as (sink, base, client):
        reply = await client.post(f"{base}/v1/chat/completions", json=ASKED)
        (end,) = await until_ended(sink)
        assert isinstance(end, TurnEnded)
        if trusted:
            assert reply.content == ANSWER
            assert end.error is None
            assert [e.text for e in sink.events if isinstance(e, TextChunk)] == ["Why?", "Be", "cause."]
        else:
            assert reply.status_code == 502
            assert "certificate verify failed" in reply.json()["error"]["message"].lower()
            assert end.error is not None
            assert not got
