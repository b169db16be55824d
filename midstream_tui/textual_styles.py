"""The styles of a panel's parts (its component classes) are worked out once, not anew for each panel and each screen.

Textual 8.2 matches every rule for each of the dozen parts of each of ten panels whenever a screen is opened: a third of
what a detail takes. Here it is done once for panels that no rule could tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any

from textual.css.model import CombinatorType, Selector, SelectorType
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

MOST = 2048
"""Kept at once; panels, their parts and states are a few hundred."""


_STATES = frozenset(
    {"hover", "focus", "blur", "disabled", "enabled", "dark", "light", "ansi", "nocolor", "inline"}
)
"""What the key below tells of a widget and its app."""


def _tells_more(sheet: Stylesheet, part: DOMNode) -> bool:
    """Whether a rule for `part` asks for more than the type, classes and state of its widget."""
    rules = sheet.rules_map
    named = (rule for name in rules.keys() & part._selector_names for rule in rules[name])
    choices = (choice.selectors for rule in named for choice in rule.selector_set)
    return any(_asks_more(selectors) for selectors in choices)


def _asks_more(selectors: list[Selector]) -> bool:
    *of_widget, of_part = selectors
    if of_part.pseudo_classes:
        return False  # a part has no state: this rule is never its own
    steps = [each.combinator for each in selectors[1:] if each.combinator is not CombinatorType.SAME]
    known = all(each.pseudo_classes <= _STATES and each.type is not SelectorType.ID for each in of_widget)
    return not known or steps not in ([], [CombinatorType.CHILD])


def hasten_styles() -> None:
    """Mend `Stylesheet.apply`."""
    if getattr(Stylesheet.apply, "mended", False):
        return
    apply = Stylesheet.apply

    @wraps(apply)
    def _apply(
        self: Stylesheet, node: DOMNode, *, animate: bool = False, cache: dict[Any, Any] | None = None
    ) -> None:
        parent = node._parent
        if type(node) is not DOMNode or not isinstance(
            parent, DOMNode
        ):  # a part of a widget is nothing but a node
            apply(self, node, animate=animate, cache=cache)
            return
        known: tuple[object, dict[Any, Mapping[str, object] | None]]
        known = self.__dict__.get("_known_parts", (None, {}))
        if known[0] is not self.rules_map or len(known[1]) > MOST:  # other rules since
            known = self.__dict__["_known_parts"] = (self.rules_map, {})
        key = (
            node.classes,
            parent._css_type_names,
            parent.classes,
            parent._pseudo_classes_cache_key,
            frozenset(parent.app.get_pseudo_classes()),
        )
        rules = known[1].get(key)
        if rules is not None:
            base = node.styles.base
            base._rules.update(rules)  # type: ignore[typeddict-item]
            base._updates += 1
            return
        apply(self, node, animate=animate, cache=cache)
        if key not in known[1]:
            known[1][key] = None if _tells_more(self, node) else dict(node.styles.base._rules)

    _apply.mended = True  # type: ignore[attr-defined]
    Stylesheet.apply = _apply  # type: ignore[method-assign]
