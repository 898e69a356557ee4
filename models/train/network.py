"""The architectures, written once and run by two interpreters.

Each function receives `ops`, the interpreter: jax_ops trains and checks,
ir_ops builds the OpenVINO graph. Either offers

  grey(image)                     BGR pixels 0..255 to brightness -1..1
  block(name, x, channels, stride=1)  3x3 convolution, batch norm, ReLU
  score(name, x, channels, kernel)    plain convolution without padding
  upsample(x)                     every pixel becomes 2x2 equal ones
  concat(x, y)                    joins channels
  rows(x, width)                  (B, anything, width), cell by cell

and keeps the order of axes to itself.
"""

LUMA = (0.114, 0.587, 0.299)  # Share of blue, green, red in the brightness.

DIGITS = 10
CLASSES = DIGITS + 1  # Class 0 is the background.

CLASSIFIER_SIZE = (64, 64)  # Height, width of the input in pixels.
SCENE_SIZE = (192, 256)
MASK_STRIDE = 2  # Input pixels per mask cell.
ANCHORS_PER_CELL = 2


def classifier(ops, image):
  """Scores of the ten digits; 64x64 pixels come out as one 1x1 cell."""
  x = ops.grey(image)
  x = ops.block('stem', x, 16, stride=2)
  x = ops.block('quarter', x, 32, stride=2)
  x = ops.block('eighth', x, 48, stride=2)
  x = ops.block('eighth_more', x, 48)
  x = ops.block('sixteenth', x, 64, stride=2)
  x = ops.block('sixteenth_more', x, 64)
  return ops.score('digit', x, DIGITS, kernel=4)


def trunk(ops, image):
  """Features shared by detector and segmenter, at strides 2, 4, 8 and 16.

  The way down sees wide, the way up (stride 8 only) adds that context to finer
  cells, as in U-Net (Ronneberger et al., 2015) and FPN (Lin et al., 2017).
  """
  x = ops.grey(image)
  x2 = ops.block('stem', x, 16, stride=2)
  x4 = ops.block('down4', x2, 32, stride=2)
  x4 = ops.block('down4_more', x4, 32)
  x8 = ops.block('down8', x4, 40, stride=2)
  x8 = ops.block('down8_more', x8, 40)
  x16 = ops.block('down16', x8, 56, stride=2)
  x16 = ops.block('down16_more', x16, 56)
  x8 = ops.block('up8', ops.concat(x8, ops.upsample(x16)), 40)
  return x2, x4, x8, x16


def detector(ops, features):
  """Per anchor: class scores (B, P, 11) and box offsets (B, P, 4).

  Two heads with two anchors a cell, as in SSD (Liu et al., 2016). The order of
  the anchors is that of anchors.py: stride 8 before 16, then row, column, size.
  """
  _, _, x8, x16 = features
  scores, offsets = [], []
  for name, x in (('detect8', x8), ('detect16', x16)):
    x = ops.block(name, x, 40)
    scores.append(ops.rows(
        ops.score(f'{name}_class', x, ANCHORS_PER_CELL * CLASSES, 1), CLASSES))
    offsets.append(ops.rows(
        ops.score(f'{name}_box', x, ANCHORS_PER_CELL * 4, 1), 4))
  return scores, offsets


def segmenter(ops, features):
  """Class scores at half the input's resolution."""
  x2, x4, x8, _ = features
  x = ops.block('mask8', x8, 40)
  x = ops.block('up4', ops.concat(x4, ops.upsample(x)), 32)
  x = ops.block('up2', ops.concat(x2, ops.upsample(x)), 24)
  return ops.score('mask', x, CLASSES, 1)
