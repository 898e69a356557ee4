"""Trains classifier, detector and segmenter; writes their weights.

Detector and segmenter learn together, on one trunk: each task helps the other,
and one run costs half of two. Writes NAME.npz with arrays 'layer/weight' and
'layer/bias' to the folder given.
"""

import itertools
import pathlib
import sys
import time

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import optax

import anchors
import digits
import jax_ops
import network
import scenes

# Scenes to learn from are small and crowded, which is cheaper than sparse ones
# of full size; being fully convolutional, the network does not mind.
_CROP_SIZE = (128, 160)
_CROP_DIGITS = 4
SCENE_DIGIT_SIZES = (22, 72)  # Pixels in scenes of the crop's scale.
CLASSIFIER_DIGIT_SIZES = (38, 62)

_SINGLES_PER_BATCH = 64
_SCENES_PER_BATCH = 16
_MASK_WEIGHT = 3  # Makes both losses alike in size.
_MOMENT_BATCHES = 24


def classifier_batches(source, seed):
  """Yields (images, labels 0..9) without end."""
  rng = np.random.default_rng(seed)
  height, width = network.CLASSIFIER_SIZE
  while True:
    batch = []
    while len(batch) < _SINGLES_PER_BATCH:
      scene = scenes.compose(
          rng, source, width, height, 1, CLASSIFIER_DIGIT_SIZES)
      if len(scene.classes):  # A broad digit may not have fitted.
        batch.append((scene.image, scene.classes[0] - 1))
    images, labels = zip(*batch)
    yield np.stack(images), np.array(labels)


def scene_batches(source, seed, size):
  """Yields (images, mask classes, anchor classes, anchor offsets)."""
  rng = np.random.default_rng(seed)
  height, width = size
  priors = anchors.make(size)
  while True:
    batch = []
    for _ in range(_SCENES_PER_BATCH):
      scene = scenes.compose(
          rng, source, width, height, _CROP_DIGITS, SCENE_DIGIT_SIZES)
      batch.append((
          scene.image,
          scenes.shrink_mask(scene.mask, network.MASK_STRIDE),
          *anchors.match(priors, scene.boxes, scene.classes),
      ))
    yield tuple(np.stack(part) for part in zip(*batch))


def run_classifier(ops, images):
  return network.classifier(ops, images)[:, 0, 0]


def run_scenes(ops, images):
  """Returns mask scores, anchor class scores, anchor offsets."""
  features = network.trunk(ops, images)
  scores, offsets = network.detector(ops, features)
  return (network.segmenter(ops, features), jnp.concatenate(scores, 1),
          jnp.concatenate(offsets, 1))


def classifier_loss(scores, labels):
  return _cross_entropy(scores, labels).mean()


def scene_loss(outputs, mask, classes, offsets):
  """Cross entropy of the mask plus the loss of SSD, equations 1 to 3 there.

  Both are sums over all cells or anchors per cell or anchor that has a digit,
  lest the much larger background hides the digits.
  """
  mask_scores, class_scores, box_offsets = outputs
  mask_loss = _cross_entropy(mask_scores, mask).sum() / jnp.maximum(
      (mask != scenes.BACKGROUND).sum(), 1)

  positive = classes > 0
  count = jnp.maximum(positive.sum(), 1)
  class_loss = _cross_entropy(class_scores, classes)
  # Nearly all anchors are background: only the worst three per digit count.
  negative_loss = jnp.where(positive, 0, class_loss).ravel()
  rank = jnp.argsort(jnp.argsort(-negative_loss))
  chosen = positive | (rank < 3 * count).reshape(positive.shape)
  box_loss = optax.huber_loss(box_offsets, offsets).sum(-1)
  anchor_loss = jnp.where(chosen, class_loss, 0) + jnp.where(
      positive, box_loss, 0)
  return _MASK_WEIGHT * mask_loss + anchor_loss.sum() / count


def fit(name, run, loss, batches, steps, full_size_batches):
  """Trains and returns folded parameters, for full_size_batches' input."""
  params = _initialise(run, next(batches)[0])
  rate = optax.warmup_cosine_decay_schedule(0, 4e-3, steps // 20, steps)
  optimiser = optax.adamw(rate, weight_decay=1e-3)
  state = optimiser.init(params)

  @jax.jit
  def step(params, state, images, *truth):
    def cost(params):
      return loss(run(jax_ops.Trainee(params), images), *truth)

    value, gradient = jax.value_and_grad(cost)(params)
    change, state = optimiser.update(gradient, state, params)
    return optax.apply_updates(params, change), state, value

  # JAX computes in the background: the next batch is rendered meanwhile.
  for number, batch in zip(range(1, steps + 1), batches):
    params, state, value = step(params, state, *_as_float(batch))
    if number % 100 == 0:
      print(f'{name}: step {number}/{steps}, loss {value:.3f}', flush=True)
  return jax_ops.fold(params, _moments(run, params, full_size_batches))


def save(path, params):
  np.savez(path, **{
      f'{layer}/{part}': array
      for layer, parts in params.items() for part, array in parts.items()
  })


def load(path):
  params = {}
  for key, array in np.load(path).items():
    layer, part = key.split('/')
    params.setdefault(layer, {})[part] = array
  return params


def _initialise(run, images):
  ops = jax_ops.Initialiser(seed=1)
  run(ops, images[:1].astype(np.float32))
  return ops.params


def _moments(run, params, batches):
  """Averages the batch moments under the final weights.

  "Precise" statistics (Wu and Johnson, 2021): no running averages to carry, and
  taken at the input size of later use.
  """
  @jax.jit
  def measure(images):
    ops = jax_ops.Trainee(params)
    run(ops, images)
    return ops.moments

  measured = [
      measure(_as_float(batch)[0])
      for batch in itertools.islice(batches, _MOMENT_BATCHES)
  ]
  return jax.tree.map(lambda *values: np.mean(values, 0), *measured)


def _as_float(batch):
  return (batch[0].astype(np.float32), *batch[1:])


def _cross_entropy(scores, labels):
  return optax.softmax_cross_entropy_with_integer_labels(scores, labels)


def main(folder: pathlib.Path):
  cv2.setNumThreads(1)  # Rendering shall not compete with training.
  source, _ = digits.load_split()
  start = time.monotonic()
  save(folder / 'classifier.npz', fit(
      'classifier', run_classifier, classifier_loss,
      classifier_batches(source, 1), 1500, classifier_batches(source, 2)))
  save(folder / 'scenes.npz', fit(
      'scenes', run_scenes, scene_loss,
      scene_batches(source, 3, _CROP_SIZE), 3000,
      scene_batches(source, 4, network.SCENE_SIZE)))
  print(f'trained in {(time.monotonic() - start) / 60:.1f} minutes')


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
