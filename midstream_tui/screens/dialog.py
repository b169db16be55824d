"""The base of all dialogs: the screen below shows through, dimmed, for a fraction of what Textual takes for it.

Textual 8.2 makes every line of the screen below anew, through Rich's console and with a new style for every segment,
five times while a dialog opens (40 ms of its 60 ms) and at every change of a panel below. Here a line is made when it
changed, and each style is dimmed once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.events import Idle, Resize, ScreenResume
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.visual import Visual

from .at_once import paint_at_once
from .laid_out import skip_if_laid_out
from .painted_once import PaintedOnce

if TYPE_CHECKING:
    from textual.app import App
    from textual.color import Color
    from textual.css.styles import RulesMap
    from textual.style import Style
    from textual.visual import RenderOptions

T = TypeVar("T")


@lru_cache(maxsize=4096)
def dimmed(style: RichStyle, color: Color, base: RichStyle) -> RichStyle:
    """`style` over `base` as `BackgroundScreen` shows it: tinted with `color`, without links."""
    return base + next(iter(BackgroundScreen.process_segments((Segment("", style),), color))).style


class Backdrop(Visual):
    """What is below `dialog`, dimmed. A line is kept until it is dirty, or looks another way."""

    def __init__(self, dialog: Screen[object]) -> None:
        self._dialog = dialog
        self._lines: dict[int, Strip] = {}
        self._look: object = None

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        below, color, base = below_of(self._dialog), self._dialog.styles.background, style.rich_style
        assert below is not None
        compositor = below._compositor
        look = (below, compositor.size, width, color, base)
        if look != self._look:
            self._lines.clear()
            self._look = look
        for region in self._dialog._dirty_regions:
            for y in region.line_range:
                self._lines.pop(y, None)
        kept = self._lines
        lines = range(compositor.size.height if height is None else min(height, compositor.size.height))
        if wanted := {y for y in lines if y not in kept}:
            chops = compositor._render_chops(compositor.size.region, wanted.__contains__)
            for y in wanted:
                kept[y] = self._dim(chops[y].values(), width, color, base)
        return [kept[y] for y in lines]

    @staticmethod
    def _dim(parts: Iterable[Strip], width: int, color: Color, base: RichStyle) -> Strip:
        plain = RichStyle.null()
        strip = Strip(
            Segment(text, dimmed(style or plain, color, base)) for part in parts for text, style, _ in part
        )
        return strip if strip.cell_length <= width else strip.crop(0, width)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self._dialog.size.height


def below_of(screen: Screen[object]) -> Screen[object] | None:
    """The screen that shows through `screen`; None when that one is opaque, or the lowest."""
    stack = screen.app.screen_stack
    at = stack.index(screen) if screen in stack else 0
    return stack[at - 1] if at and screen.styles.background.a < 1 else None


class Backdropped(PaintedOnce):
    """Goes before a modal screen's class. No `Screen`: styles are inherited from the first base that is one."""

    _backdrop: Backdrop | None = None
    _new = True
    _styled = True

    def _post_register(self, app: App[object]) -> None:
        """A file of styles that is new to `app` is read after the screen got its own."""
        super()._post_register(app)  # type: ignore[misc]
        paths = cast("Screen[object]", self).css_path
        self._styled = all(app.stylesheet.has_source(str(path), "") for path in paths)

    def render(self) -> Any:
        screen = cast("Screen[object]", self)
        if below_of(screen) is None:
            return super().render()  # type: ignore[misc]
        if self._backdrop is None:
            self._backdrop = Backdrop(screen)
        return self._backdrop

    async def _on_idle(self, event: Idle) -> None:
        paint_at_once(cast("Screen[object]", self))

    async def _on_resize(self, event: Resize) -> None:
        skip_if_laid_out(cast("Screen[object]", self), event)

    def _on_screen_resume(self, event: ScreenResume) -> None:
        if self._new and self._styled:
            event.refresh_styles = False
        self._new = False


class Dialog(Backdropped, ModalScreen[T]):
    """What all of our dialogs are."""
