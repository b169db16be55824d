"""Lines from files and pipes: none lost, none unbounded, whatever the bytes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.base import Options, SourceError, supervise
from midstream_adapters.events import Provenance, State, StreamOpened, TextChunk
from midstream_adapters.lines import BATCH, MAX_LINE, LineSplitter
from midstream_adapters.registry import open_source
from midstream_adapters.stdin import _read_thread
from tests.adapters.servers import ListSink, watch


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe's two ends; the write end may be closed within."""
    read, write = os.pipe()
    try:
        yield read, write
    finally:
        os.close(read)
        with suppress(OSError):
            os.close(write)


async def read_file(path: Path) -> ListSink:
    (adapter,) = open_source(str(path), Options())
    return await watch(adapter, Options())


async def test_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("eins\r\nzwei\n\ndrei — 👋\nlast".encode())
    sink = await read_file(path)
    assert sink.texts == ["eins", "zwei", "drei — 👋", "last"]
    assert sink.nbytes == path.stat().st_size
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]
    opened = sink.of(StreamOpened)[0]
    assert isinstance(opened, StreamOpened)
    assert opened.provenance is Provenance.FILE


async def test_ndjson_gives_what_the_objects_say(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    objects = [
        {"text": "hi", "role": "user", "tokens": 3, "reward": 0.5},
        {"role": "assistant", "content": "there"},
        {"text": "odd", "role": 7, "tokens": -1, "reward": "much"},
    ]
    path.write_text(
        "\n".join(map(json.dumps, objects))
        + '\n{"text": NaN}\n{"text": "big", "reward": Infinity}\nnot json\n'
    )
    sink = await read_file(path)
    chunks = [e for e in sink.events if isinstance(e, TextChunk)]
    assert [(c.text, c.role, c.tokens, c.reward) for c in chunks] == [
        ("hi", "user", 3, 0.5),
        ("there", "assistant", None, None),
        ("odd", None, None, None),
        ('{"text": NaN}', None, None, None),
        ("big", None, None, None),
        ("not json", None, None, None),
    ]
    assert sink.reasons == [
        "line 4 is not an object with text; shown as text",
        "2 of 6 lines are not objects with text; shown as text",
    ]
    assert sink.nbytes == path.stat().st_size


async def test_deep_and_broken_json_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    lines = ['{"a":' * 100_000, '{"text": "cut', "{" * 50, '{"text": ' + "9" * 5000 + "}"]
    path.write_text("\n".join(lines))
    assert (await read_file(path)).texts == lines


async def test_invalid_utf8_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"ok \xff\xfe x\n\xc3\n\x80\x80\n")
    assert (await read_file(path)).texts == ["ok \ufffd\ufffd x", "\ufffd", "\ufffd\ufffd"]


async def test_a_line_without_an_end_comes_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("é" * (2 * MAX_LINE + 3))
    sink = await read_file(path)
    assert "".join(sink.texts) == "é" * (2 * MAX_LINE + 3)
    assert max(len(t.encode()) for t in sink.texts) <= MAX_LINE
    assert sink.nbytes == path.stat().st_size


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"a", "é".encode(), "👋".encode(), b"xyz"])),
    st.lists(st.integers(1, 9)),
)
def test_lines_do_not_depend_on_how_bytes_were_cut(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    splitter, out, rest = LineSplitter(5), [], data
    for cut in cuts:
        out += splitter.feed(rest[:cut])
        rest = rest[cut:]
    out += splitter.feed(rest) + splitter.flush()
    assert sum(line.nbytes for line in out) == len(data)
    assert all(len(line.data) <= 5 and line.data.decode() is not None for line in out)
    whole, current = [], b""
    for line in out:
        current += line.data
        if line.ended:
            whole.append(current)
            current = b""
    assert [w for w in whole if w] == [w for w in data.splitlines() if w]


async def test_a_pipe_is_live_and_ends_with_its_writer() -> None:
    with pipe() as (read, write):
        options = Options(stdin_fd=read)
        (adapter,) = open_source("-", options)
        assert adapter.info.provenance is Provenance.LIVE
        sink = ListSink()
        task = asyncio.create_task(supervise(adapter, sink, options))
        await sink.until(lambda _: State.LIVE in sink.states)
        os.write(write, "grü".encode()[:3])
        await asyncio.sleep(0.01)
        os.write(write, "grü".encode()[3:] + b"ss\nnext\r")
        await sink.until(lambda _: sink.texts == ["grüss", "next"])
        os.write(write, b"\nunended")
        os.close(write)
        assert await asyncio.wait_for(task, 5) is State.ENDED
        assert sink.texts == ["grüss", "next", "unended"]
        assert os.get_blocking(read)


async def test_reading_a_silent_pipe_is_cancelled_at_once() -> None:
    with pipe() as (read, _write):
        options = Options(stdin_fd=read)
        (adapter,) = open_source("-", options)
        sink = ListSink()
        task = asyncio.create_task(supervise(adapter, sink, options))
        await sink.until(lambda _: State.LIVE in sink.states)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
        assert os.get_blocking(read)


async def test_a_device_that_cannot_be_polled_is_read_by_a_thread() -> None:
    with Path("/dev/null").open("rb") as null:  # noqa: ASYNC230
        options = Options(stdin_fd=null.fileno())
        (adapter,) = open_source("-", options)
        assert (await watch(adapter, options)).states[-1] is State.ENDED


async def test_a_reading_thread_gives_what_comes_and_is_left_behind() -> None:
    with pipe() as (read, write):
        os.write(write, b"abc")
        blocks = _read_thread(read)
        assert await anext(blocks) == b"abc"
        waiting = asyncio.ensure_future(anext(blocks))
        await asyncio.sleep(0.01)
        os.write(write, b"def")
        assert await asyncio.wait_for(waiting, 5) == b"def"
        waiting = asyncio.ensure_future(anext(blocks))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=1)
        assert waiting.cancelled()
        await blocks.aclose()


