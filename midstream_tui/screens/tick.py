"""A checkbox whose state can be read without colours."""

from __future__ import annotations

from textual.widgets import Checkbox

_WORDS = {True: "on", False: "off"}


class Tick(Checkbox):
    """Empty when it is off: Textual's own shows an X either way, and differs by colour alone.

    It is labelled with `about`, else with its state in a word.
    """

    def __init__(self, on: bool, usable: bool, name: str, about: str = "") -> None:
        self._show(on)
        self._about = about
        word = about or (_WORDS[on] if usable else "not available")
        super().__init__(word, on, disabled=not usable, compact=True, id=name)

    def _show(self, on: bool) -> None:
        self.BUTTON_INNER = "✓" if on else " "

    def watch_value(self) -> None:
        self._show(self.value)
        super().watch_value()
        self.label = self._about or _WORDS[self.value]
