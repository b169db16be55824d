"""A RestreamClient without a human's patience, and an ear for everything it tells."""

from __future__ import annotations

import asyncio
from typing import Any

from midstream_adapters.base import Backoff, Options
from midstream_tui import RestreamClient, RestreamConfig

SECRET = "secret-key-1"
QUICK = Backoff(first=0.02, most=0.05)
EVENTS = ("connected", "disconnected", "frame", "audio", "transcription", "objects_detected", "error")


def client(**settings: Any) -> RestreamClient:
    settings.setdefault("options", Options(fast=True, env={}))
    return RestreamClient(RestreamConfig(**settings), backoff=QUICK)


class Heard:
    """Everything that a client tells, in order."""

    def __init__(self, client: RestreamClient) -> None:
        self.all: list[tuple[str, Any]] = []
        self._news = asyncio.Event()
        for name in EVENTS:
            client.on(name, lambda told, name=name: self._add(name, told))

    def _add(self, name: str, told: Any) -> None:
        self.all.append((name, told))
        self._news.set()

    def of(self, name: str) -> list[Any]:
        return [told for event, told in self.all if event == name]

    @property
    def life(self) -> list[str]:
        return [event for event, _ in self.all if event not in ("frame", "audio")]

    async def until(self, name: str, count: int = 1) -> None:
        async with asyncio.timeout(10):
            while len(self.of(name)) < count:
                self._news.clear()
                await self._news.wait()


def told(heard: Heard, client: RestreamClient) -> str:
    """Everything that could show a secret, as text."""
    rest = [(name, repr(e), str(e)) for name, e in heard.all if name not in ("frame", "audio")]
    return repr((rest, client.stats, client.analysis, client.config))
