"""Turns trained weights into OpenVINO IR and checks it against JAX.

Each model takes `image`, float32 (1, 3, H, W), BGR in 0..255, and gives
  digit_classifier  probabilities (1, 10)
  digit_detector    detections (1, 1, 100, 7), rows of SSD: image id, class,
                    score, x0, y0, x1, y1 (in 0..1); image id -1 ends the list
  digit_segmenter   scores (1, 11, H/2, W/2)
"""

import pathlib
import sys

import numpy as np
import openvino as ov
from openvino import opset8
from openvino import opset13 as op

import anchors
import digits
import ir_ops
import jax_ops
import network
import train

MAX_DETECTIONS = 100
_TOLERANCE = 1e-3  # Scores are of the order of ten.


def classifier_model(params):
  image = _image(network.CLASSIFIER_SIZE)
  scores = network.classifier(ir_ops.IrOps(params), image)
  scores = op.reshape(scores, np.array([1, network.DIGITS]), False)
  return _model('digit_classifier', image, probabilities=op.softmax(scores, 1))


def segmenter_model(params):
  image = _image(network.SCENE_SIZE)
  ops = ir_ops.IrOps(params)
  scores = network.segmenter(ops, network.trunk(ops, image))
  return _model('digit_segmenter', image, scores=scores)


def detector_model(params):
  image = _image(network.SCENE_SIZE)
  scores, offsets = _anchor_outputs(params, image)
  height, width = network.SCENE_SIZE
  priors = anchors.corners(anchors.make(network.SCENE_SIZE)) / (
      width, height, width, height)
  variances = np.broadcast_to(anchors.VARIANCES, priors.shape)
  detections = opset8.detection_output(
      op.reshape(offsets, np.array([1, -1]), False),
      op.reshape(op.softmax(scores, 2), np.array([1, -1]), False),
      np.stack([priors.ravel(), variances.ravel()])[None].astype(np.float32),
      {
          'background_label_id': 0,
          'code_type': 'caffe.PriorBoxParameter.CENTER_SIZE',
          'confidence_threshold': 0.05,
          'nms_threshold': 0.45,
          'top_k': 200,
          'keep_top_k': [MAX_DETECTIONS],
          'share_location': True,
          'normalized': True,
          'clip_after_nms': True,
      })
  return _model('digit_detector', image, detections=detections)


def _anchor_outputs(params, image):
  ops = ir_ops.IrOps(params)
  scores, offsets = network.detector(ops, network.trunk(ops, image))
  return op.concat(scores, 1), op.concat(offsets, 1)


def _image(size):
  image = op.parameter([1, 3, *size], np.float32, name='image')
  image.set_layout(ov.Layout('NCHW'))
  image.output(0).set_names({'image'})
  return image


def _model(name, image, **outputs):
  for key, node in outputs.items():
    node.output(0).set_names({key})
  return ov.Model([op.result(node) for node in outputs.values()], [image], name)


def check(classifier_params, scene_params):
  """Compares graph and training framework on held-out images.

  The detector is compared before DetectionOutput, which has no counterpart in
  JAX; evaluate.py measures what comes out of it.
  """
  _, held_out = digits.load_split()
  images, _ = next(train.classifier_batches(held_out, 0))
  scores = train.run_classifier(
      jax_ops.Folded(classifier_params), images.astype(np.float32))
  weights = np.exp(scores)
  _compare(classifier_model(classifier_params), images,
           weights / weights.sum(1, keepdims=True))

  images = next(train.scene_batches(held_out, 0, network.SCENE_SIZE))[0]
  mask, scores, offsets = train.run_scenes(
      jax_ops.Folded(scene_params), images.astype(np.float32))
  _compare(segmenter_model(scene_params), images,
           np.transpose(mask, (0, 3, 1, 2)))
  image = _image(network.SCENE_SIZE)
  raw_scores, raw_offsets = _anchor_outputs(scene_params, image)
  _compare(_model('anchors', image, scores=raw_scores, offsets=raw_offsets),
           images, scores, offsets)


def _compare(model, images, *expected):
  compiled = ov.compile_model(
      model, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
  worst = 0
  for number, image in enumerate(images):
    outputs = compiled(image.transpose(2, 0, 1)[None].astype(np.float32))
    for index, truth in enumerate(expected):
      worst = max(worst, np.abs(outputs[index][0] - truth[number]).max())
  print(f'{model.friendly_name}: differs from JAX by {worst:.1e} at most')
  if worst > _TOLERANCE:
    raise RuntimeError('the exported graph does not equal the trained network')


def main(weights: pathlib.Path, models: pathlib.Path):
  classifier_params = train.load(weights / 'classifier.npz')
  scene_params = train.load(weights / 'scenes.npz')
  check(classifier_params, scene_params)
  for model in (classifier_model(classifier_params),
                detector_model(scene_params), segmenter_model(scene_params)):
    ov.save_model(
        model, models / f'{model.friendly_name}.xml', compress_to_fp16=False)


if __name__ == '__main__':
  main(*map(pathlib.Path, sys.argv[1:]))
