"""Small models with every kind of output and input that a detector, classifier or segmenter may have."""

import numpy as np
import openvino as ov
from openvino import opset13 as op

SIDE = 32


def _image(shape=(1, 3, SIDE, SIDE), element_type=np.float32, name='image'):
    parameter = op.parameter(ov.PartialShape(list(shape)), element_type, name=name)
    parameter.output(0).set_names({name})
    return parameter


def _named(node, name):
    output = node if isinstance(node, ov.Output) else node.output(0)
    output.tensor.set_names({name})
    return node


def _nothing(image):
    """A zero that depends on the image, so that the runtime does not take the outputs for constants."""
    real = op.convert(image, np.float32)
    axes = np.arange(len(image.output(0).partial_shape))
    return op.multiply(op.reduce_mean(real, axes, False), np.float32(0))


def constants(outputs, image=None):
    """Answers these arrays, by name, whatever the image is."""
    image = image or _image()
    zero = _nothing(image)
    results = []
    for name, values in outputs.items():
        values = np.asarray(values)
        results.append(_named(op.add(op.constant(values), op.convert(zero, values.dtype)), name))
    return ov.Model(results, [image])


def channel_classifier(element_type, shape=(1, 3, SIDE, SIDE), shift=0, softmax=True):
    """Says which channel is the brightest: the softmax of four times each channel's mean, as a part of white."""
    image = _image(shape, element_type)
    real = op.convert(image, np.float32)
    if shift:
        real = op.subtract(real, np.float32(shift))
    channels = shape.index(3)
    axes = [axis for axis in range(len(shape)) if axis != channels and (axis > 0 or len(shape) == 3)]
    scores = op.multiply(op.divide(op.reduce_mean(real, np.array(axes), False), np.float32(255)), np.float32(4))
    return ov.Model([_named(op.softmax(scores, len(shape) - 4 + 1 if len(shape) == 4 else 0) if softmax else scores,
                            'scores')], [image])


def grey_classifier(shape):
    """Two classes, dark and bright, of one grey image."""
    image = _image(shape)
    bright = op.divide(op.reduce_mean(image, np.array([1, 2]), False), np.float32(255))
    both = op.concat([op.subtract(np.float32(1), bright), bright], 0)
    return ov.Model([_named(op.clamp(op.reshape(both, np.array([1, 2]), False), 0, 1), 'scores')], [image])


def packed_segmenter():
    """[1,SIDE,SIDE,4] scores of an NHWC image, as Keras's converted models: the class is 1 + the brightest channel."""
    image = _image((1, SIDE, SIDE, 3))
    planar = op.transpose(image, np.array([0, 3, 1, 2]))
    filters = np.concatenate([np.zeros((1, 3)), np.eye(3)]).reshape(4, 3, 1, 1).astype(np.float32)
    scores = op.convolution(planar, op.constant(filters), [1, 1], [0, 0], [0, 0], [1, 1])
    return ov.Model([_named(op.transpose(scores, np.array([0, 2, 3, 1])), 'scores')], [image])


def undecided_segmenter():
    """[1,SIDE,SIDE,SIDE] scores that nothing says the axis of."""
    image = _image()
    flat = op.reshape(op.tile(op.reduce_mean(image, np.array([1]), False), np.array([1, SIDE, 1])),
                      np.array([1, SIDE, SIDE, SIDE]), False)
    return ov.Model([_named(flat, 'scores')], [image])


def mask(sigmoid=True):
    """One channel: how much of blue there is over a half, as probabilities or before the sigmoid."""
    image = _image()
    filters = np.array([1 / 255, 0, 0], np.float32).reshape(1, 3, 1, 1)
    logits = op.subtract(op.convolution(image, op.constant(filters), [1, 1], [0, 0], [0, 0], [1, 1]), np.float32(0.5))
    return ov.Model([_named(op.sigmoid(logits) if sigmoid else logits, 'mask')], [image])


def describing_inputs(names):
    """Takes the image and inputs that describe it; answers these one after the other."""
    image = _image((1, 3, 24, 40))
    extra = [_image((1, 3 if name == 'image_info' else 2), name=name) for name in names]
    together = op.add(op.concat(extra, 1), _nothing(image))
    return ov.Model([_named(together, 'inputs')], [*extra, image])


def detector_with_info():
    """An SSD row of class 1, score 0.9, for an image with image_info."""
    image = _image((1, 3, 24, 40))
    info = _image((1, 3), name='image_info')
    row = np.array([0, 1, 0.9, 0.25, 0.25, 0.5, 0.75], np.float32).reshape(1, 1, 1, 7)
    zero = op.add(_nothing(image), _nothing(info))
    return ov.Model([_named(op.add(op.constant(row), zero), 'detection_output')], [info, image])


def class_number():
    """The number of the brightest channel, and the scores beside it."""
    image = _image()
    means = op.divide(op.reduce_mean(image, np.array([2, 3]), False), np.float32(255))
    best = op.topk(means, op.constant(np.int32(1)), 1, 'max', 'none', index_element_type='i64')
    number = op.squeeze(best.output(1), np.array([1]))
    return ov.Model([_named(number, 'class'), _named(op.softmax(means, 1), 'probabilities')], [image])
