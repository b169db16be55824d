"""The themes can be read, and the package costs nothing until a panel is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from textual.color import Color
from textual.theme import Theme

from midstream_tui.themes import DEFAULT_THEME, THEMES

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
    assert len({theme.name for theme in THEMES}) == len(THEMES) == 3
    assert [theme.dark for theme in THEMES] == [True, False, True]


@pytest.mark.parametrize("ground", ["background", "panel", "primary-muted"])
@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_has_contrast(theme: Theme, ground: str) -> None:
    """WCAG 2.2 asks 4.5:1 of text, 3:1 of large or bold text as the selected row is."""
    colours = theme.to_color_system().generate()
    for style in STYLES:
        ratio = Color.parse(colours[ground]).get_contrast_ratio(Color.parse(colours[style]))
        assert ratio >= (4.5 if ground == "background" else 3.0), (style, round(ratio, 2))


def test_no_two_verdicts_of_the_colour_blind_theme_differ_in_red_and_green_only() -> None:
    """Good, warning and error stay apart when red and green are one channel, as for deuteranopia and protanopia."""
    colours = THEMES[2].to_color_system().generate()
    seen = []
    for style in ("text-success", "text-warning", "text-error"):
        red, green, blue = Color.parse(colours[style]).rgb
        seen.append(((red + green) / 2, blue))
    for i, (yellow, blue) in enumerate(seen):
        for other, other_blue in seen[:i]:
            assert abs(yellow - other) + abs(blue - other_blue) > 60


def test_view_models_load_no_terminal_library() -> None:
    code = "import midstream_widgets, midstream_widgets.views, sys; print({'textual', 'rich', 'numba'} & set(sys.modules))"
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
