"""Small models built at test time: each kind of input and output that users' models have."""

import pathlib

import numpy as np
import openvino as ov
from openvino import opset13 as op

SIDE = 8
CLASSES = 4


def _features(image, channel_axis):
    """Mean of each channel, about 0..1: (batch, 3)."""
    axes = [axis for axis in (1, 2, 3) if axis != channel_axis]
    return op.divide(op.reduce_mean(image, np.array(axes), False), np.float32(255))


def _logits(features, weights):
    return op.matmul(features, op.constant(weights.astype(np.float32)), False, False)


def weights_of(seed):
    """Weights that tell channels and classes well apart."""
    return np.random.default_rng(seed).normal(0, 4, (3, CLASSES))


def save(model, folder, name):
    """Writes NAME.xml and NAME.bin; returns the path of the .xml."""
    path = pathlib.Path(folder) / f'{name}.xml'
    ov.serialize(model, path)
    return path


def _input(shape=(1, 3, SIDE, SIDE), element_type=np.float32, layout='NCHW'):
    parameter = op.parameter(ov.PartialShape(list(shape)), element_type, name='image')
    parameter.set_layout(ov.Layout(layout))
    return parameter


def _named(node, name):
    node.output(0).tensor.set_names({name})
    return node


def classifier(seed=0, softmax=True, batch=1):
    """NCHW float32; probabilities, or logits."""
    image = _input((batch, 3, SIDE, SIDE))
    out = _logits(_features(image, 1), weights_of(seed))
    return ov.Model([_named(op.softmax(out, 1) if softmax else out, 'scores')], [image])


def hidden_probabilities(seed=0):
    """Probabilities behind an operation that hides from the service that they are."""
    image = _input()
    scores = op.softmax(_logits(_features(image, 1), weights_of(seed)), 1)
    return ov.Model([_named(op.relu(scores), 'scores')], [image])


def nhwc_u8_classifier(seed=0):
    """NHWC uint8, as TensorFlow's models are."""
    image = _input((1, SIDE, SIDE, 3), np.uint8, 'NHWC')
    out = _logits(_features(op.convert(image, np.float32), 3), weights_of(seed))
    return ov.Model([_named(op.softmax(out, 1), 'scores')], [image])


def two_outputs(seed=0):
    """A classifier that also answers its features, second."""
    image = _input()
    features = _features(image, 1)
    scores = op.softmax(_logits(features, weights_of(seed)), 1)
    return ov.Model([_named(scores, 'scores'), _named(features, 'features')], [image])


def u8_scores(seed=0):
    """Probabilities as 0..255 in uint8, behind a FakeQuantize, as in quantised models."""
    image = _input()
    scores = op.softmax(_logits(_features(image, 1), weights_of(seed)), 1)
    low, high = np.float32(0), np.float32(1)
    quantised = op.fake_quantize(scores, low, high, low, high, 256)
    out = op.convert(op.multiply(quantised, np.float32(255)), np.uint8)
    return ov.Model([_named(out, 'scores')], [image])


def class_map(element_type=np.int32):
    """A segmenter whose output is the class of each pixel already: (1, SIDE, SIDE)."""
    image = _input()
    best = op.topk(image, op.constant(np.int32(1)), 1, 'max', 'none', index_element_type='i32')
    out = op.convert(op.squeeze(best.output(1), np.array([1])), element_type)
    return ov.Model([_named(out, 'classes')], [image])


def slow_to_compile(layers=1500, seed=0):
    """Many distinct convolutions: the device takes seconds to compile them."""
    rng = np.random.default_rng(seed)
    image = _input((1, 3, 16, 16))
    node = image
    for layer in range(layers):
        inputs = 3 if layer == 0 else 8 + (layer - 1) % 5
        filters = rng.normal(0, 0.1, (8 + layer % 5, inputs, 3, 3)).astype(np.float32)
        node = op.relu(op.convolution(node, op.constant(filters), [1, 1], [1, 1], [1, 1], [1, 1]))
    return ov.Model([_named(op.softmax(op.reduce_mean(node, np.array([2, 3]), False), 1), 'scores')], [image])


def slow_to_run(channels=64, side=160, layers=12, seed=0):
    """A model whose inference takes a while on any CPU."""
    rng = np.random.default_rng(seed)
    image = _input((1, 3, side, side))
    node = image
    for layer in range(layers):
        filters = rng.normal(0, 0.05, (channels, 3 if layer == 0 else channels, 3, 3)).astype(np.float32)
        node = op.relu(op.convolution(node, op.constant(filters), [1, 1], [1, 1], [1, 1], [1, 1]))
    return ov.Model([_named(op.softmax(op.reduce_mean(node, np.array([2, 3]), False), 1), 'scores')], [image])
