"""Styles are worked out once for widgets that no rule could tell apart, not anew whenever a screen is opened.

Textual 8.2 matches every rule for each widget of a new screen, and for each of the dozen parts (component classes) of
each of ten panels: a third of what a detail takes, and two fifths of a dialog.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any

from textual.css.model import CombinatorType, Selector, SelectorType
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widget import Widget

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
        if not isinstance(parent, DOMNode):
            apply(self, node, animate=animate, cache=cache)
            return
        known: tuple[object, dict[Any, Any], dict[Any, Any]]
        known = self.__dict__.get("_known_styles", (None, {}, {}))
        if known[0] is not self.rules_map or len(known[1]) + len(known[2]) > MOST:  # other rules since
            known = self.__dict__["_known_styles"] = (self.rules_map, {}, {})
        if type(node) is DOMNode:  # a part of a widget is nothing but a node
            _apply_part(
                self, node, parent, known[1], partial(apply, self, node, animate=animate, cache=cache)
            )
        else:
            _apply_widget(self, node, known[2], animate, partial(apply, self, node, animate=animate))

    _apply.mended = True  # type: ignore[attr-defined]
    Stylesheet.apply = _apply  # type: ignore[method-assign]


def _apply_part(
    sheet: Stylesheet,
    node: DOMNode,
    parent: DOMNode,
    known: dict[Any, Mapping[str, object] | None],
    apply: Callable[[], None],
) -> None:
    key = (
        node.classes,
        parent._css_type_names,
        parent.classes,
        parent._pseudo_classes_cache_key,
        frozenset(parent.app.get_pseudo_classes()),
    )
    rules = known.get(key)
    if rules is not None:
        base = node.styles.base
        base._rules.update(rules)  # type: ignore[typeddict-item]
        base._updates += 1
        return
    apply()
    if key not in known:
        known[key] = None if _tells_more(sheet, node) else dict(node.styles.base._rules)


_Flags = tuple[bool, bool, bool, bool]


def _apply_widget(
    sheet: Stylesheet,
    node: DOMNode,
    known: dict[Any, tuple[Any, _Flags]],
    animate: bool,
    apply: Callable[..., None],
) -> None:
    """As `Stylesheet.apply` does with a cache, which it empties after each use: here it knows the way to the app."""
    names = sheet.rules_map
    key: list[object] = [
        frozenset(node.app.get_pseudo_classes()),
        isinstance(node, Widget) and node.allow_focus(),
    ]
    at: object = node
    while isinstance(at, DOMNode):
        named = at._id if at._id is not None and f"#{at._id}" in names else None
        key.append((type(at), named, at.classes, at._pseudo_classes_cache_key))
        at = at._parent
    found = known.get(whole := tuple(key))
    if found is not None:
        rules, flags = found
        node._has_hover_style, node._has_focus_within, node._has_order_style, node._has_odd_or_even = flags
        sheet.replace_rules(node, rules, animate=animate)
        sheet._process_component_classes(node)
        return
    cache: dict[Any, Any] = {}
    apply(cache=cache)
    if cache:  # else a rule looks at what is beside it, or none is for it
        flags = node._has_hover_style, node._has_focus_within, node._has_order_style, node._has_odd_or_even
        known[whole] = next(iter(cache.values())), flags
