"""Opening an ONNX file with onnxruntime: limits first, and every failure in one line that says what to do."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .base import explain
from .extras import missing
from .sanitize import clean_line

if TYPE_CHECKING:
    import onnxruntime

MOST_BYTES = 512 << 20
EXTRA = missing("vision")


class Unusable(Exception):
    """There is no detector, and there won't be until something is changed: the text says what, in one line."""


def lacking() -> str:
    """What is not installed and detection needs; empty when all is there."""
    return EXTRA if find_spec("onnxruntime") is None else ""


def check_file(path: Path) -> int:
    """The size of the model file at `path`, in bytes.

    Raises:
        Unusable: there is no such file, or it is too large to be one.
    """
    name = clean_line(path.name, 40)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Unusable(f"{name}: {error.strerror}") from None
    if not path.is_file():
        raise Unusable(f"{name} is not a file: give the path of an .onnx file")
    if not 0 < size <= MOST_BYTES:
        raise Unusable(f"{name}: {size:,} bytes can't be a model (limit {MOST_BYTES >> 20} MB)")
    return size


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load the model at `path` for one thread of one core. Blocks.

    It is read into memory first, so that a model can't name other files to be read.

    Raises:
        Unusable: the extra is not installed, or it is no model that onnxruntime can run.
    """
    check_file(path)
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise Unusable(EXTRA) from None
    except (ImportError, OSError) as error:
        raise Unusable(f"onnxruntime can't be loaded: {explain(error)}") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the decoders need the other cores
    options.log_severity_level = 4  # it would write to the terminal
    try:
        return onnxruntime.InferenceSession(
            path.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own kinds are many, and not public
        raise Unusable(
            f"{clean_line(path.name, 40)} is no ONNX model that can be run: {explain(error)}"
        ) from None
