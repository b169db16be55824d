"""The themes can be read, and the package costs nothing until a panel is asked for."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from textual.color import Color, Lab, rgb_to_lab
from textual.theme import Theme

from midstream_tui.themes import (
    CYCLE,
    DEFAULT_THEME,
    MIDSTREAM_CVD,
    MIDSTREAM_CVD_LIGHT,
    MIDSTREAM_MONO,
    THEMES,
)

STYLES = (
    "text-primary",
    "text-success",
    "text-warning",
    "text-error",
    "text-accent",
    "text-muted",
    "foreground",
)


def test_the_default_is_the_first_of_the_themes() -> None:
    assert DEFAULT_THEME == THEMES[0].name == "midstream"
    assert len({theme.name for theme in THEMES}) == len(THEMES) == 5
    assert [theme.dark for theme in THEMES] == [True, False, True, False, True]


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISION = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def colours(theme: Theme) -> dict[str, str]:
    """The variables as the app resolves them."""
    return {**theme.to_color_system().generate(), **theme.variables}


def linear(colour: Color) -> np.ndarray:
    channels = np.array(colour.rgb) / 255.0
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def seen_by(colour: Color, vision: str) -> Lab:
    light = np.clip(np.array(VISION[vision]) @ linear(colour), 0.0, 1.0)
    channels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return rgb_to_lab(Color(*(round(255 * each) for each in channels)))


def contrast(one: Color, other: Color) -> float:
    """WCAG 2.2 contrast ratio."""
    dark, light = sorted(float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", ["background", "panel", "primary-muted"])
@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_has_contrast(theme: Theme, ground: str) -> None:
    """WCAG 2.2 asks 4.5:1 of text, 3:1 of large or bold text as the selected row is."""
    named = colours(theme)
    for style in STYLES:
        ratio = contrast(Color.parse(named[ground]), Color.parse(named[style]))
        assert ratio >= (4.5 if ground == "background" else 3.0), (style, round(ratio, 2))


@pytest.mark.parametrize("theme", [MIDSTREAM_CVD, MIDSTREAM_CVD_LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("vision", VISION)
def test_verdicts_stay_apart_in_the_colour_blind_themes(vision: str, theme: Theme) -> None:
    """Good, warning and error differ by CIE76 25 and more (2.3 is just noticeable) for every kind of dichromat."""
    seen = [
        seen_by(Color.parse(colours(theme)[style]), vision)
        for style in ("text-success", "text-warning", "text-error")
    ]
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(np.array([one.L - other.L, one.a - other.a, one.b - other.b])) > 25


def test_view_models_load_no_terminal_library() -> None:
    code = "import midstream_widgets.views, sys; print({'textual', 'rich', 'numba'} & set(sys.modules))"
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_names_are_exported() -> None:
    import midstream_widgets

    for name in midstream_widgets.__all__:
        assert getattr(midstream_widgets, name).__name__ == name
    with pytest.raises(AttributeError):
        midstream_widgets.Nothing  # noqa: B018


def test_without_colours_the_worse_is_the_brighter() -> None:
    """`NO_COLOR`: Textual's greys follow lightness, and nobody goes to the grey theme by the theme key."""
    named = colours(MIDSTREAM_MONO)
    light = [
        float(linear(Color.parse(named[style])) @ [0.2126, 0.7152, 0.0722])
        for style in ("text-muted", "text-success", "text-warning", "text-error")
    ]
    assert light == sorted(light)
    assert MIDSTREAM_MONO.name not in CYCLE
