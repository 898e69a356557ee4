"""Builds the architectures of network.py as OpenVINO graphs.

Images and features are float32 (B, C, H, W). Parameters are the folded ones of
jax_ops, with weights (kernel, kernel, in, out).
"""

import numpy as np
from openvino import opset13 as op

import network


class IrOps:
  """See network.py for the contract."""

  def __init__(self, params):
    self._params = params

  def grey(self, image):
    share = np.array(network.LUMA, np.float32).reshape(1, 3, 1, 1)
    luma = op.convolution(image, share, [1, 1], [0, 0], [0, 0], [1, 1])
    return op.subtract(
        op.multiply(luma, np.float32(1 / 127.5)), np.float32(1))

  def block(self, name, x, channels, stride=1):
    del channels  # The weights tell.
    return op.relu(self._convolve(name, x, stride, 1))

  def score(self, name, x, channels, kernel):
    del channels, kernel
    return self._convolve(name, x, 1, 0)

  def upsample(self, x):
    return op.interpolate(
        x, np.array([2, 2], np.float32), 'nearest', 'scales',
        coordinate_transformation_mode='asymmetric', nearest_mode='floor',
        axes=np.array([2, 3]))

  def concat(self, x, y):
    return op.concat([x, y], axis=1)

  def rows(self, x, width):
    cell_by_cell = op.transpose(x, np.array([0, 2, 3, 1]))
    return op.reshape(
        cell_by_cell, np.array([0, -1, width]), special_zero=True)

  def _convolve(self, name, x, stride, padding):
    layer = self._params[name]
    weight = layer['weight'].transpose(3, 2, 0, 1)
    x = op.convolution(
        x, np.ascontiguousarray(weight), [stride] * 2, [padding] * 2,
        [padding] * 2, [1, 1], name=name)
    return op.add(x, layer['bias'].reshape(1, -1, 1, 1))
