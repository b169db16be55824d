"""Headless Chromium, driven over its DevTools protocol (CDP) by a WebSocket."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --remote-debugging-port=0 --window-size=1400,900""".split()


class Page:
    """One page. `frames` holds what came over its WebSockets, as bytes; `requests` the addresses it asked for."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._serials = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.frames: list[bytes] = []
        self.requests: list[str] = []
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self._connection:
            said = json.loads(message)
            if (answer := self._answers.pop(said.get("id", 0), None)) is not None:
                answer.set_result(said)
            elif said.get("method") == "Network.webSocketFrameReceived":
                frame = said["params"]["response"]
                data = frame["payloadData"]
                self.frames.append(base64.b64decode(data) if frame["opcode"] == 2 else data.encode())
            elif said.get("method") == "Network.requestWillBeSent":
                self.requests.append(said["params"]["request"]["url"])

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command; return its result."""
        serial = next(self._serials)
        self._answers[serial] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": serial, "method": method, "params": params}))
        async with asyncio.timeout(30):
            said = await self._answers[serial]
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    async def open(self, url: str) -> None:
        await self.call("Network.enable")
        await self.call("Page.enable")
        await self.call("Page.navigate", url=url)

    async def click(self, x: int, y: int) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def type(self, text: str) -> None:
        """Press and release the key of every character."""
        for character in text:
            key = {"key": character, "text": character, "unmodifiedText": character}
            await self.call("Input.dispatchKeyEvent", type="keyDown", **key)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=character)

    async def saw(self, text: str, since: int = 0, timeout: float = 40.0) -> None:
        """Wait until `text` came over a WebSocket, in frames from number `since` on."""
        async with asyncio.timeout(timeout):
            while text.encode() not in b"".join(self.frames[since:]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def screenshot(self) -> bytes:
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def chromium(profile: Path) -> AsyncGenerator[Page]:
    """A browser with one blank page; it is ended with all its children."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        port_file = profile / "DevToolsActivePort"
        async with asyncio.timeout(40):
            while not port_file.exists() or len(port_file.read_text().split()) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            port, path = port_file.read_text().split()
            async with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None) as browser:
                await browser.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
                while "result" not in (said := json.loads(await browser.recv())):
                    pass
        target = next(t["targetId"] for t in said["result"]["targetInfos"] if t["type"] == "page")
        address = f"ws://127.0.0.1:{port}/devtools/page/{target}"
        async with connect(address, max_size=None, proxy=None) as connection:
            page = Page(connection)
            try:
                yield page
            finally:
                await page.close()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
