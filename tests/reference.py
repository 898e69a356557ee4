"""An independent computation of every answer: OpenVINO's Python API, OpenCV and numpy, at f32.

It follows the published behaviour of the original service and shares no code with accelerd.
"""

import dataclasses
import functools

import cv2
import numpy as np
import openvino as ov


@functools.cache
def _core():
    return ov.Core()


@dataclasses.dataclass(frozen=True)
class Card:
    """What a model's TOML would say."""
    rgb: bool = False
    nhwc: bool = False
    mean: float = 0.0
    scale: float = 1.0
    softmax: bool = False
    output_scale: float = 1.0


class Reference:
    """A model, run on the CPU device."""

    def __init__(self, path, card=Card()):
        model = _core().read_model(path)
        model.reshape({model.inputs[0]: ov.PartialShape([1, *list(model.inputs[0].partial_shape)[1:]])})
        self.shape = list(model.inputs[0].shape)
        self.card = card
        self._type = model.inputs[0].element_type.to_dtype()
        self._compiled = _core().compile_model(model, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})

    def preprocess(self, image):
        """A BGR image as the model's first input."""
        height, width = self.shape[1:3] if self.card.nhwc else self.shape[2:4]
        pixels = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        if self.card.rgb:
            pixels = pixels[:, :, ::-1]
        if not self.card.nhwc:
            pixels = pixels.transpose(2, 0, 1)
        if self._type == np.uint8:
            return np.ascontiguousarray(pixels[np.newaxis])
        values = (pixels.astype(np.float32) - np.float32(self.card.mean)) / np.float32(self.card.scale)
        return np.ascontiguousarray(values[np.newaxis])

    def inference(self, image, output=0):
        """The output (index or name) without its batch dimension."""
        return self._compiled([self.preprocess(image)])[output][0].copy()

    def classify(self, image, output=0):
        scores = self.inference(image, output).astype(np.float64) * self.card.output_scale
        if self.card.softmax:
            scores = np.exp(scores - scores.max())
            scores /= scores.sum()
        return classes_of(scores)

    def detect(self, image):
        return boxes_of(self.inference(image)[0], *image.shape[:2])

    def detect_all(self, image, threshold):
        """Every SSD row from that score on, best first, in whole pixels."""
        rows = self.inference(image)[0]
        rows = rows[rows[:, 2] >= np.float32(threshold)]
        return [box_of(row, *image.shape[:2]) for row in rows[np.argsort(-rows[:, 2], kind='stable')]]

    def segment(self, image):
        scores = self.inference(image)
        classes = scores.argmax(axis=0) if scores.ndim == 3 else scores
        rows, cols = image.shape[:2]
        return cv2.resize(classes.astype(np.int32), (cols, rows), interpolation=cv2.INTER_NEAREST)


def classes_of(scores):
    """Every class from a score of 0.01 on, best first."""
    order = np.argsort(-scores, kind='stable')
    return [{'class': int(index), 'score': int(100 * scores[index])} for index in order if scores[index] >= 0.01]


def boxes_of(rows, height, width):
    """The best SSD row of each class over 0.01, in whole pixels."""
    best = {}
    for _, index, score, *_ in sorted(rows.tolist(), key=lambda row: -row[2]):
        best.setdefault(int(index), score)
    boxes = []
    for index, score in best.items():
        if score <= 0.01:
            continue
        boxes.append(box_of(next(row for row in rows if int(row[1]) == index and row[2] == score), height, width))
    return boxes


def box_of(row, height, width):
    """An SSD row in whole pixels of an image of this size."""
    left, top, right, bottom = (int(np.float32(value) * side) for value, side in
                                zip(row[3:], (width, height, width, height)))
    return {'class': int(row[1]), 'score': int(100 * row[2]), 'x': left, 'y': top, 'w': right - left,
            'h': bottom - top}


def assert_same_classes(actual, expected, tolerance=1):
    """Scores may differ by that much, so a class near the threshold may be missing."""
    for item in actual:
        assert set(item) == {'class', 'score'}, item
        assert type(item['class']) is int and type(item['score']) is int, item
    scores = [item['score'] for item in actual]
    assert scores == sorted(scores, reverse=True), 'best first'
    ours, theirs = ({item['class']: item['score'] for item in items} for items in (actual, expected))
    assert len(ours) == len(actual), 'a class twice'
    for index in ours.keys() | theirs.keys():
        assert abs(ours.get(index, 0) - theirs.get(index, 0)) <= tolerance, (index, actual, expected)


def assert_same_boxes(actual, expected):
    """Scores and coordinates may differ by 1."""
    ours, theirs = ({item['class']: item for item in items} for items in (actual, expected))
    assert len(ours) == len(actual), 'a class twice'
    for index in ours.keys() | theirs.keys():
        if index not in ours or index not in theirs:
            assert (ours.get(index) or theirs[index])['score'] <= 1, (actual, expected)
            continue
        assert set(ours[index]) == {'class', 'score', 'x', 'y', 'w', 'h'}, ours[index]
        for field, value in ours[index].items():
            assert type(value) is int, (field, value)
            assert abs(value - theirs[index][field]) <= 1, (field, actual, expected)


def assert_same_mask(actual, expected):
    """An int32 mask; under 0.5 % of the pixels may differ."""
    assert actual.dtype == np.int32 and actual.shape == expected.shape, (actual.dtype, actual.shape, expected.shape)
    assert np.mean(actual != expected) < 0.005


def assert_same_tensor(actual, expected):
    """The same type and shape, and values as close as two orders of summation give."""
    assert actual.dtype == expected.dtype and actual.shape == expected.shape, (actual.dtype, actual.shape)
    if np.issubdtype(expected.dtype, np.floating):
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)
    else:
        assert np.abs(actual.astype(np.int64) - expected.astype(np.int64)).max() <= 1
