"""Keys of the user's own: which of them can't be had, told before they are put to use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.binding import Binding, BindingType

TAKEN = {
    "ctrl+a": "screen's prefix",
    "ctrl+b": "tmux's prefix",
    "ctrl+s": "stops the terminal's output",
    "ctrl+q": "starts the terminal's output",
    "ctrl+h": "the same as backspace",
    "ctrl+i": "the same as tab",
    "ctrl+j": "the same as enter",
    "ctrl+m": "the same as enter",
}
"""Keys that seldom or never reach a program, and why. ctrl+z does: a raw terminal leaves it to the program to stop."""


def keys_of(binding: Binding, keymap: Mapping[str, str]) -> list[str]:
    """The keys of a binding, as `keymap` (id -> keys, comma-separated) has them."""
    asked = keymap.get(binding.id or "", binding.key)
    return [key.strip() for key in asked.split(",") if key.strip()]


def keymap_clashes(bindings: Iterable[BindingType], keymap: Mapping[str, str]) -> list[str]:
    """What is wrong with `keymap` where `bindings` are active together: one line a clash, naming the key and the ids.

    Two bindings clash when they share a key and do different things. Pure; empty when all is well.
    """
    owners: dict[str, Binding] = {}
    clashes: list[str] = []
    for binding in bindings:
        if not isinstance(binding, Binding):
            continue
        for key in keys_of(binding, keymap):
            owner = owners.setdefault(key, binding)
            if owner.action != binding.action:
                clashes.append(f"key {key!r} is both {owner.id} and {binding.id}")
    return clashes


def keymap_problems(scopes: Mapping[str, Iterable[BindingType]], keymap: Mapping[str, str]) -> list[str]:
    """All that is wrong with `keymap`: ids there are not, keys that never arrive, and clashes in any of the `scopes`.

    ``scopes`` (see `scopes.scopes`) maps the name of a place to the bindings that are active there.
    """
    groups = {name: list(bindings) for name, bindings in scopes.items()}
    known = {b.id for bindings in groups.values() for b in bindings if isinstance(b, Binding)}
    found = [f"there is no action {name!r}" for name in keymap if name not in known]
    for name, keys in keymap.items():
        if not keys.strip(", "):
            found.append(f"{name} has no key")
        found += [f"{name}: {key} is {TAKEN[key]}" for key in map(str.strip, keys.split(",")) if key in TAKEN]
    for place, bindings in groups.items():
        found += [f"{clash} ({place})" for clash in keymap_clashes(bindings, keymap)]
    return list(dict.fromkeys(found))
