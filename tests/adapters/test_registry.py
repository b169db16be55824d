"""One string names a source: each kind finds its adapter, anything else is told so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from midstream_adapters import registry
from midstream_adapters.base import Options, SourceError
from midstream_adapters.events import Kind, Provenance
from tests.adapters.servers import ROOT

KEY = Options(env={"OPENAI_API_KEY": "sk-abcdefghijkl"})


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("sim:all", registry.SIMULATOR),
        ("-", registry.LINES),
        ("ws://h/x", registry.WEBSOCKET),
        ("WSS://h/x", registry.WEBSOCKET),
        ("sse+https://h/x", registry.SSE),
        ("http://h/x", registry.SSE),
        ("https://h/a/x.m3u8", registry.HLS),
        ("http://h/x.M3U8?token=a#variant=lowest", registry.HLS),
        ("https://h/x.m3u", registry.HLS),
        ("hls+https://h/live", registry.HLS),
        ("https://h/x?next=y.m3u8", registry.SSE),
        ("openai:gpt-4o-mini", registry.OPENAI),
    ],
)
def test_kind_of(source: str, kind: registry.SourceKind) -> None:
    assert registry.kind_of(source) is kind


def test_files_go_by_their_suffix(tmp_path: Path) -> None:
    for name, kind in [
        ("a.txt", registry.LINES),
        ("b.NDJSON", registry.LINES),
        ("c.mp4", registry.MEDIA),
        ("d", registry.MEDIA),
    ]:
        (tmp_path / name).write_bytes(b"x")
        assert registry.kind_of(str(tmp_path / name)) is kind


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "empty"),
        ("gopher://h/x?token=secret1", "no source of kind 'gopher'"),
        ("nosuch.txt", "no such file"),
        ("/", "is a folder"),
        ("ws:///x", "without a host"),
        ("http://", "without a host"),
        ("http://h:99999/", "not an address"),
        ("http://[::1/", "not an address"),
        ("openai:", "name a model"),
    ],
)
def test_what_is_no_source_is_told(source: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        registry.open_source(source, KEY)
    assert "secret1" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("ws://u:pw@h/x?token=abc", "ws://***@h/x?token=***"),
        ("sse+https://h/x?api_key=abc", "https://h/x?api_key=***"),
        ("openai:gpt-4o-mini", "openai:gpt-4o-mini"),
    ],
)
def test_text_adapters_show_no_secret(source: str, shown: str) -> None:
    (adapter,) = registry.open_source(source, KEY)
    assert adapter.info.source == shown
    assert adapter.info.kinds == {Kind.TEXT}
    assert adapter.info.provenance is Provenance.LIVE
    assert "abc" not in adapter.info.stream
    assert "pw" not in adapter.info.stream


def test_stream_names_are_unlike_each_other() -> None:
    taken: set[str] = set()
    for expected in ("h/x", "h/x#2", "h/x#3"):
        name = registry.stream_name("ws://u:p@h/x?token=1", taken)
        assert name == expected
        taken.add(name)
    assert registry.stream_name("-") == "stdin"
    assert registry.stream_name("a\x1b[2J" * 50).isprintable()


def test_rtmp_streams_are_named_by_their_application_and_never_by_their_key() -> None:
    taken: set[str] = set()
    for source, expected in (
        ("rtmp://h/live/secret-key", "h/live"),
        ("rtmp://h:1935/live/other-key?x=1", "h/live#2"),
        ("rtmp://h/live", "h/live#3"),  # its key is in the environment
        ("rtmps://h/app/instance/secret-key/", "h/app/instance"),
        ("rtmp+listen://127.0.0.1:1935/live", "127.0.0.1/live"),
    ):
        name = registry.stream_name(source, taken)
        assert name == expected
        taken.add(name)


def test_known_kinds_names_each() -> None:
    lines = registry.known_kinds().splitlines()
    assert len(lines) == len(registry.KINDS)


def test_importing_loads_nothing_that_costs() -> None:
    code = """if True:
        import sys
        from midstream_adapters.base import Options
        from midstream_adapters.registry import open_source
        for source in ("ws://h/", "http://h/", "openai:m", "-"):
            open_source(source, Options(env={"OPENAI_API_KEY": "k"}))
        costly = {"httpx", "httpx2", "websockets", "openai", "av", "numba", "textual", "rich"}
        print(sorted(costly & set(sys.modules)))
    """
    environment = {"PYTHONPATH": str(ROOT / "adapters")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]", done.stderr
