"""Connections that are listened for: no more than there is room for, and all of them end with the listener."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from midstream_adapters.connections import Connections
from tests.adapters.recorder import until


async def test_who_comes_beyond_the_bound_is_cut_off_and_a_close_ends_the_others() -> None:
    ended: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await reader.readline())
            await reader.read()
        finally:
            ended.append(1)
            writer.close()

    server = Connections(serve, 2)
    await server.start("127.0.0.1", 0)
    assert server.port > 0
    ends = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        ends.append((reader, writer))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    with suppress(ConnectionError):  # an end without a word is told as one or the other
        assert await reader.read() == b""
    writer.close()
    assert len(server) == 2
    ends.pop()[1].close()
    await until(lambda: len(server) == 1)
    await server.close()
    assert (len(server), len(ended)) == (0, 2)
    assert await ends[0][0].read() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)
    ends[0][1].close()
