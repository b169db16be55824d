"""Who a playlist may have asked, and who is told the user's headers and token: nothing leads astray."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from midstream_adapters import hls_fetch
from midstream_adapters.base import Options, SourceError
from midstream_adapters.events import State
from midstream_adapters.hls import open_source
from tests.adapters.hls_server import Answer, Media, Site, listed, playlist, serving
from tests.adapters.hls_watch import adapter, agrees, counted, offer, watched
from tests.adapters.recorder import Recorder


class Elsewhere(httpx.AsyncHTTPTransport):
    """The open internet: every address of it is our server."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.reached: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.reached.append(request.url.host)
        request.url = request.url.copy_with(host="127.0.0.1", port=self.port)
        return await super().handle_async_request(request)


NAMES = {
    "public.test": ["93.184.216.34"],
    "cdn.test": ["10.0.0.7", "2606:2800:220:1::1"],
    "evil.test": ["127.0.0.1"],
    "evil6.test": ["::ffff:169.254.169.254"],
}


async def known(host: str, _port: int) -> list[str]:
    return NAMES[host]


PRIVATE = ["http://127.0.0.1/s0.ts", "http://localhost/s0.ts", "http://[::1]/s0.ts", "http://0.0.0.0/s0.ts",
           "http://169.254.169.254/s0.ts", "http://[64:ff9b::7f00:1]/s0.ts", "http://evil.test/s0.ts",
           "http://evil6.test/s0.ts", "http://public.test/moved"]  # fmt: skip


@pytest.mark.parametrize(
    ("as_what", "leads_to"),
    [("segment", address) for address in PRIVATE]
    + [(w, a) for w in ("key", "map", "variant", "sound", "playlist") for a in PRIVATE[-3:]],
)
async def test_a_public_playlist_leads_to_no_private_address(
    as_what: str, leads_to: str, site: Site, ts: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NAMES, "localhost", ["127.0.0.1"])
    offer(site, ts)
    site.files["moved"] = Answer(b"", 302, {"Location": "http://evil.test/s0.ts"})
    site.files["v.m3u8"] = playlist(*listed(ts))
    site.files["x.m3u8"] = {
        "segment": playlist("#EXTINF:1,", leads_to),
        "key": playlist(f'#EXT-X-KEY:METHOD=AES-128,URI="{leads_to}"', *listed(ts)),
        "map": playlist(f'#EXT-X-MAP:URI="{leads_to}"', *listed(ts)),
        "variant": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{leads_to}\n".encode(),
        "sound": f'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="g",NAME="n",URI="{leads_to}"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="g"\nv.m3u8\n'.encode(),
        "playlist": Answer(b"", 302, {"Location": leads_to}),
    }[as_what]
    world = Elsewhere(site.port)
    with pytest.raises(SourceError, match="refused: a public playlist leads to a private address"):
        await adapter("http://public.test/x.m3u8", resolve=known, transport=world).run(Recorder())
    assert all(hls_fetch.is_public(address) for address in world.reached)


async def test_public_playlists_may_lead_to_public_addresses(site: Site, ts: Media, folder: Path) -> None:
    offer(site, ts)
    site.files["x.m3u8"] = playlist(*listed(ts, name="http://cdn.test/s{}.ts"))
    world = Elsewhere(site.port)
    state, sink = await watched(adapter("http://public.test/x.m3u8", resolve=known, transport=world))
    assert state is State.ENDED
    assert agrees(sink, counted(folder, ts.whole()))
    assert world.reached == ["93.184.216.34"] + ["2606:2800:220:1::1"] * 4
    assert {h["host"] for path, h in site.seen if path.endswith("ts")} == {"cdn.test"}


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False), ("100.64.0.1", False),
     ("169.254.169.254", False), ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False),
     ("::1", False), ("::", False), ("fe80::1%eth0", False), ("fc00::1", False), ("ff02::1", False),
     ("2606:4700::1111", True), ("::ffff:10.0.0.1", False), ("::ffff:8.8.8.8", True), ("64:ff9b::a00:1", False),
     ("64:ff9b::808:808", True), ("2002:a00:1::", False)],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert hls_fetch.is_public(address) is public


async def test_headers_and_token_go_to_the_source_and_nowhere_else(site: Site, ts: Media) -> None:
    with serving() as other:
        offer(other, ts)
        site.files["s0.ts"] = ts.segments[0]
        site.files["x.m3u8"] = playlist(*listed(ts, 0, 1), *listed(ts, 1, 3, name=other.url("s{}.ts")))
        options = Options(
            fast=True,
            headers={"X-Customer": "17", "host": "elsewhere"},
            env={"MIDSTREAM_HLS_TOKEN": "let-me-in"},
        )
        state, _ = await watched(adapter(site.url(), options), options)
        assert state is State.ENDED
        assert [(h["authorization"], h["x-customer"]) for _, h in site.seen] == [
            ("Bearer let-me-in", "17")
        ] * 2
        assert {h["host"] for _, h in site.seen} == {f"127.0.0.1:{site.port}"}
        assert len(other.seen) == 2
        assert not any("authorization" in h or "x-customer" in h for _, h in other.seen)


async def test_a_header_of_the_user_goes_before_the_token(site: Site, ts: Media) -> None:
    options = Options(fast=True, headers={"authorization": "Basic x"}, env={"MIDSTREAM_HLS_TOKEN": "t"})
    await watched(adapter(site.url(), options), options)
    assert site.seen[0][1]["authorization"] == "Basic x"


@pytest.mark.parametrize(
    ("source", "said"),
    [("hls+https://", "without a host"), ("https://h:99999/x.m3u8", "not an address"),
     ("https://[::1/x.m3u8", "not an address"), ("https://h/x.m3u8#start=0", "start=0"),
     ("https://h/x.m3u8#start=many", "start=many")],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_at_once(source: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        open_source(source, "x", Options())


def test_secrets_in_the_address_are_not_shown() -> None:
    (source,) = open_source("https://u:pw@h/x.m3u8?token=abcdef123#variant=lowest", "x", Options())
    assert source.info.source == "https://***@h/x.m3u8?token=***"


def test_opening_loads_nothing_that_costs() -> None:
    code = """
import sys
from midstream_adapters.base import Options
from midstream_adapters.registry import open_source
open_source("https://h/x.m3u8", Options())
assert not {"av", "httpx", "m3u8", "cryptography", "numpy"} & set(sys.modules), sys.modules.keys()
"""
    path = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})
