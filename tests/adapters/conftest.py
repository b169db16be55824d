"""What several files of HLS tests share: media cut into segments once a file, and a server to put them on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.hls_server import Media, Site, make_media, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hls")


@pytest.fixture(scope="module")
def ts(folder: Path) -> Media:
    return make_media(folder / "ts")


@pytest.fixture(scope="module")
def fmp4(folder: Path) -> Media:
    return make_media(folder / "fmp4", kind="fmp4")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site
