"""A peer whose other side sends damage, and the servers that ICE may use."""

from __future__ import annotations

import asyncio
import random
import re
import time
from contextlib import suppress
from typing import Any

import pytest

from midstream_adapters.base import Options, SourceError
from midstream_adapters.events import Kind
from midstream_adapters.rtc_peer import ICE_SERVERS, Peer, ice_servers, load
from midstream_adapters.rtc_sdp import MAX_CANDIDATES, BadSdp, candidate, check, fragment
from tests.adapters.recorder import Recorder
from tests.adapters.rtc import Pictures, Tone, accept, connection, eventually, loopback, offer, prefer  # noqa: F401

CANDIDATE = "candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host"


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_damaged_media(codec: str) -> None:
    """Payloads with flipped bits and cut ends: counted, survived, and good frames come again."""
    rng = random.Random(3)
    await load()
    sink = Recorder()
    peer = Peer("s", sink, Options(env={}))
    pc = connection()
    pc.addTrack(Pictures(30))
    pc.addTrack(Tone())
    prefer(pc, codec, "OPUS")
    await accept(pc, await peer.answer(await check(await offer(pc))))
    damaging = True
    for sender in pc.getSenders():
        encode = sender._next_encoded_frame

        async def encoded(given: Any, encode: Any = encode) -> Any:
            frame = await encode(given)
            if frame is not None and damaging:
                for n, payload in enumerate(frame.payloads):
                    data = bytearray(payload)
                    for _ in range(3):
                        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                    frame.payloads[n] = bytes(data[: rng.randrange(1, len(data) + 1)])
            return frame

        sender._next_encoded_frame = encoded  # type: ignore[method-assign,assignment]
    running = asyncio.create_task(peer.run())
    await eventually(lambda: peer._meters.get(Kind.VIDEO) and peer._meters[Kind.VIDEO].rtp.packets > 30)
    damaging = False
    before = len(sink.frames)
    await eventually(lambda: len(sink.frames) > before + 5)
    assert not running.done()
    await peer.close()
    received = {kind: meter.rtp.nbytes for kind, meter in peer._meters.items()}
    assert {kind: sink.nbytes(kind) for kind in received} == received
    running.cancel()
    await asyncio.gather(running, pc.close(), return_exceptions=True)


async def test_loss_and_a_freeze() -> None:
    """One packet in eight is lost on the way, retransmissions too: video goes on; a pause of 0.7 s is one freeze."""
    rng = random.Random(5)
    await load()
    sink, pictures, pc = Recorder(), Pictures(30), connection()
    peer = Peer("s", sink, Options(env={}))
    pc.addTrack(pictures)
    prefer(pc, "VP8", "RTX")
    await accept(pc, await peer.answer(await check(await offer(pc))))
    transport: Any = pc.getSenders()[0].transport
    send, lossy, sent = transport._send_rtp, False, 0

    async def losing(data: bytes) -> None:
        nonlocal sent
        sent += 1
        if not (lossy and data[1] & 0x7F not in range(72, 77) and rng.random() < 0.125):  # RTCP gets through
            await send(data)

    transport._send_rtp = losing
    running = asyncio.create_task(peer.run())
    await eventually(lambda: len(sink.frames) > 12)
    meter = peer._meters[Kind.VIDEO]
    assert (meter.rtp.lost, meter.rtp.nacks) == (0, 0)
    freezes = meter.freezes.count
    pictures.paused.clear()
    await asyncio.sleep(0.7)
    pictures.paused.set()
    before = len(sink.frames)
    await eventually(lambda: len(sink.frames) > before + 3)
    assert meter.freezes.count - freezes == 1
    assert 0.6 < meter.freezes.seconds < 1.5
    lossy = True
    before = meter.rtp.packets
    await eventually(lambda: meter.rtp.packets > before + 45)
    lossy = False
    assert meter.rtp.nacks > 0
    assert meter.rtp.rtx_packets > 0
    assert 2 <= meter.rtp.lost <= 20
    frames = len(sink.frames)
    await eventually(lambda: len(sink.frames) > frames + 5)
    assert not running.done()
    await peer.close()
    running.cancel()
    await asyncio.gather(running, pc.close(), return_exceptions=True)


async def test_closing_holds_nothing_up() -> None:
    await load()
    lags, stop = [0.0], False

    async def ticker() -> None:
        last = time.perf_counter()
        while not stop:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            lags.append(now - last)
            last = now

    peer, pc = Peer("s", sink := Recorder(), Options(env={})), connection()
    pc.addTrack(Pictures(30))
    await accept(pc, await peer.answer(await check(await offer(pc))))
    running = asyncio.create_task(peer.run())
    await eventually(lambda: len(sink.frames) > 3)
    ticking = asyncio.create_task(ticker())
    await peer.close()
    await peer.close()  # again is nothing
    stop = True
    await ticking
    count = len(sink.events)
    await asyncio.sleep(0.1)
    assert len(sink.events) == count
    assert max(lags) < 0.5  # a joined decoder with a full queue would take longer
    running.cancel()
    await asyncio.gather(running, pc.close(), return_exceptions=True)


