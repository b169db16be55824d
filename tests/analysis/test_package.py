"""The package's public face: every name is there, and a type checker sees the same names."""

from __future__ import annotations

import ast
from pathlib import Path

import midstream_analysis


def test_every_public_name_resolves() -> None:
    for name in midstream_analysis.__all__:
        assert getattr(midstream_analysis, name).__name__ == name


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(midstream_analysis.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == midstream_analysis._HOME


def test_no_module_has_the_name_of_a_function_in_it() -> None:
    modules = set(midstream_analysis._MODULES)
    assert modules.isdisjoint(midstream_analysis.__all__)
