"""Random expansion of `chat_grammar.txt`, the phrase book of LLM chat that the move classifier is trained on too."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\$([a-z]+)")
_BRACKETS = str.maketrans({"\ue000": "[", "\ue001": "]", "~": "\n"})


class Rule(NamedTuple):
    label: str
    speaker: str
    after: tuple[str, ...]
    template: str


def read_grammar(path: Path) -> tuple[dict[str, list[str]], list[Rule]]:
    """Return slots (name -> fillers) and rules. Raises ValueError on a malformed line or an unknown slot."""
    slots: dict[str, list[str]] = {}
    rules: list[Rule] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        line = line.replace("\\[", "\ue000").replace("\\]", "\ue001")
        if slot := re.match(r"\$([a-z]+) = (.*)", line):
            slots[slot[1]] = [filler.strip() for filler in slot[2].split(" | ")]
            continue
        parts = line.split("\t")
        if len(parts) != 4 or parts[3].count("[") != parts[3].count("]"):
            raise ValueError(f"{path.name}, line {number}: not 'label speaker after template'")
        rules.append(Rule(parts[0], parts[1], tuple(parts[2].split(",")), parts[3]))
    unknown = {name for rule in rules for name in _SLOT.findall(rule.template)} - slots.keys()
    if unknown:
        raise ValueError(f"{path.name}: unknown slots {sorted(unknown)}")
    return slots, rules


def expand(template: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    """One random expansion: innermost choices first, then slots (a slot's filler holds no choice)."""
    while (text := _CHOICE.sub(lambda m: rng.choice(m[1].split("|")), template)) != template:
        template = text
    text = _SLOT.sub(lambda m: rng.choice(slots[m[1]]), template)
    return text.translate(_BRACKETS).strip()
