"""Alerts to the outside: a program of the user's, a webhook. Bounded: what they can't keep up with is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from midstream_adapters.base import explain
from midstream_adapters.redact import redact

from .alerts import Alert

MOST_AT_ONCE = 4
MOST_WAITING = 128
"""Notifications that are under way or wait for their turn: a hundred streams may be lost in one second."""
TIMEOUT = 10.0


def payload(alert: Alert, wall: Callable[[float], datetime]) -> dict[str, Any]:
    """An alert as JSON has it: wall times in ISO 8601, `ended` null while it lasts."""
    return {
        "alert": alert.rule,
        "state": "began" if alert.ended is None else "ended",
        "level": alert.level,
        "stream": redact(alert.stream),
        "figure": alert.figure,
        "value": alert.value,
        "threshold": alert.threshold,
        "text": redact(alert.text),
        "began": wall(alert.began).isoformat(timespec="milliseconds"),
        "ended": None if alert.ended is None else wall(alert.ended).isoformat(timespec="milliseconds"),
    }


class Notifier:
    """Runs `command` with the alert on its standard input, and posts it to `webhook`; both in the background.

    `on_failure` hears one line when that does not work. A program that takes over `TIMEOUT` seconds is killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        webhook: str,
        wall: Callable[[float], datetime],
        on_failure: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._command, self._webhook, self._wall, self._failed = list(command), webhook, wall, on_failure
        self._tasks: set[asyncio.Task[None]] = set()
        self.shed = 0
        """Notifications that were not sent, because `MOST_WAITING` were still to be sent; each storm is told once."""
        self._turn = asyncio.Semaphore(MOST_AT_ONCE)
        self._full = False

    def tell(self, alert: Alert) -> None:
        """Send `alert` off; returns at once."""
        body = json.dumps(payload(alert, self._wall), ensure_ascii=False).encode()
        for wanted, send in ((self._command, self._run), (self._webhook, self._post)):
            if not wanted:
                continue
            if len(self._tasks) >= MOST_WAITING:
                self.shed += 1
                if not self._full:
                    self._full = True
                    self._failed(
                        f"alerts: {MOST_WAITING} notifications wait to be sent; no more until they are"
                    )
                continue
            self._full = False
            task = asyncio.get_running_loop().create_task(self._in_turn(send, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _in_turn(self, send: Callable[[bytes], Awaitable[None]], body: bytes) -> None:
        async with self._turn:
            await send(body)

    async def _run(self, body: bytes) -> None:
        name = self._command[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,  # the terminal is the dashboard's
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            self._failed(f"alert command {name}: {error.strerror}")
            return
        try:
            await asyncio.wait_for(process.communicate(body), TIMEOUT)
        except TimeoutError:
            self._failed(f"alert command {name}: took over {TIMEOUT:g} s and was ended")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode is not None and process.returncode > 0:
            self._failed(f"alert command {name}: exit status {process.returncode}")

    async def _post(self, body: bytes) -> None:
        import httpx

        try:
            async with httpx.AsyncClient(timeout=TIMEOUT) as client:
                answer = await client.post(
                    self._webhook, content=body, headers={"Content-Type": "application/json"}
                )
            if answer.status_code >= 400:
                self._failed(f"alert webhook: HTTP {answer.status_code}")
        except httpx.HTTPError as error:
            self._failed(f"alert webhook: {explain(error)}")
