"""Alerts reach a program and a web server; what fails is told once, and nothing piles up."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from midstream_tui import notify
from midstream_tui.alerts import Alert
from midstream_tui.notify import Notifier

BEGAN = Alert("stall", "cam ?token=abcdefgh12345678", "silent_s", 6.0, 5.0, "warning", 100.0)


def wall(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


async def settled(notifier: Notifier) -> None:
    assert notifier._tasks
    await asyncio.wait(notifier._tasks, timeout=20)


async def test_a_program_gets_the_alert(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    code = f"import sys; open({str(out)!r}, 'wb').write(sys.stdin.buffer.read())"
    notifier = Notifier([sys.executable, "-c", code], "", wall)
    notifier.tell(BEGAN)
    await settled(notifier)
    said = json.loads(out.read_text())
    assert (said["alert"], said["state"], said["value"], said["ended"]) == ("stall", "began", 6.0, None)
    assert said["began"] == "1970-01-01T00:01:40.000+00:00"
    assert "abcdefgh12345678" not in out.read_text()


async def test_programs_that_fail_are_told_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "TIMEOUT", 0.3)
    failures: list[str] = []
    for command in (["/nonexistent/program"], [sys.executable, "-c", "raise SystemExit(3)"], ["sleep", "60"]):
        notifier = Notifier(command, "", wall, failures.append)
        notifier.tell(BEGAN)
        await settled(notifier)
    assert "No such file" in failures[0]
    # a busy machine may need longer than the limit to start Python at all
    assert failures[1].endswith(("exit status 3", "was ended"))
    assert "was ended" in failures[2]
    assert len(failures) == 3


async def test_a_webhook_gets_the_alert_and_its_refusal_is_told() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        heard.append(await reader.readexactly(length))
        status = b"204 No Content" if len(heard) == 1 else b"500 Broken"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    failures: list[str] = []
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        notifier = Notifier([], f"http://127.0.0.1:{port}/hook", wall, failures.append)
        for _ in range(2):
            notifier.tell(BEGAN)
            await settled(notifier)
    assert json.loads(heard[0])["figure"] == "silent_s"
    assert failures == ["alert webhook: HTTP 500"]


async def test_a_webhook_that_is_not_there_is_told() -> None:
    failures: list[str] = []
    notifier = Notifier([], "http://127.0.0.1:9/", wall, failures.append)
    notifier.tell(BEGAN)
    await settled(notifier)
    assert failures
    assert failures[0].startswith("alert webhook: ")


async def test_a_storm_of_alerts_is_shed_and_counted() -> None:
    failures: list[str] = []
    notifier = Notifier(["sleep", "60"], "", wall, failures.append)
    for _ in range(notify.MOST_WAITING + 6):
        notifier.tell(BEGAN)
    assert notifier.shed == 6
    assert len(failures) == 1
    assert "wait to be sent" in failures[0]
    await asyncio.sleep(0.05)
    await asyncio.wait_for(notifier.close(), 10)
    await asyncio.sleep(0)
    assert not notifier._tasks


async def test_alerts_that_begin_together_all_arrive(tmp_path: Path) -> None:
    out = tmp_path / "out"
    notifier = Notifier(["sh", "-c", f"cat >> {out}; echo >> {out}"], "", wall)
    for _ in range(20):
        notifier.tell(BEGAN)
    assert notifier.shed == 0
    await asyncio.wait(notifier._tasks, timeout=20)
    assert len(out.read_text().split("\n")) == 21
