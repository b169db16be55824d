"""Models of the YOLO family: every layout decoded to known boxes, and files that are none refused in a line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from midstream_adapters.vision_onnx import MOST_BYTES, Unusable
from midstream_adapters.vision_yolo import LARGEST, Layout, Yolo, layout_of, letterbox, names_of
from tests.adapters.onnx_models import constant_model, seeing_model

SIDE = 64
CELLS = 64 + 16 + 4  # strides 8, 16 and 32
NAMES = {"names": "{0: 'person', 1: 'cat', 2: 'dog'}"}
# What the models below see, in pixels of their input: (left, top, right, bottom), score, class.
SEEN = [((8, 16, 24, 48), 0.9, 1), ((32, 16, 56, 32), 0.8, 0)]
DOUBLE = ((9, 16, 25, 48), 0.6, 1)  # of the first
OTHER = ((9, 16, 25, 48), 0.7, 2)  # at the same place, of another class
FAINT = ((40, 40, 60, 60), 0.1, 0)


def centred(edges: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
    left, top, right, bottom = edges
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def rows(layout: Layout, count: int) -> np.ndarray:
    found = [*SEEN, DOUBLE, OTHER, FAINT]
    if layout is Layout.FINAL:
        table = np.zeros((count, 6), np.float32)
        for n, (edges, score, kind) in enumerate([*SEEN, OTHER, FAINT]):  # it has suppressed doubles itself
            table[n] = (*edges, score, kind)
        return table
    first = 5 if layout is Layout.OBJECTNESS else 4
    table = np.zeros((count, first + 3), np.float32)
    for n, (edges, score, kind) in enumerate(found):
        row = table[count - 1 - n]  # wherever they stand
        row[:4] = centred(edges)
        if first == 5:
            row[4] = 0.95
            score /= 0.95
        row[first + kind] = score
    return table


OUTPUTS = {
    Layout.CHANNELS_FIRST: rows(Layout.CHANNELS_FIRST, CELLS).T[None],
    Layout.CHANNELS_LAST: rows(Layout.CHANNELS_LAST, CELLS)[None],
    Layout.OBJECTNESS: rows(Layout.OBJECTNESS, 3 * CELLS)[None],
    Layout.FINAL: rows(Layout.FINAL, 300)[None],
}


@pytest.mark.parametrize("layout", OUTPUTS, ids=lambda layout: layout.value)
def test_every_layout_gives_the_boxes_that_it_was_made_of(layout: Layout, tmp_path: Path) -> None:
    yolo = Yolo(constant_model(tmp_path / "m.onnx", OUTPUTS[layout], metadata=NAMES))
    assert yolo.fit(640, 320) == (64, 32)  # letterbox: 16 rows of grey above and below
    found = yolo.detect(np.zeros((32, 64, 3), np.uint8))
    assert [(b.label, round(b.score, 3)) for b in found] == [("cat", 0.9), ("person", 0.8), ("dog", 0.7)]
    cat, person, _ = found
    assert (cat.left, cat.top, cat.right, cat.bottom) == pytest.approx((8 / 64, 0, 24 / 64, 1))
    assert (person.left, person.top, person.right, person.bottom) == pytest.approx((0.5, 0, 56 / 64, 0.5))


def test_upright_and_square_pictures_are_put_back_in_place(tmp_path: Path) -> None:
    yolo = Yolo(constant_model(tmp_path / "m.onnx", OUTPUTS[Layout.CHANNELS_FIRST], metadata=NAMES))
    assert yolo.fit(100, 400) == (16, 64)
    (person,) = yolo.detect(np.zeros((64, 16, 3), np.uint8))[
        :1
    ]  # pixels 24 to 40 are the picture: the cat is in grey
    assert (person.label, person.left, person.right) == ("person", 0.5, 1.0)
    assert yolo.fit(64, 64) == (64, 64)
    (cat,) = yolo.detect(np.zeros((64, 64, 3), np.uint8))[:1]
    assert (cat.left, cat.top, cat.right, cat.bottom) == pytest.approx((8 / 64, 16 / 64, 24 / 64, 48 / 64))


@pytest.mark.parametrize(("colour", "label"), [((255, 0, 0), "red"), ((0, 255, 0), "green")])
def test_the_network_gets_red_first_from_0_to_1(
    colour: tuple[int, int, int], label: str, tmp_path: Path
) -> None:
    yolo = Yolo(seeing_model(tmp_path / "m.onnx"))
    (found,) = yolo.detect(np.full((SIDE, SIDE, 3), colour, np.uint8))
    assert (found.label, found.score) == (label, pytest.approx(1.0, abs=1e-3))
    assert (found.left, found.top, found.right, found.bottom) == pytest.approx((0.25, 0.25, 0.75, 0.75))


def test_letterbox_is_grey_around_the_picture() -> None:
    whole, left, top = letterbox(np.full((2, 4, 3), 7, np.uint8), 8, 8)
    assert (left, top) == (2, 3)
    assert (whole[3:5, 2:6] == 7).all()
    whole[3:5, 2:6] = 114
    assert (whole == 114).all()


def test_a_model_of_half_precision_and_of_any_size(tmp_path: Path) -> None:
    output = OUTPUTS[Layout.CHANNELS_FIRST]
    half = Yolo(constant_model(tmp_path / "h.onnx", output, metadata=NAMES, kind=TensorProto.FLOAT16))
    assert [b.label for b in half.detect(np.zeros((64, 64, 3), np.uint8))] == ["cat", "person", "dog"]
    sizes = {"imgsz": "[64, 96]", **NAMES}
    free = Yolo(constant_model(tmp_path / "f.onnx", output, shape=("n", 3, "h", "w"), metadata=sizes))
    assert free.fit(9600, 6400) == (96, 64)
    assert free.fit(1, 5000) == (1, 64)  # never nothing


def test_without_names_classes_are_numbers(tmp_path: Path) -> None:
    yolo = Yolo(constant_model(tmp_path / "m.onnx", OUTPUTS[Layout.CHANNELS_FIRST]))
    assert [b.label for b in yolo.detect(np.zeros((64, 64, 3), np.uint8))] == [
        "class 1",
        "class 0",
        "class 2",
    ]


def test_names_are_clean_lines_and_gaps_are_numbers() -> None:
    hostile = {0: "a\x1b]0;x\x07b\n[bold]", 2: "y" * 100}
    assert names_of({"names": repr(hostile)}) == ["ab [bold]", "class 1", "y" * 39 + "…"]
    assert names_of({"names": "['a', 'b']"}) == ["a", "b"]
    assert names_of({}) is None
    for bad in ("{0: 'a'", "3", "{'x': 1}", "{-1: 'a'}", "{999999999: 'a'}", "__import__('os')", "[" * 3000):
        with pytest.raises(Unusable, match="names"):
            names_of({"names": bad})


@pytest.mark.parametrize(
    ("shape", "classes", "side", "layout", "count"),
    [
        ((1, 84, 8400), None, 640, Layout.CHANNELS_FIRST, 80),
        ((1, 84, 8400), 80, 640, Layout.CHANNELS_FIRST, 80),
        ((1, 116, 8400), 80, 640, Layout.CHANNELS_FIRST, 80),  # with 32 coefficients of a mask
        ((1, 6, 8400), 2, 640, Layout.CHANNELS_FIRST, 2),
        ((1, 5, 8400), 1, 640, Layout.CHANNELS_FIRST, 1),
        ((1, 8400, 84), 80, 640, Layout.CHANNELS_LAST, 80),
        ((1, 8400, 6), 2, 640, Layout.CHANNELS_LAST, 2),
        ((1, 25200, 85), None, 640, Layout.OBJECTNESS, 80),
        ((1, 25200, 6), 1, 640, Layout.OBJECTNESS, 1),  # one class: the same width as "end to end"
        ((1, 25200, 6), None, 640, Layout.OBJECTNESS, 1),
        ((1, 6300, 85), 80, 320, Layout.OBJECTNESS, 80),
        ((1, 300, 6), 80, 640, Layout.FINAL, 80),
        ((1, 300, 6), 2, 640, Layout.FINAL, 2),  # as wide as "v8 transposed" of two classes
        ((1, 100, 6), None, 640, Layout.FINAL, 10_000),
    ],
)
def test_layouts_are_told_apart(
    shape: tuple[int, ...], classes: int | None, side: int, layout: Layout, count: int
) -> None:
    assert layout_of(shape, classes, side, side) == (layout, count)


def test_metadata_decides_where_a_shape_has_two_readings(tmp_path: Path) -> None:
    assert layout_of((1, 84, 6), 2, 64, 64) == (Layout.CHANNELS_LAST, 2)
    assert layout_of((1, 84, 6), 2, 64, 64, final=True) == (Layout.FINAL, 2)
    output = rows(Layout.FINAL, CELLS)[None]
    yolo = Yolo(constant_model(tmp_path / "m.onnx", output, metadata={"end2end": "True", **NAMES}))
    assert [b.label for b in yolo.detect(np.zeros((64, 64, 3), np.uint8))] == ["cat", "person", "dog"]


@pytest.mark.parametrize(
    ("shape", "classes"),
    [
        ((1, 1000), None),
        ((2, 84, 8400), None),
        ((1, 3, 80, 80, 85), None),
        ((1, 84, 8400), 100),
        ((1, 8400, 85), None),  # YOLOX as exported by default: offsets in a grid, not boxes
        ((1, 4, 8400), None),
        ((1, 0, 0), None),
    ],
)
def test_outputs_that_are_none_of_them_are_refused(shape: tuple[int, ...], classes: int | None) -> None:
    with pytest.raises(Unusable, match="its output is"):
        layout_of(shape, classes, 640, 640)


def refused(path: Path) -> str:
    with pytest.raises(Unusable) as caught:
        Yolo(path)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 400
    return text


def test_files_that_are_no_model_are_refused_in_one_line(tmp_path: Path) -> None:
    good = OUTPUTS[Layout.CHANNELS_FIRST]
    missing = tmp_path / "missing.onnx"
    assert refused(missing) == "missing.onnx: No such file or directory"
    assert "is not a file" in refused(tmp_path)
    (empty := tmp_path / "empty.onnx").touch()
    assert "0 bytes can't be a model" in refused(empty)
    with (huge := tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert "(limit 512 MB)" in refused(huge)
    (junk := tmp_path / "junk.onnx").write_bytes(b"\x1b]0;no model\x07" * 100)
    assert "junk.onnx is no ONNX model that can be run" in refused(junk)
    whole = constant_model(tmp_path / "cut.onnx", good).read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    assert "cut.onnx is no ONNX model" in refused(tmp_path / "cut.onnx")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"shape": (1, 1, 64, 64)}, "its input is 1x1x64x64"),
        ({"shape": (1, 3, 64)}, "its input is 1x3x64"),
        ({"shape": (4, 3, 64, 64)}, "it takes 4 pictures at a time"),
        ({"shape": (1, 3, 16, 16)}, "its pictures are 16x16"),
        ({"shape": (1, 3, 64, LARGEST + 32)}, "from 32 to 2048"),
        (
            {"shape": (1, 3, "h", "w"), "metadata": {"imgsz": "[99999999, 64]"}},
            "its pictures are 64x99999999",
        ),
        ({"kind": TensorProto.DOUBLE}, r"its input is tensor\(double\)"),
        ({"metadata": {"task": "classify"}}, "its task is classify, not detection"),
        ({"metadata": {"task": "obb"}}, "its task is obb"),
        ({"metadata": {"names": "{0: open('/etc/passwd')}"}}, "'names' can't be read"),
        ({"metadata": {"names": repr(dict.fromkeys(range(80), "x"))}}, "with 80 classes"),
    ],
)
def test_models_of_another_kind_are_refused(how: dict[str, object], says: str, tmp_path: Path) -> None:
    path = constant_model(tmp_path / "other.onnx", OUTPUTS[Layout.CHANNELS_FIRST], **how)  # type: ignore[arg-type]
    with pytest.raises(Unusable, match=f"^other.onnx.*{says}"):
        Yolo(path)


def test_a_model_can_not_have_other_files_read(tmp_path: Path) -> None:
    import onnx

    (secret := tmp_path / "secret.bin").write_bytes(np.ones(6 * CELLS, np.float32).tobytes())
    path = constant_model(tmp_path / "m.onnx", np.ones((1, 6, CELLS), np.float32))
    model = onnx.load(str(path))
    answer = model.graph.initializer[0]
    answer.ClearField("raw_data")
    answer.data_location = TensorProto.EXTERNAL
    answer.external_data.add(key="location", value=secret.name)
    path.write_bytes(model.SerializeToString())
    assert "is no ONNX model that can be run" in refused(path)


def test_answers_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    wild = np.full((1, 7, CELLS), np.nan, np.float32)
    wild[0, 4:, 0] = np.inf
    wild[0, :4, 1] = np.inf
    wild[0, 4:, 1] = 0.9
    yolo = Yolo(constant_model(tmp_path / "m.onnx", wild, metadata=NAMES))
    assert yolo.detect(np.zeros((64, 64, 3), np.uint8)) == ()


def test_an_answer_that_changes_its_shape_is_a_failure_not_a_crash(tmp_path: Path) -> None:
    nodes = [helper.make_node("NonZero", ["images"], ["many"])]  # as wide as the picture has light
    graph = helper.make_graph(
        nodes,
        "odd",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("many", TensorProto.INT64, [4, "n"])],
    )
    import onnx

    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
        str(tmp_path / "o"),
    )
    assert "its output is no array of numbers" in refused(tmp_path / "o")
