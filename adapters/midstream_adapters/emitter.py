"""An event emitter for programs: what a listener raises can't stop a stream, nor tell itself of it for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from pyee.asyncio import AsyncIOEventEmitter

from .base import explain
from .events import State, StateChanged

MOST_PENDING = 64
"""Coroutines of listeners in flight, beyond which whoever emits should wait (`GuardedEmitter.room`)."""


class GuardedEmitter(AsyncIOEventEmitter):
    """pyee's emitter for functions and coroutine functions, in one event loop.

    What a listener raises becomes an ``error`` event; what a listener of ``error`` raises, and errors that nobody
    listens to, are logged. ``mask`` takes secrets out of such texts; ``log`` and ``name`` say whose they are.
    """

    def __init__(self, name: str, log: logging.Logger, mask: Callable[[str], str]) -> None:
        super().__init__()
        self._name, self._log, self._mask = name, log, mask
        self._telling = ""
        self._some_done: asyncio.Event | None = None
        self._live: asyncio.Event | None = None
        """Set by the first ``connected`` of a connection."""
        self._connected = False

    def tell_state(self, event: StateChanged, about: Callable[[], object]) -> None:
        """Emit ``connected`` (with what `about` gives), ``disconnected`` and ``error`` as the stream's state turns."""
        if event.state is State.LIVE:
            if not self._connected and self._live is not None:
                self._connected = True
                self._live.set()
                self.emit("connected", about())
        elif event.state in (State.RECONNECTING, State.ENDED, State.FAILED):
            was, self._connected = self._connected, False
            # Before the first `connected` it is the connecting call that raises.
            if event.state is State.FAILED and self._live is not None and self._live.is_set():
                self.emit("error", ConnectionError(event.reason))
            if was:
                self.emit("disconnected", event.reason or str(event.state))

    @property
    def busy(self) -> bool:
        """Whether `MOST_PENDING` coroutines of listeners are in flight."""
        return len(self._waiting) >= MOST_PENDING

    async def room(self) -> None:
        """Wait until less than `MOST_PENDING` coroutines of listeners are in flight."""
        while self.busy:
            self._some_done = self._some_done or asyncio.Event()
            self._some_done.clear()
            await self._some_done.wait()

    def emit(self, event: str, *args: Any, **kwargs: Any) -> bool:
        """Call the listeners of `event`. An error that nobody listens to is logged, not raised."""
        if event == "error" and not self.listeners("error"):
            self._log.warning("%s: %s", self._name, self._mask(explain(args[0])) if args else "error")
            return False
        before, self._telling = self._telling, event
        try:
            return super().emit(event, *args, **kwargs)
        finally:
            self._telling = before

    def _emit_run(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Run one listener. pyee's own would tell a failing listener of ``error`` of its own failure, for ever."""
        event = self._telling
        try:
            result = f(*args, **kwargs)
        except Exception as error:
            self._stumbled(event, error)
            return
        if asyncio.iscoroutine(result) or isinstance(result, asyncio.Future):
            task = asyncio.ensure_future(result)
            self._waiting.add(task)
            task.add_done_callback(partial(self._finished, event))

    def _finished(self, event: str, task: asyncio.Future[Any]) -> None:
        self._waiting.discard(task)
        if self._some_done is not None:
            self._some_done.set()
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._stumbled(event, error)

    def _stumbled(self, event: str, error: Exception) -> None:
        text = f"a listener of {event!r} raised {type(error).__name__}: {self._mask(explain(error))}"
        if event == "error":
            self._log.warning("%s: %s", self._name, text)
            return
        told = RuntimeError(text)
        told.__cause__ = error
        self.emit("error", told)
