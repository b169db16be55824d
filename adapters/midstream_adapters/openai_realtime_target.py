"""Where a Realtime session is opened, with which key: the source's name and the environment say it, never argv."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from .base import NotConfigured, SourceError
from .net import is_private
from .redact import redact

OPENAI = "wss://api.openai.com/v1"
MODEL = "gpt-realtime"
_SECURE = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Target:
    """``base``: ws(s) address, to which the SDK adds ``/realtime?model=``; ``shown``: the source without secrets."""

    model: str
    base: str
    key: str = field(repr=False)
    shown: str


def target_of(source: str, env: Mapping[str, str]) -> Target:
    """Read ``openai-realtime:MODEL`` or ``openai-realtime+wss://host/path[?model=MODEL]``.

    A model alone is asked for at ``MIDSTREAM_REALTIME_URL`` (a proxy), else at ``OPENAI_BASE_URL``, else at OpenAI. The
    address of a proxy is that of the endpoint, or what comes before ``/realtime`` in it; its key is
    ``AGENTIC_FLOW_API_KEY``, else ``OPENAI_API_KEY``.

    Raises:
        SourceError: no model, no key (needed but for servers on this machine or network), or no such address.
    """
    scheme, _, rest = source.partition(":")
    named = scheme.lower().removeprefix("openai-realtime").removeprefix("+")
    proxy, what = True, "the address"
    if named:
        model, url = "", f"{named}:{rest}"
    else:
        model = rest.strip()
        if not model:
            raise SourceError(f"name a model, as in openai-realtime:{MODEL}")
        url, what = env.get("MIDSTREAM_REALTIME_URL", "").strip(), "MIDSTREAM_REALTIME_URL"
        if not url:
            url, what, proxy = env.get("OPENAI_BASE_URL", "").strip() or OPENAI, "OPENAI_BASE_URL", False
    parts, host = _split(url, what)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    model = model or query.get("model", "") or env.get("OPENAI_REALTIME_MODEL", "").strip() or MODEL
    query.pop("model", None)
    path = parts.path.rstrip("/").removesuffix("/realtime")
    secure = _SECURE[parts.scheme.lower()]
    names = ("AGENTIC_FLOW_API_KEY", "OPENAI_API_KEY") if proxy else ("OPENAI_API_KEY",)
    key = next((value for name in names if (value := env.get(name, "").strip())), "")
    if not key:
        if not is_private(host):
            raise NotConfigured(
                f"{' or '.join(names)} is not set: {host} needs a key (put it in the environment or into .env)"
            )
        key = "none"
    elif secure == "ws" and not is_private(host):
        raise SourceError(f"a key is not sent unencrypted to {host}: use wss://")
    base = SplitResult(secure, parts.netloc, path, urlencode(query), "").geturl()
    return Target(model, base, key, redact(source if named else f"openai-realtime:{model}"))


def _split(url: str, what: str) -> tuple[SplitResult, str]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"{what} is no address: {redact(url)} ({error})") from None
    if not host or parts.scheme.lower() not in _SECURE:
        raise SourceError(f"{what} is no WebSocket or web address: {redact(url)}")
    if "@" in parts.netloc:
        raise SourceError(f"{what} holds a key: put it into AGENTIC_FLOW_API_KEY or OPENAI_API_KEY")
    return parts, host
