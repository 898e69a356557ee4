"""Scenes: coloured digits stamped on procedural backgrounds, with the truth.

All images are uint8 (H, W, 3) in BGR order, as OpenCV keeps them.
"""

import dataclasses

import cv2
import numpy as np

import network
from digits import Digits, bounds, stamp

BACKGROUND = 0  # Class of everything that is no digit; digit d is class d + 1.
_GAP = 0.06  # Least distance between digits, as a share of the scene's height.


@dataclasses.dataclass(frozen=True)
class Scene:
  """An image and what it shows.

  mask: uint8 (H, W) of classes 0..10; boxes: float32 (N, 4), x0 y0 x1 y1 in
  pixels, upper bounds exclusive; classes: int (N,) in 1..10.
  """

  image: np.ndarray
  mask: np.ndarray
  boxes: np.ndarray
  classes: np.ndarray


def compose(rng: np.random.Generator, digits: Digits, width: int, height: int,
            count: int, sizes: tuple[float, float], pattern=None,
            grain: float = 8) -> Scene:
  """Places up to `count` digits that do not touch; `sizes` bounds their pixels.

  Digits are light on a dark background or the other way round, so that each
  one can be told from its surroundings by brightness alone. `pattern` is one of
  PATTERNS, else any; `grain` bounds the noise, in grey levels.
  """
  bands = [(15, 105), (150, 245)]
  paper, ink = bands if rng.random() < 0.5 else bands[::-1]
  image = _background(rng, width, height, paper, pattern)
  mask = np.zeros((height, width), np.uint8)
  boxes, classes = [], []
  for _ in range(count):
    which = rng.integers(len(digits.labels))
    # Small and large sizes should be equally common relative to themselves.
    size = np.exp(rng.uniform(*np.log(sizes)))
    opacity = stamp(rng, digits.images[which], round(size))
    corner = _free_corner(rng, opacity.shape, mask)
    if corner is None:
      continue
    y, x = corner
    h, w = opacity.shape
    target = image[y:y + h, x:x + w]
    target += opacity[..., None] * (_colour(rng, *ink) - target)
    opaque = opacity >= 0.5
    mask[y:y + h, x:x + w][opaque] = digits.labels[which] + 1
    boxes.append(bounds(opaque) + (x, y, x, y))
    classes.append(digits.labels[which] + 1)
  noise = rng.standard_normal(image.shape, np.float32)
  image += rng.uniform(0, grain) * noise
  return Scene(
      np.clip(np.rint(image), 0, 255).astype(np.uint8),
      mask,
      np.array(boxes, np.float32).reshape(-1, 4),
      np.array(classes, int),
  )


def shrink_mask(mask: np.ndarray, factor: int) -> np.ndarray:
  """Reduces a mask: a digit owns the cells of which it covers at least half."""
  h, w = mask.shape
  cells = mask.reshape(h // factor, factor, w // factor, factor)
  covered = (cells != BACKGROUND).mean(axis=(1, 3)) >= 0.5
  # Digits keep their distance, so a cell never holds two different ones.
  return np.where(covered, cells.max(axis=(1, 3)), BACKGROUND)


def _free_corner(rng, shape, mask):
  """Finds a top-left corner (y, x) that keeps clear of earlier digits."""
  room = np.array(mask.shape) - shape
  gap = round(_GAP * mask.shape[0])
  if (room < 0).any():
    return None
  for _ in range(30):
    y, x = rng.integers(room + 1)
    around = mask[max(0, y - gap):y + shape[0] + gap,
                  max(0, x - gap):x + shape[1] + gap]
    if not around.any():
      return y, x
  return None


def _colour(rng, low, high):
  """Draws a BGR colour whose brightness lies within low..high."""
  while True:
    colour = rng.uniform(0, 255, 3)
    if low <= colour @ network.LUMA <= high:
      return colour.astype(np.float32)


def _background(rng, width, height, band, pattern):
  """Mixes two colours by a pattern; float32 (H, W, 3)."""
  pattern = pattern or rng.choice(PATTERNS)
  blend = pattern(rng, width, height).astype(np.float32)[..., None]
  first, second = _colour(rng, *band), _colour(rng, *band)
  return first + blend * (second - first)


def _ramp(rng, width, height):
  """A plane along a random direction, in units of the scene's height."""
  angle = rng.uniform(0, 2 * np.pi)
  y, x = np.mgrid[:height, :width] / height
  return x * np.cos(angle) + y * np.sin(angle)


def gradient(rng, width, height):
  ramp = _ramp(rng, width, height)
  return (ramp - ramp.min()) / np.ptp(ramp)


def clouds(rng, width, height):
  blend = np.zeros((height, width), np.float32)
  for cells, weight in ((3, 0.55), (7, 0.3), (20, 0.15)):
    noise = rng.uniform(0, 1, (cells, cells)).astype(np.float32)
    blend += weight * cv2.resize(
        noise, (width, height), interpolation=cv2.INTER_CUBIC)
  return np.clip(blend, 0, 1)


def stripes(rng, width, height):
  waves = _ramp(rng, width, height) * rng.uniform(2, 12)
  return 0.5 + 0.5 * np.tanh(3 * np.sin(2 * np.pi * waves))


def checks(rng, width, height):
  side = max(3, round(height * rng.uniform(0.05, 0.2)))
  y, x = np.mgrid[:height, :width] // side
  return (x + y) % 2


PATTERNS = (gradient, clouds, stripes, checks)
