"""Runs the architectures of network.py in JAX.

Images and features are float32 (B, H, W, C), weights (kernel, kernel, in, out).
Parameters are a dict of dicts: layer name -> {'weight', 'bias', 'gain'}.
"""

import jax
import jax.numpy as jnp
import numpy as np

import network

_EPSILON = 1e-3


class _Ops:
  """What needs no parameters; see network.py for the contract."""

  def __init__(self, params):
    self.params = params

  def grey(self, image):
    luma = (image * jnp.array(network.LUMA)).sum(-1, keepdims=True)
    return luma / 127.5 - 1

  def upsample(self, x):
    return x.repeat(2, axis=1).repeat(2, axis=2)

  def concat(self, x, y):
    return jnp.concatenate([x, y], axis=-1)

  def rows(self, x, width):
    return x.reshape(x.shape[0], -1, width)

  def score(self, name, x, channels, kernel):
    layer = self._layer(name, x, channels, kernel)
    return _convolve(x, layer['weight'], 1, 0) + layer['bias']

  def _layer(self, name, x, channels, kernel):
    del x, channels, kernel  # Only the Initialiser has to know.
    return self.params[name]


class Trainee(_Ops):
  """Normalises each block by the moments of the batch, and keeps these."""

  def __init__(self, params):
    super().__init__(params)
    self.moments = {}

  def block(self, name, x, channels, stride=1):
    layer = self._layer(name, x, channels, 3)
    x = _convolve(x, layer['weight'], stride, 1)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    self.moments[name] = mean, variance
    x = (x - mean) * jax.lax.rsqrt(variance + _EPSILON)
    return jax.nn.relu(x * layer['gain'] + layer['bias'])


class Initialiser(Trainee):
  """Creates every layer when it is first used (He et al., 2015)."""

  def __init__(self, seed):
    super().__init__({})
    self._rng = np.random.default_rng(seed)

  def _layer(self, name, x, channels, kernel):
    shape = (kernel, kernel, x.shape[-1], channels)
    spread = np.sqrt(2 / np.prod(shape[:3]))
    self.params[name] = {
        'weight': self._rng.normal(0, spread, shape).astype(np.float32),
        'bias': np.zeros(channels, np.float32),
        'gain': np.ones(channels, np.float32),
    }
    return self.params[name]


class Folded(_Ops):
  """Runs parameters that fold() has freed from batch normalisation."""

  def block(self, name, x, channels, stride=1):
    layer = self._layer(name, x, channels, 3)
    x = _convolve(x, layer['weight'], stride, 1) + layer['bias']
    return jax.nn.relu(x)


def fold(params, moments):
  """Merges normalisation into weight and bias; returns NumPy arrays."""
  folded = {}
  for name, layer in params.items():
    weight, bias = layer['weight'], layer['bias']
    if name in moments:
      mean, variance = moments[name]
      gain = layer['gain'] / np.sqrt(variance + _EPSILON)
      weight, bias = weight * gain, bias - mean * gain
    folded[name] = {'weight': np.asarray(weight), 'bias': np.asarray(bias)}
  return folded


def _convolve(x, weight, stride, padding):
  return jax.lax.conv_general_dilated(
      x, weight, (stride, stride), [(padding, padding)] * 2,
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'))
