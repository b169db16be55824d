"""MidStream: a terminal dashboard for live LLM and media streams, and a library with the same parts.

Names load on first use (PEP 562): importing the package loads neither Textual nor numpy, numba, PyAV or openai.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from midstream_adapters.base import Options, SourceError
    from midstream_adapters.openai_realtime_client import OpenAIRealtimeClient
    from midstream_adapters.openai_realtime_config import RealtimeConfig
    from midstream_adapters.openai_realtime_values import RealtimeError
    from midstream_adapters.stream_simulator import StreamSimulator
    from midstream_analysis.agent import MidStreamAgent

    from .dashboard import DashboardConfig, MidStreamDashboard
    from .restream import RestreamClient
    from .restream_values import RestreamConfig
    from .state import DashboardState

__all__ = [
    "DashboardConfig",
    "DashboardState",
    "MidStreamAgent",
    "MidStreamDashboard",
    "OpenAIRealtimeClient",
    "Options",
    "RealtimeConfig",
    "RealtimeError",
    "RestreamClient",
    "RestreamConfig",
    "SourceError",
    "StreamSimulator",
    "__version__",
]

_HOME = {
    "DashboardConfig": "midstream_tui.dashboard",
    "DashboardState": "midstream_tui.state",
    "MidStreamAgent": "midstream_analysis.agent",
    "MidStreamDashboard": "midstream_tui.dashboard",
    "OpenAIRealtimeClient": "midstream_adapters.openai_realtime_client",
    "Options": "midstream_adapters.base",
    "RealtimeConfig": "midstream_adapters.openai_realtime_config",
    "RealtimeError": "midstream_adapters.openai_realtime_values",
    "RestreamClient": "midstream_tui.restream",
    "RestreamConfig": "midstream_tui.restream_values",
    "SourceError": "midstream_adapters.base",
    "StreamSimulator": "midstream_adapters.stream_simulator",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
