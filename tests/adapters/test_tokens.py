"""Tokens counted by a model's own tokenizer: only where its vocabulary is at hand, never fetched."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from midstream_adapters import tokens
from tests.adapters.recorder import until

tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed: tokens are estimated")


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens._encoding_of.cache_clear()
    monkeypatch.setattr(tokens, "_counts", {})

    def no(*args: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", no)


def test_without_a_vocabulary_nothing_is_counted_and_nothing_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert tokens.counter("gpt-4o") is None
    assert tokens.counter("smollm2-135m") is None
    assert tokens.counter("") is None


async def test_a_vocabulary_that_is_not_what_it_should_be_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    where = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    file = tmp_path / hashlib.sha1(where.encode()).hexdigest()
    file.write_bytes(b"IQ== 0\n")
    assert tokens.counter("gpt-4o") is None
    import threading

    await until(lambda: not [t for t in threading.enumerate() if t.name == "tokenizer"])
    assert tokens.counter("gpt-4o") is None
    assert file.read_bytes() == b"IQ== 0\n"  # tiktoken itself would have removed it and asked the network


async def test_a_vocabulary_at_hand_counts_as_the_model_does() -> None:
    import os

    if tokens.cached("cl100k_base", os.environ) is None:
        pytest.skip("tiktoken's cache holds no cl100k_base (set TIKTOKEN_CACHE_DIR)")
    assert tokens.counter("gpt-4") is None  # it is being read
    await until(lambda: tokens.counter("gpt-4") is not None)
    count = tokens.counter("gpt-4")
    assert count is not None
    assert count("tiktoken is great!") == 6  # OpenAI's own example
    assert count("<|endoftext|>") > 1  # text, not a command
