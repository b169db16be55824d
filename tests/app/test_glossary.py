"""The glossary: every term once, with its meaning and its panels."""

from __future__ import annotations

from midstream_tui.glossary import GLOSSARY, terms


def test_the_glossary_is_whole_and_unambiguous() -> None:
    assert len({term.name for term in GLOSSARY}) == len(GLOSSARY)
    assert all(term.meaning and term.panels for term in GLOSSARY)
    assert [term.name for term in terms(["recurrence"])] == ["Delay embedding", "Recurrence plot"]
    assert len(terms()) == len(GLOSSARY)
