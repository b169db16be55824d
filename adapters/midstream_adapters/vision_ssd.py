"""The detector in the box: SSDLite-MobileNetV2 for COCO's 80 classes (see ``ssdlite/ORIGIN.md``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .events import Box
from .levels import Picture
from .vision_boxes import told
from .vision_onnx import open_session

MODEL = Path(__file__).parent / "ssdlite" / "ssdlite_mobilenet_v2_coco.onnx"
SIZE = 300
LEAST_SCORE = 0.5
MOST_IOU = 0.5  # both as TensorFlow.js' coco-ssd has them

# COCO's categories 1 to 90; ten of them were never used.
_NAMES = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,,backpack,umbrella,,,handbag,tie,suitcase,frisbee,"
    "skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,,wine glass,"
    "cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,,dining table,,,toilet,,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"
    "refrigerator,,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
)
NAMES = tuple(_NAMES.split(","))


class SsdLite:
    """Looks at pictures of 300 by 300, whatever shape they had, as it was trained. Blocks; several threads may call.

    Raises:
        Unusable: the extra `vision` is not installed.
    """

    name = "SSDLite-MobileNetV2 (COCO)"

    def __init__(self, least: float = LEAST_SCORE) -> None:
        self._session = open_session(MODEL)
        self._least = least

    def fit(self, width: int, height: int) -> tuple[int, int]:
        return SIZE, SIZE

    def detect(self, picture: Picture) -> tuple[Box, ...]:
        boxes, scores = self._session.run(["boxes", "scores"], {"picture": picture[None]})
        best = scores.argmax(axis=1)
        sure = scores.max(axis=1)
        edges = boxes[:, [1, 0, 3, 2]]
        return told(edges, sure, best.astype(np.intp), NAMES, least=self._least, most_iou=MOST_IOU)
