"""The pictures of the README: none is missing or left over, and the one that is to be read in five seconds can be."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from midstream_tui.svg_cells import HEIGHT, WIDTH, on_grid

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "screenshots"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`import` of a module of the folder, which is a folder of scripts and no package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return __import__(name)

    yield load
    for name in set(sys.modules) - before:
        if name in {"make", "scenes", "shots", "virtual", "cast"}:
            del sys.modules[name]


def texts(svg: str) -> str:
    """What a reader sees, line by line."""
    rows: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in re.findall(r'<text class="\S+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]+)</text>', svg):
        rows.setdefault(float(y), []).append((float(x), text))
    return "\n".join(" ".join(text for _, text in sorted(row)) for _, row in sorted(rows.items()))


def test_what_is_kept_is_there(script: Any) -> None:
    shots = script("shots").SHOTS
    kept = {name for name, shot in shots.items() if shot.kept}
    assert {path.stem for path in FOLDER.glob("*x*.svg")} == kept
    assert {path.stem for path in FOLDER.glob("*x*.png")} == kept
    for ending in ("svg", "png"):
        assert all((FOLDER / f"{name}.{ending}").stat().st_size < 400_000 for name in kept)
    assert len({shot.screen for shot in shots.values()}) * 9 == len(shots)  # three sizes, three themes


def test_the_readme_shows_pictures_that_are_there() -> None:
    shown = re.findall(r"!\[[^]]*\]\((screenshots/[^)]+)\)", (ROOT / "README.md").read_text())
    assert shown
    assert all((ROOT / path).is_file() for path in shown)


def test_check_tells_what_is_stale_missing_and_left_over(script: Any, tmp_path: Path) -> None:
    make = script("make")
    name = "trouble-120x40"
    assert make.problems({name: "<svg/>"}, tmp_path) == [f"missing: {name}.svg", f"missing: {name}.png"]
    (tmp_path / f"{name}.svg").write_text("<svg/>")
    (tmp_path / f"{name}.png").write_bytes(b"")
    (tmp_path / "old-120x40.svg").write_text("")
    assert make.problems({name: "<svg/>"}, tmp_path) == ["left over: old-120x40.svg"]
    assert f"stale: {name}.svg" in make.problems({name: "<svg>new</svg>"}, tmp_path)


async def test_trouble_is_seen_at_once_with_its_reason(script: Any) -> None:
    """Four streams, one camera frozen: the title line and the first row of the table name it and say why."""
    scenes, shots = script("scenes"), script("shots")
    scene = await scenes.trouble()
    try:
        svg = on_grid(await shots.take(shots.SHOTS["trouble-120x40"], scene))
    finally:
        await scene.close()
    lines = texts(svg).splitlines()
    title, table = lines[0], lines[1:7]
    assert "door-camera freeze" in title
    assert "4 simulated" in title
    rows = [row for row in table if " live " in row]
    assert len(rows) == 4
    assert "door-camera" in rows[0]
    assert "freeze" in rows[0]
    assert all("ok" in row and "freeze" not in row for row in rows[1:])
    facts = "\n".join(lines[7:])
    said = re.search(r"Freeze: 1 (\d+\.\d) s", facts)
    assert said, facts
    assert abs(float(said[1]) - scenes.FROZEN_FOR) < 0.1


def test_the_walk_shows_what_it_should_and_asks_the_terminal_nothing(script: Any) -> None:
    cast = script("cast")
    path = FOLDER / "walk.cast"
    head = json.loads(path.read_text().splitlines()[0])
    assert (head["version"], head["width"], head["height"]) == (2, *cast.SIZE)
    events = cast.read_cast(path)
    times = [at for at, _ in events]
    assert times == sorted(times)
    assert 20 < times[-1] < 40
    raw = "".join(text for _, text in events)
    assert not re.search(r"\x1b\[\?[0-9;]*\$p|\x1b\[[0-9;]*[cn]", raw)
    assert raw.rstrip().count("\x1b[?1049l") == 1  # it left, and left the terminal as it was
    seen = ["\n".join(screen.display) for screen in cast.screens(events)]
    for wanted in (
        "Pattern Detection",
        "All Streams",
        "Video",
        "Spectrogram",
        "Turns",
        "role:user",
        "PAUSED",
    ):
        assert any(wanted in screen for screen in seen), wanted
    labelled = ["simulated" in screen for screen in seen]  # a screen that opens has nothing to show at first
    assert sum(labelled) > 0.9 * len(labelled)
    assert (FOLDER / "walk.webp").stat().st_size < 2_000_000


def test_a_film_shows_no_half_painted_screen(script: Any) -> None:
    cast = script("cast")
    begin, end = "\x1b[?2026h", "\x1b[?2026l"
    events = [(0.1, f"{begin}one{end}"), (0.5, f"{begin}\x1b[Htwo"), (1.1, f" halves{end}"), (9.0, "")]
    seen = [screen.display[0].strip() for screen in cast.screens(events)]
    assert seen[0] == "one"
    assert set(seen) == {"one", "two halves"}


async def test_virtual_time_wakes_in_order_and_waits_for_threads(script: Any) -> None:
    time = script("virtual").VirtualTime()
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, step: float, times: int) -> None:
        for _ in range(times):
            await time.sleep(step)
            await asyncio.to_thread(lambda: None)
            seen.append((name, time() - 1000.0))

    tasks = [asyncio.create_task(sleeper("a", 0.3, 3)), asyncio.create_task(sleeper("b", 0.5, 1))]

    def running() -> int:
        return sum(not task.done() for task in tasks)

    await time.advance(1000.6, running)
    assert [(name, round(at, 6)) for name, at in seen] == [("a", 0.3), ("b", 0.5), ("a", 0.6)]
    assert time() == 1000.6
    await time.advance(1002.0, running)
    assert running() == 0


def _svg(text: str) -> str:
    return f'<text class="t-r1" x="24.4" y="44.4" textLength="9" clip-path="url(#c)">{text}</text>'


def test_words_begin_at_their_columns() -> None:
    assert on_grid(_svg("ab&#160;&lt;c&#160;日本&#160;d")).split("</text>")[:-1] == [
        f'<text class="t-r1" x="{24.4 + column * WIDTH:.6g}" y="44.4" clip-path="url(#c)">{word}'
        for column, word in ((0, "ab"), (3, "&lt;c"), (6, "日"), (8, "本"), (11, "d"))
    ]


@pytest.mark.parametrize(
    ("char", "left", "top", "width", "height"),
    [
        ("█", 0, 0, 1, 1),
        ("▀", 0, 0, 1, 0.5),
        ("▄", 0, 0.5, 1, 0.5),
        ("▂", 0, 0.75, 1, 0.25),
        ("▌", 0, 0, 0.5, 1),
        ("▐", 0.5, 0, 0.5, 1),
        ("▏", 0, 0, 0.125, 1),
        ("▗", 0.5, 0.5, 0.5, 0.5),
    ],
)
def test_blocks_are_shares_of_a_cell(char: str, left: float, top: float, width: float, height: float) -> None:
    found = re.search(r'd="M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z"', on_grid(_svg(char)))
    assert found
    wanted = (24.4 + left * WIDTH, 25.9 + top * HEIGHT, width * WIDTH, height * HEIGHT)
    assert [float(part) for part in found.groups()] == pytest.approx(wanted, abs=1e-3)


def test_braille_has_as_many_dots_as_bits() -> None:
    for char in ("⠀", "⠁", "⡇", "⣿"):
        assert on_grid(_svg(char)).count("M") == (ord(char) - 0x2800).bit_count()


def test_what_is_no_text_of_a_terminal_stays() -> None:
    svg = '<svg><text class="title" x="1" y="2">MidStream</text></svg>'
    assert on_grid(svg) == svg
