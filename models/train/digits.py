"""Handwritten digits: one fixed split, and turning an 8x8 digit into a stamp.

The source is scikit-learn's bundled copy of the UCI "Optical Recognition of
Handwritten Digits" set: 1797 grey images of 8x8 pixels.
"""

import dataclasses

import cv2
import numpy as np
from sklearn import datasets, model_selection

SPLIT_SEED = 20
HELD_OUT_SHARE = 0.2

# Ink between these levels fades from transparent to opaque: a crisp edge, yet
# smooth enough that a large digit does not look like a mosaic.
_INK_LOW, _INK_HIGH = 0.3, 0.8


@dataclasses.dataclass(frozen=True)
class Digits:
  """images: float32 (N, 8, 8), ink in 0..1; labels: int (N,), in 0..9."""

  images: np.ndarray
  labels: np.ndarray


def load_split() -> tuple[Digits, Digits]:
  """Returns (training digits, held-out digits), always the same split."""
  data = datasets.load_digits()
  images = (data.images / 16.0).astype(np.float32)
  rows = model_selection.train_test_split(
      np.arange(len(images)),
      test_size=HELD_OUT_SHARE,
      stratify=data.target,
      random_state=SPLIT_SEED,
  )
  return tuple(Digits(images[r], data.target[r]) for r in rows)


def stamp(rng: np.random.Generator, digit: np.ndarray, size: int) -> np.ndarray:
  """Draws an 8x8 digit about `size` pixels tall, a bit slanted and stretched.

  Returns its opacity, float32 (h, w) in 0..1, without empty margins.
  """
  angle = np.deg2rad(rng.uniform(-12, 12))
  slant = rng.uniform(-0.15, 0.15)
  stretch = rng.uniform(0.85, 1.15)
  turn = np.array([
      [np.cos(angle), -np.sin(angle)],
      [np.sin(angle), np.cos(angle)],
  ])
  shape = turn @ np.array([[stretch, slant], [0, 1]]) * (size / 8)

  side = 2 * size  # Room for the turned corners; cropped below.
  move = np.full(2, side / 2) - shape @ np.full(2, 3.5)
  transform = np.column_stack([shape, move])
  ink = cv2.warpAffine(digit, transform, (side, side), flags=cv2.INTER_CUBIC)
  opacity = np.clip((ink - _INK_LOW) / (_INK_HIGH - _INK_LOW), 0, 1)
  x0, y0, x1, y1 = bounds(opacity > 0)
  return opacity[y0:y1, x0:x1]


def bounds(mask: np.ndarray) -> np.ndarray:
  """The box x0, y0, x1, y1 around all true pixels, upper bounds exclusive."""
  rows = np.flatnonzero(mask.any(axis=1))
  columns = np.flatnonzero(mask.any(axis=0))
  return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
