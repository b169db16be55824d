"""Damaged media, played: ``python -m tests.adapters.fuzz_files FILE SEED COUNT FOLDER`` prints a line of JSON a case.

A process of its own, for two ends that no test within it could tell of: a crash of libav's, and a call of libav's that
never returns; after `LIMIT` seconds of one case it says where it hangs, and is gone.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import random
import sys
import time
from pathlib import Path

from midstream_adapters.base import Options, supervise
from midstream_adapters.events import StateChanged
from midstream_adapters.media import MediaFile
from tests.adapters.recorder import Recorder

LIMIT = 5.0


def damaged(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """What was done, and what is left of `data`. The head is hit as often as all the rest: it holds the sizes."""
    out = bytearray(data)
    reach = len(out) if rng.random() < 0.5 else min(len(out), 600)
    at = rng.randrange(reach)
    match rng.randrange(6):
        case 0:
            del out[at:]
            return f"cut at {at}", bytes(out)
        case 1:
            count = rng.choice((1, 4, 40, 400))
            for _ in range(count):
                out[rng.randrange(reach)] ^= 1 << rng.randrange(8)
            return f"{count} bits flipped in {reach}", bytes(out)
        case 2:
            size = rng.randrange(1, 5000)
            out[at : at + size] = bytes(len(out[at : at + size]))
            return f"{size} bytes zero from {at}", bytes(out)
        case 3:
            size = rng.randrange(1, 5000)
            del out[at : at + size]
            return f"{size} bytes gone from {at}", bytes(out)
        case 4:
            size = rng.randrange(1, 5000)
            out[at:at] = out[at : at + size] * rng.randrange(1, 4)
            return f"{size} bytes again at {at}", bytes(out)
        case _:
            out[at : at + 8] = rng.choice((b"\xff" * 8, b"\x7f" + b"\xff" * 7, rng.randbytes(8)))
            return f"8 bytes of noise at {at}", bytes(out)


async def play(path: Path) -> dict[str, object]:
    """The end of one file, played as fast as it decodes."""
    sink, options = Recorder(), Options(fast=True)
    began = time.monotonic()
    state = await supervise(MediaFile(path, "fuzz", options), sink, options)
    return {
        "state": state.value,
        "reason": sink.of(StateChanged)[-1].reason,
        "frames": len(sink.frames),
        "chunks": len(sink.chunks),
        "seconds": round(time.monotonic() - began, 3),
    }


def main(name: str, seed: str, count: str, folder: str) -> None:
    rng = random.Random(int(seed))
    whole = Path(name).read_bytes()
    path = Path(folder) / f"damaged{Path(name).suffix}"
    for _ in range(int(count)):
        what, data = damaged(rng, whole)
        path.write_bytes(data)
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        end = asyncio.run(play(path))
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps({"what": what, **end}), flush=True)


if __name__ == "__main__":
    faulthandler.enable()
    main(*sys.argv[1:])
