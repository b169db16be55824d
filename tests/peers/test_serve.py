"""The dashboard in headless Chromium: it paints, keys work, an export downloads; and who may not come in."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
import zipfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from midstream_tui import cli

from .browser import CHROMIUM, chromium

pytestmark = pytest.mark.peer


@asynccontextmanager
async def serving(folder: Path, *words: str, **env: str) -> AsyncGenerator[str]:
    """`midstream-tui serve` in a process of its own; gives its address."""
    more = {"MIDSTREAM_STATE_DIR": str(folder), "MIDSTREAM_EXPORT_DIR": str(folder / "exports"), **env}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "midstream_tui", "serve", "--port", "0", *words,
        env={**os.environ, **more}, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(40):
            line = (await process.stderr.readline()).decode()
        assert "MidStream is at http://" in line, line + (await process.stderr.read()).decode()
        yield line.split()[3]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")
async def test_the_dashboard_in_a_browser(tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    async with serving(tmp_path, "sim:all") as address, chromium(tmp_path / "profile") as page:
        await page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        await page.open(address)
        for title in ("System Metrics", "Streaming Status", "simulated"):
            await page.saw(title)
        async with asyncio.timeout(20):  # it is not only sent: the terminal in the page draws it
            while (colours := drawn(await page.screenshot())) < 8:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert colours >= 8
        await page.click(700, 600)
        before = len(page.frames)
        await page.type("?")
        await page.saw("Freeze the view; ingest goes on", before)
        await page.type("?")
        await page.type("e")
        async with asyncio.timeout(40):
            while not (found := list(downloads.glob("*.zip"))):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        with zipfile.ZipFile(io.BytesIO(found[0].read_bytes())) as bundle:
            names = sorted(name.rpartition(".")[2] for name in bundle.namelist())
            state = json.loads(bundle.read(next(n for n in bundle.namelist() if n.endswith(".json"))))
        assert names == ["json", "md", "svg"]
        assert state["streams"]
        assert not (tmp_path / "exports").exists()
        elsewhere = [url for url in page.requests if url.startswith("http") and not url.startswith(address)]
        assert elsewhere == []


def drawn(png: bytes) -> int:
    """How many different colours a screenshot has."""
    with av.open(io.BytesIO(png)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return len(np.unique(picture.reshape(-1, 3)[::7], axis=0))


async def test_who_may_not_come_in(tmp_path: Path) -> None:
    async with serving(tmp_path, "sim:text") as address, httpx.AsyncClient(trust_env=False) as http:
        index = await http.get(address)
        assert index.status_code == 200
        assert "connect-src 'self' ws: wss:" in index.headers["content-security-policy"]
        assert (await http.get(address, headers={"Host": "evil.example"})).status_code == 403
        assert (await http.get(address, headers={"Origin": "http://evil.example"})).status_code == 403
        socket = address.replace("http", "ws") + "ws?width=80&height=24"
        with pytest.raises(InvalidStatus) as refused:
            await connect(socket, origin="http://evil.example", proxy=None)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403


async def test_a_token_is_asked_once_and_then_kept_in_a_cookie(tmp_path: Path) -> None:
    token = "a-token-of-some-length"
    serve, client = (
        serving(tmp_path, "sim:text", MIDSTREAM_SERVE_TOKEN=token),
        httpx.AsyncClient(trust_env=False),
    )
    async with serve as address, client as http:
        assert (await http.get(address)).status_code == 401
        assert (await http.get(f"{address}?token=wrong")).status_code == 401
        answer = await http.get(f"{address}?token={token}")
        assert answer.status_code == 302
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert "SameSite=Strict" in answer.headers["set-cookie"]
        assert (await http.get(address)).status_code == 200


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--host", "0.0.0.0"], "set MIDSTREAM_SERVE_TOKEN"),
        (["-", "--port", "0"], "no place in a browser"),
        (["nonsense://x"], "no source of kind"),
        (["--port", "99999"], "0 to 65535"),
    ],
)
def test_what_cannot_be_served(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIDSTREAM_SERVE_TOKEN", raising=False)
    try:
        status = cli.main(["serve", *words])
    except SystemExit as left:
        status = int(left.code or 0)
    assert status == 2
    assert why in capsys.readouterr().err
