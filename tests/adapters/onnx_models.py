"""Tiny ONNX models with an output that is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def constant_model(
    path: Path,
    output: np.ndarray,
    *,
    shape: Sequence[int | str] = (1, 3, 64, 64),
    metadata: Mapping[str, str] | None = None,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Write a model that takes a picture of `shape` and answers `output`, whatever it shows.

    The answer hangs on the input (its mean times zero is added), so that onnxruntime can't leave it out.
    """
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Cast", ["nothing"], ["plain"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["answer", "plain"], ["output0"]),
    ]
    zero = np.zeros((), helper.tensor_dtype_to_np_dtype(kind))
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("images", kind, list(shape))],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(output.shape))],
        [numpy_helper.from_array(output.astype(np.float32), "answer"), numpy_helper.from_array(zero, "zero")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, str(path))
    return path


def seeing_model(path: Path, side: int = 64, metadata: Mapping[str, str] | None = None) -> Path:
    """Write a YOLOv8-shaped model that scores what it sees: red is class 0, green class 1, at the centre.

    Of the 84 candidates all but the first score zero. It tells whether colours, scale and order of channels are right.
    """
    cells = (side // 8) ** 2 + (side // 16) ** 2 + (side // 32) ** 2
    edges = np.zeros((1, 4, cells), np.float32)
    edges[0, :, 0] = (side / 2, side / 2, side / 2, side / 2)
    first = np.zeros((1, 2, cells), np.float32)
    first[0, :, 0] = 1
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["colours"], axes=[2, 3], keepdims=0),  # (1, 3)
        helper.make_node("Slice", ["colours", "from", "to", "axis"], ["two"]),
        helper.make_node("Unsqueeze", ["two", "last"], ["column"]),
        helper.make_node("Mul", ["column", "first"], ["scores"]),
        helper.make_node("Concat", ["edges", "scores"], ["output0"], axis=1),
    ]
    whole = {"from": [0], "to": [2], "axis": [1], "last": [2]}
    graph = helper.make_graph(
        nodes,
        "seeing",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 6, cells])],
        [
            numpy_helper.from_array(edges, "edges"),
            numpy_helper.from_array(first, "first"),
            *(numpy_helper.from_array(np.array(v, np.int64), name) for name, v in whole.items()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {"names": "{0: 'red', 1: 'green'}"}))
    onnx.save(model, str(path))
    return path
