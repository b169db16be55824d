"""RestreamConfig: what is not configured is told before anything is asked, and no secret is shown."""

from __future__ import annotations

from typing import Any

import pytest

from midstream_adapters.base import Options
from midstream_tui import RestreamConfig
from tests.app.restream_ends import SECRET, client


@pytest.mark.parametrize(
    ("connecting", "settings", "said"),
    [
        ("connect_rtmp", {}, "no rtmp_url"),
        ("connect_rtmp", {"rtmp_url": f"http://h/live/{SECRET}?key={SECRET}"}, "rtmp, rtmps"),
        ("connect_webrtc", {}, "no webrtc_signaling"),
        ("connect_webrtc", {"webrtc_signaling": "ftp://h"}, "wss"),
        ("connect_rtmp", {"rtmp_url": "rtmp://[::1/live"}, "no address"),
        ("connect_rtmp", {"rtmp_url": "rtmp://h/live/eu", "stream_key": f"key={SECRET}#"}, "with / or #"),
    ],
)
async def test_what_is_not_configured_is_told(connecting: str, settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        await getattr(client(**settings), connecting)()
    assert f"key={SECRET}" not in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "", "/etc/passwd", "rtmp://h/live/k"])
async def test_hls_is_http_only(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        await client().connect_hls(url)


async def test_no_key_and_no_host_are_connection_errors() -> None:
    with pytest.raises(ConnectionError, match="MIDSTREAM_STREAM_KEY"):
        await client(rtmp_url="rtmp://127.0.0.1/live").connect_rtmp()
    with pytest.raises(ConnectionError, match="without a host"):
        await client().connect_hls("http:///x.m3u8")


@pytest.mark.parametrize(
    "settings",
    [{"frame_rate": 0}, {"frame_rate": -1}, {"frame_rate": float("inf")}, {"frame_rate": float("nan")},
     {"resolution": "1080p"}, {"resolution": "0x0"}, {"resolution": "1920x1080\n"}],
)  # fmt: skip
def test_configuration_that_makes_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        RestreamConfig(**settings)


def test_repr_of_the_configuration_shows_no_secret() -> None:
    config = RestreamConfig(
        rtmp_url=f"rtmp://h/live/{SECRET}", stream_key="other-key-2", api_key="k3",
        webrtc_signaling="wss://u:pw-4-word@h/room?token=tok-5-en", frame_rate=30,
        options=Options(env={"MIDSTREAM_STREAM_KEY": "env-6-key"}, headers={"Authorization": "Bearer b-7-b"}),
    )  # fmt: skip
    text = repr(config) + str(config)
    for secret in (SECRET, "other-key-2", "k3", "pw-4-word", "tok-5-en", "env-6-key", "b-7-b"):
        assert secret not in text
    assert "frame_rate=30" in text
    assert "rtmp://h/live/***" in text