async def test_ice_servers() -> None:
    await load()
    assert ice_servers({}) == []  # nobody is asked unless the user says so
    (one, two) = ice_servers({ICE_SERVERS: "stun:stun.example.org, turn:10.0.0.1:3478?transport=tcp"})
    assert (one.urls, two.urls) == ("stun:stun.example.org", "turn:10.0.0.1:3478?transport=tcp")
    (server,) = ice_servers({ICE_SERVERS: '[{"urls": ["turn:h"], "username": "u", "credential": "c"}]'})
    assert (server.urls, server.username, server.credential) == (["turn:h"], "u", "c")
    for wrong in ("http://h", "[", "[1]", '[{"url": "stun:h"}]', "stun:", '[{"urls": 3}]'):
        with pytest.raises(SourceError, match=ICE_SERVERS):
            ice_servers({ICE_SERVERS: wrong})


async def test_candidates() -> None:
    await load()
    text = f"a=mid:0\r\na={CANDIDATE}\r\na=candidate:2 1 tcp 1 10.0.0.1 9 typ host tcptype active\r\n"
    found = fragment(f"{text}a=candidate:3 1 udp 1 abc.local 9 typ host\r\na=end-of-candidates".encode())
    assert [(c.ip, c.port, c.sdpMid) for c in found.candidates] == [("127.0.0.1", 5000, "0")]
    assert found.ended
    assert candidate(CANDIDATE, None, 1).sdpMLineIndex == 1  # type: ignore[union-attr]
    for wrong in ("", "candidate:", "candidate:1 1 udp x 127.0.0.1 5000 typ host", "candidate:" + "x " * 600):
        with pytest.raises(BadSdp):
            candidate(wrong, "0", 0)
    with pytest.raises(BadSdp, match="more than"):
        fragment(f"a={CANDIDATE}\r\n".encode() * (MAX_CANDIDATES + 1))
    peer = Peer("s", Recorder(), Options(env={}))
    await peer.add(fragment(f"a={CANDIDATE}\r\n".encode() * MAX_CANDIDATES))
    with pytest.raises(BadSdp, match="more than"):
        await peer.add(fragment(f"a={CANDIDATE}\r\n".encode()))
    await peer.close()


async def test_names_that_need_a_lookup_never_reach_ice() -> None:
    pc = connection()
    pc.addTransceiver("video", direction="sendonly")
    text = await offer(pc)
    await pc.close()
    given = text.replace("127.0.0.1", "0b1c2d3e-aaaa-bbbb-cccc-ddddeeeeffff.local")
    given = given.replace("c=IN IP4 0b1c2d3e-aaaa-bbbb-cccc-ddddeeeeffff.local", "c=IN IP4 0.0.0.0")
    assert "a=candidate" in given
    assert "a=candidate" not in (await check(given)).text
    assert "end-of-candidates" not in (await check(text)).text
    assert "a=candidate" in (await check(text)).text


def mutated(rng: random.Random, text: str) -> bytes:
    data = bytearray(text.encode())
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.randrange(1, 60)]
            case 2:
                data[at:at] = data[at : at + rng.randrange(1, 300)] * rng.randrange(1, 4)
            case _:
                lines = data.split(b"\r\n")
                rng.shuffle(lines)
                data = bytearray(b"\r\n".join(lines))
    return bytes(data)


async def test_mutated_answers_and_fragments() -> None:
    rng = random.Random(41)
    pc = connection()
    pc.addTransceiver("audio", direction="sendrecv")
    pc.addTransceiver("video", direction="sendrecv")
    text = await offer(pc)
    await pc.close()
    rejected = re.sub(r"m=audio \d+", "m=audio 0", text)
    trickle = f"a=ice-ufrag:abcd\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na={CANDIDATE}\r\n"
    passed = 0
    for n in range(300):
        began = time.monotonic()
        with suppress(BadSdp):
            await check(mutated(rng, rejected if n % 2 else text), answers=text)
            passed += 1
        with suppress(BadSdp):
            fragment(mutated(rng, trickle))
            passed += 1
        assert time.monotonic() - began < 5.0
    assert 0 < passed < 600


async def test_nothing_takes_long_to_read() -> None:
    """Lines of which aiortc's parser is quadratic are counted before it sees them."""
    pc = connection()
    pc.addTransceiver("video", direction="sendonly")
    text = await offer(pc)
    await pc.close()
    for line in (
        "a=rtpmap:97 VP8/90000",
        "a=ssrc:1 cname:x",
        "a=x",
        "m=video 9 UDP/TLS/RTP/SAVPF 97",
        "a=rtcp-fb:* nack",
    ):
        with pytest.raises(BadSdp, match=r"more than|over"):
            await check(text + f"{line}\r\n" * 1500)
    with pytest.raises(BadSdp, match="over 64 KiB"):
        await check(b"v=0\r\n" * 20_000)
