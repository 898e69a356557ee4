"""Runs an exported model on an image the way an application would."""

import pathlib

import cv2
import numpy as np
import openvino as ov


class Predictor:
  """One model on the CPU, in full float32, on one thread."""

  def __init__(self, path: pathlib.Path):
    self._model = ov.compile_model(path, 'CPU', {
        'INFERENCE_PRECISION_HINT': 'f32',
        'INFERENCE_NUM_THREADS': 1,
    })
    self._height, self._width = self._model.input('image').shape[2:]

  def __call__(self, image: np.ndarray) -> np.ndarray:
    """Stretches a uint8 BGR image to the input; returns the output as it is."""
    return self.infer(self.prepare(image))

  def prepare(self, image):
    image = cv2.resize(image, (self._width, self._height))
    return image.transpose(2, 0, 1)[None].astype(np.float32)

  def infer(self, tensor):
    return self._model(tensor)[0]


def detections(output: np.ndarray, width: int, height: int):
  """SSD rows (1, 1, N, 7) to (classes, scores, boxes in pixels)."""
  rows = output[0, 0]
  ends = np.flatnonzero(rows[:, 0] < 0)
  rows = rows[:ends[0]] if len(ends) else rows
  return (rows[:, 1].astype(int), rows[:, 2],
          rows[:, 3:] * (width, height, width, height))
