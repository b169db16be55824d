"""The app as the tests of its shell fly it: painted when they say so."""

from __future__ import annotations

from textual.pilot import Pilot

from midstream_tui.app import MidStreamApp


async def painted(pilot: Pilot[None]) -> None:
    app_of(pilot).paint()
    await pilot.pause()


def app_of(pilot: Pilot[None]) -> MidStreamApp:
    assert isinstance(pilot.app, MidStreamApp)
    return pilot.app
