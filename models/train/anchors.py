"""Anchor boxes of the detector and how true boxes are told relative to them.

The scheme is that of SSD (Liu et al., "SSD: Single Shot MultiBox Detector",
2016). Anchors are float32 (P, 4) rows of centre x, centre y, width, height in
pixels of the network's input; true boxes are x0, y0, x1, y1 in the same unit.
"""

import numpy as np

VARIANCES = np.array([0.1, 0.1, 0.2, 0.2], np.float32)

# Stride of the cells -> heights of the digits looked for there, in pixels.
_HEIGHTS = {8: (26, 36), 16: (50, 68)}
_WIDTH_PER_HEIGHT = 0.64  # About the median of the digits.
_MATCH_IOU = 0.5


def make(size):
  """Anchors of an input of (height, width): by stride, row, column, height."""
  return np.concatenate([
      np.array([
          (stride * (column + 0.5), stride * (row + 0.5),
           _WIDTH_PER_HEIGHT * height, height)
          for row in range(size[0] // stride)
          for column in range(size[1] // stride)
          for height in heights
      ], np.float32) for stride, heights in _HEIGHTS.items()
  ])


def corners(anchors):
  """Centre form to x0, y0, x1, y1."""
  centre, extent = anchors[:, :2], anchors[:, 2:]
  return np.hstack([centre - extent / 2, centre + extent / 2])


def iou(a, b):
  """Intersection over union of every box in `a` with every one in `b`."""
  low = np.maximum(a[:, None, :2], b[None, :, :2])
  high = np.minimum(a[:, None, 2:], b[None, :, 2:])
  common = np.clip(high - low, 0, None).prod(-1)
  area_a = (a[:, 2:] - a[:, :2]).prod(-1)
  area_b = (b[:, 2:] - b[:, :2]).prod(-1)
  return common / (area_a[:, None] + area_b[None] - common)


def match(anchors, boxes, classes):
  """Training targets: class (P,), 0 for background, and box offsets (P, 4).

  An anchor takes the box it overlaps most, given IoU of one half at least;
  besides, each box takes the anchor that overlaps it most, whatever the IoU.
  """
  if not len(boxes):
    return np.zeros(len(anchors), int), np.zeros((len(anchors), 4), np.float32)
  overlap = iou(corners(anchors), boxes)
  owner, best = overlap.argmax(1), overlap.max(1)
  favourite = overlap.argmax(0)
  owner[favourite] = np.arange(len(boxes))
  best[favourite] = 1

  box = boxes[owner]
  centre, extent = (box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]
  offsets = np.hstack([
      (centre - anchors[:, :2]) / anchors[:, 2:],
      np.log(extent / anchors[:, 2:]),
  ]) / VARIANCES
  return np.where(best >= _MATCH_IOU, classes[owner], 0), offsets
