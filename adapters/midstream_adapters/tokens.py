"""Tokens of a text, counted by the model's own tokenizer where that is at hand; nothing is ever downloaded.

tiktoken fetches a vocabulary that it does not find in its cache, so the cache is looked at first.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

Count = Callable[[str], int]
_WHERE = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_VOCABULARIES = {
    "o200k_base": ("o200k_base", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    "o200k_harmony": ("o200k_base", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    "cl100k_base": ("cl100k_base", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
}
"""Encodings, the vocabulary of each, and its SHA-256: tiktoken would fetch one that is not what it should be."""
_counts: dict[str, Count | None] = {}


def cached(vocabulary: str, env: Mapping[str, str]) -> Path | None:
    """The file of `vocabulary` in tiktoken's cache, or None."""
    folder = env.get("TIKTOKEN_CACHE_DIR") or env.get("DATA_GYM_CACHE_DIR")
    root = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    path = root / hashlib.sha1(_WHERE.format(vocabulary).encode()).hexdigest()
    return path if path.is_file() else None


def counter(model: str) -> Count | None:
    """A function that counts the tokens of a text for `model`; None where no tokenizer of its own is at hand, or yet.

    A vocabulary is read in a thread of its own (about a second) when a model is asked for that needs it.
    """
    name = _encoding_of(model)
    if name is None:
        return None
    if name not in _counts:
        _counts[name] = None
        threading.Thread(target=_load, args=(name,), name="tokenizer", daemon=True).start()
    return _counts[name]


@lru_cache(64)
def _encoding_of(model: str) -> str | None:
    if not model or find_spec("tiktoken") is None:
        return None
    from tiktoken.model import encoding_name_for_model

    try:
        name: str = encoding_name_for_model(model)
    except KeyError:
        return None
    return name if name in _VOCABULARIES and cached(_VOCABULARIES[name][0], os.environ) else None


def _load(name: str) -> None:
    vocabulary, digest = _VOCABULARIES[name]
    path = cached(vocabulary, os.environ)
    if path is None or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        return
    from tiktoken import get_encoding

    encoding = get_encoding(name)
    _counts[name] = lambda text: len(encoding.encode_ordinary(text))
