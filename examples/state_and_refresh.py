"""Read the state, change the refresh rate, limit a producer's rate. ``python examples/state_and_refresh.py``."""

import asyncio
import time

from midstream_tui import DashboardState, MidStreamDashboard


async def slow_down(dashboard: MidStreamDashboard) -> None:
    """From a fast refresh (smooth) to a slow one (light); what was counted stays."""
    await dashboard.start(100)
    await dashboard.stop()
    await dashboard.start(500)


class Limited:
    """At most one message every `interval` seconds reaches the dashboard."""

    def __init__(self, dashboard: MidStreamDashboard, interval: float = 0.1) -> None:
        self.dashboard, self.interval, self.last = dashboard, interval, float("-inf")

    def process(self, message: str) -> bool:
        now = time.monotonic()
        if now - self.last < self.interval:
            return False
        self.last = now
        self.dashboard.process_message(message)
        return True


async def main(dashboard: MidStreamDashboard | None = None) -> DashboardState:
    dashboard = dashboard or MidStreamDashboard()
    await slow_down(dashboard)
    limited = Limited(dashboard)
    limited.process("one")
    limited.process("two, too soon")
    await asyncio.sleep(0.3)
    await dashboard.stop()
    state = dashboard.state
    print(
        f"Messages: {state.message_count}, patterns: {len(state.patterns)}, attractor: {state.attractor_type}"
    )
    return state


if __name__ == "__main__":
    asyncio.run(main())
