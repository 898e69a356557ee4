"""Composes the demo images, of held-out digits only, and their truth.

Of the random scenes for each image the first is taken that the models read
without a fault: these are for show, evaluate.py measures. Writes the images and
truth.json: file name -> width, height and objects, each a label and a box
x0, y0, x1, y1 in pixels.
"""

import dataclasses
import json
import pathlib
import sys

import cv2
import numpy as np

import digits
import evaluate
import predictor
import scenes

_DIGITS = {'digit_3.png': 3, 'digit_5.jpg': 5, 'digit_7.png': 7}
_SCENES = {  # File name -> background and number of digits.
    'scene_1.jpg': (scenes.clouds, 5),
    'scene_2.png': (scenes.stripes, 4),
    'scene_3.jpg': (scenes.gradient, 7),
    'scene_4.png': (scenes.checks, 6),
    'scene_5.jpg': (scenes.clouds, 8),
    'scene_6.png': (scenes.gradient, 3),
}
_ENCODING = {
    '.jpg': [cv2.IMWRITE_JPEG_QUALITY, 85],
    '.png': [cv2.IMWRITE_PNG_COMPRESSION, 9],
}
_CLEAR_SCORE = 0.8
_CLEAR_IOU = 0.75
_CLEAR_SHARE = 0.99  # Of the mask's cells.




def main(models: pathlib.Path):
  classifier, detector, segmenter = (
      predictor.Predictor(models / f'digit_{kind}.xml')
      for kind in ('classifier', 'detector', 'segmenter'))
  folder = models / 'images'
  folder.mkdir(exist_ok=True)
  rng = np.random.default_rng(500)
  _, held_out = digits.load_split()
  truth = {}

  for name, digit in _DIGITS.items():
    chosen = held_out.labels == digit
    source = digits.Digits(held_out.images[chosen], held_out.labels[chosen])
    while True:
      scene = _stored(folder / name, scenes.compose(
          rng, source, evaluate.SINGLE_SIDE, evaluate.SINGLE_SIDE, 1,
          evaluate.SINGLE_DIGIT_SIZES, grain=_grain(name)))
      if len(scene.classes) and _is_classified(scene, classifier):
        break
    truth[name] = _describe(scene)

  for name, (pattern, count) in _SCENES.items():
    while True:
      scene = _stored(folder / name, scenes.compose(
          rng, held_out, evaluate.SCENE_WIDTH, evaluate.SCENE_HEIGHT, count,
          evaluate.SCENE_DIGIT_SIZES, pattern, _grain(name)))
      if (len(scene.classes) == count and _is_detected(scene, detector)
          and _is_segmented(scene, segmenter)):
        break
    truth[name] = _describe(scene)

  (folder / 'truth.json').write_text(json.dumps(truth, indent=1) + '\n')


def _grain(name):
  return 0 if name.endswith('.png') else 6  # PNG cannot compress noise.


def _stored(path, scene):
  """Writes the image; returns the scene as read back: JPEG alters it."""
  cv2.imwrite(str(path), scene.image, _ENCODING[path.suffix])
  return dataclasses.replace(scene, image=cv2.imread(str(path)))


def _is_classified(scene, classifier):
  return classifier(scene.image)[0, scene.classes[0] - 1] > _CLEAR_SCORE


def _is_detected(scene, detector):
  """Every digit is found surely, and nothing else is even suspected."""
  classes, scores, boxes = predictor.detections(
      detector(scene.image), evaluate.SCENE_WIDTH, evaluate.SCENE_HEIGHT)
  right = [
      right for *_, right in evaluate.judge(
          scene, classes, scores, boxes, _CLEAR_IOU)
  ]
  return (len(right) == len(scene.classes) and all(right)
          and scores.min() > _CLEAR_SCORE)


def _is_segmented(scene, segmenter):
  scores = segmenter(scene.image)[0]
  truth = scenes.shrink_mask(
      scene.mask, evaluate.SCENE_HEIGHT // scores.shape[1])
  return (scores.argmax(0) == truth).mean() > _CLEAR_SHARE


def _describe(scene):
  height, width = scene.mask.shape
  return {
      'width': width,
      'height': height,
      'objects': [
          {'label': str(c - 1), 'box': box}
          for c, box in zip(scene.classes, scene.boxes.astype(int).tolist())
      ],
  }


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
