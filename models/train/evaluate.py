"""Measures the exported models on held-out digits; updates the report.

Everything goes through OpenVINO on the CPU at f32. The table between the two
markers of README.md is replaced by the numbers found.
"""

import pathlib
import sys
import time

import cv2
import numpy as np

import anchors
import digits
import network
import predictor
import scenes

SCENE_WIDTH, SCENE_HEIGHT = 640, 480
SCENE_DIGIT_SIZES = (56, 180)  # Pixels.
SINGLE_SIDE = 160  # Pixels of a picture of one digit, both ways.
SINGLE_DIGIT_SIZES = (100, 150)

_SCENES = 300
_RENDERINGS = 5  # Pictures of each held-out digit for the classifier.
_BEGIN, _END = '<!-- measured: begin -->\n', '<!-- measured: end -->\n'


def held_out_scenes(seed, number):
  rng = np.random.default_rng(seed)
  _, held_out = digits.load_split()
  for _ in range(number):
    yield scenes.compose(rng, held_out, SCENE_WIDTH, SCENE_HEIGHT,
                         rng.integers(1, 9), SCENE_DIGIT_SIZES)


def accuracy(classifier, seed=100):
  """Share of right answers over several renderings of each held-out digit."""
  rng = np.random.default_rng(seed)
  _, held_out = digits.load_split()
  right = []
  for index in np.repeat(np.arange(len(held_out.labels)), _RENDERINGS):
    one = digits.Digits(held_out.images[[index]], held_out.labels[[index]])
    scene = scenes.compose(
        rng, one, SINGLE_SIDE, SINGLE_SIDE, 1, SINGLE_DIGIT_SIZES)
    right.append(classifier(scene.image).argmax() == one.labels[0])
  return np.mean(right)


def mean_average_precision(detector, seed=200, least_iou=0.5):
  """mAP over the ten digits, area under the whole curve as in VOC 2010."""
  hits = {c: [] for c in range(1, network.CLASSES)}  # (score, is right)
  truths = dict.fromkeys(hits, 0)
  for scene in held_out_scenes(seed, _SCENES):
    found = predictor.detections(
        detector(scene.image), SCENE_WIDTH, SCENE_HEIGHT)
    for c in scene.classes:
      truths[c] += 1
    for c, score, right in judge(scene, *found, least_iou):
      hits[c].append((score, right))
  return np.mean([_average_precision(hits[c], truths[c]) for c in hits])


def judge(scene, classes, scores, boxes, least_iou=0.5):
  """Yields (class, score, is right); a true box makes one detection right."""
  free = np.ones(len(scene.classes), bool)
  for i in np.argsort(-scores, kind='stable'):
    overlap = anchors.iou(boxes[[i]], scene.boxes)[0]
    overlap[~free | (scene.classes != classes[i])] = 0
    right = len(overlap) > 0 and overlap.max() >= least_iou
    if right:
      free[overlap.argmax()] = False
    yield classes[i], scores[i], right


def mean_iou(segmenter, seed=300):
  """Mean over the eleven classes: at the output's resolution, at the scene's.

  For the latter the scores are stretched bilinearly before the argmax.
  """
  coarse = np.zeros((network.CLASSES,) * 2)
  fine = np.zeros_like(coarse)
  for scene in held_out_scenes(seed, _SCENES):
    scores = segmenter(scene.image)[0]
    truth = scenes.shrink_mask(scene.mask, SCENE_HEIGHT // scores.shape[1])
    np.add.at(coarse, (truth, scores.argmax(0)), 1)
    stretched = cv2.resize(
        scores.transpose(1, 2, 0), (SCENE_WIDTH, SCENE_HEIGHT))
    np.add.at(fine, (scene.mask, stretched.argmax(2)), 1)
  return _mean_iou(coarse), _mean_iou(fine)


def latency(model, runs=200):
  """Median milliseconds of one inference, without reading or resizing."""
  scene = next(held_out_scenes(400, 1))
  tensor = model.prepare(scene.image)
  times = []
  for _ in range(runs):
    start = time.perf_counter()
    model.infer(tensor)
    times.append(time.perf_counter() - start)
  return 1e3 * np.median(times)


def _average_precision(hits, truths):
  right = np.array([r for _, r in sorted(hits, key=lambda hit: -hit[0])], bool)
  recall = np.cumsum(right) / truths
  precision = np.cumsum(right) / np.arange(1, len(right) + 1)
  # The best precision at this recall or beyond.
  envelope = np.maximum.accumulate(precision[::-1])[::-1]
  return np.sum(np.diff(recall, prepend=0) * envelope)


def _mean_iou(confusion):
  common = np.diag(confusion)
  union = confusion.sum(0) + confusion.sum(1) - common
  return np.mean(common / union)


def table(folder):
  names = ('digit_classifier', 'digit_detector', 'digit_segmenter')
  models = [predictor.Predictor(folder / f'{name}.xml') for name in names]
  coarse, fine = mean_iou(models[2])
  results = (
      f'accuracy {100 * accuracy(models[0]):.1f} %',
      f'mAP50 {mean_average_precision(models[1]):.3f}',
      f'mean IoU {coarse:.3f} at 128x96 (as is), {fine:.3f} at 640x480',
  )
  rows = ['| Model | On held-out digits | Inference, one thread | Weights |',
          '|---|---|---|---|']
  for name, model, result in zip(names, models, results):
    size = (folder / f'{name}.bin').stat().st_size / 1024
    rows.append(
        f'| `{name}` | {result} | {latency(model):.1f} ms | {size:.0f} KiB |')
  return '\n'.join(rows) + '\n'


def main(folder: pathlib.Path):
  measured = table(folder)
  print(measured)
  report = folder / 'README.md'
  head, rest = report.read_text().split(_BEGIN)
  tail = rest.split(_END)[1]
  report.write_text(head + _BEGIN + measured + _END + tail)


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