async def test_an_error_of_a_reading_thread_is_raised(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            await anext(_read_thread(folder))
    finally:
        os.close(folder)


async def test_standard_input_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a\nb\n")
    with (tmp_path / "x").open("rb") as file:
        options = Options(stdin_fd=file.fileno())
        (adapter,) = open_source("-", options)
        assert adapter.info.provenance is Provenance.FILE
        assert (await watch(adapter, options)).texts == ["a", "b"]


async def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    os.mkfifo(path)
    (adapter,) = open_source(str(path), Options())
    task = asyncio.create_task(watch(adapter, Options()))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(path.write_text, "hello\n")
    assert (await asyncio.wait_for(task, 5)).texts == ["hello"]


async def test_a_slow_sink_makes_the_writer_wait() -> None:
    """Nothing is read ahead without bound: with the sink shut, a writer's pipe fills up and stays full."""
    gate = asyncio.Event()

    class Shut(ListSink):
        async def drain(self) -> None:
            await gate.wait()

    with pipe() as (read, write):
        options = Options(stdin_fd=read)
        (adapter,) = open_source("-", options)
        sink = Shut()
        task = asyncio.create_task(supervise(adapter, sink, options))
        os.set_blocking(write, False)
        sent, line = 0, b"x" * 999 + b"\n"
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            try:
                sent += os.write(write, line * 4)
            except BlockingIOError:
                await asyncio.sleep(0.02)
        assert sent < 1_000_000
        gate.set()
        os.close(write)
        assert await asyncio.wait_for(task, 10) is State.ENDED
        assert sink.nbytes == sent


async def test_others_run_while_a_large_file_is_read(tmp_path: Path) -> None:
    class Wide(ListSink):
        async def drain(self) -> None: ...

    path = tmp_path / "a.txt"
    path.write_text("x\n" * 20 * BATCH)
    (adapter,) = open_source(str(path), Options())
    task = asyncio.create_task(supervise(adapter, Wide(), Options()))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 20


async def test_bad_inputs_are_told_early(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="closed"):
        open_source("-", Options(stdin_fd=999))
    main, terminal = os.openpty()
    try:
        with pytest.raises(SourceError, match="is a terminal"):
            open_source("-", Options(stdin_fd=terminal))
    finally:
        os.close(main)
        os.close(terminal)
    if os.geteuid() != 0 and sys.platform != "win32":
        path = tmp_path / "no.txt"
        path.write_text("x")
        path.chmod(0)
        with pytest.raises(SourceError, match="permission denied"):
            open_source(str(path), Options())


async def test_a_file_that_goes_away_fails_clearly(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")
    (adapter,) = open_source(str(path), Options())
    path.unlink()
    sink = await watch(adapter, Options())
    assert sink.states[-1] is State.FAILED
    assert "No such file" in sink.reasons[-1]
