"""The example of a worker in Python drives a device of the real service."""

import os
import signal
import sys

import cv2
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from client import array_of, error_of
from polling import wait_until
from service import ROOT, Service

WORKER = ROOT / 'examples/worker/linear_worker.py'
SIDE = 8


def _linear_model(folder, columns):
    """Writes an IR that is one matrix product; returns the weights."""
    folder.mkdir()
    weights = np.random.default_rng(1).normal(size=(SIDE, columns)).astype(np.float32)
    image = op.parameter([1, 3, SIDE, SIDE], np.float32, name='image')
    image.set_layout(ov.Layout('NCHW'))
    ov.serialize(ov.Model([op.matmul(image, op.constant(weights), False, False)], [image]), folder / 'linear.xml')
    return weights


def _image(path, seed=2):
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    cv2.imwrite(str(path), pixels)
    return pixels


def _service(tmp_path, *flags):
    command = f'{sys.executable} {WORKER} {" ".join(flags)}'.strip()
    return Service(tmp_path / 'service', tmp_path / 'models', '--device', 'linear', '--worker-command', command)


# 4,096 columns make an answer of 384 KiB, which does not fit a packet.
@pytest.mark.parametrize('columns', [5, 4096])
@pytest.mark.parametrize('flags', [(), ('--makes-outputs',)], ids=['in place', 'made by the worker'])
def test_the_example_computes_what_numpy_computes(tmp_path, columns, flags):
    weights = _linear_model(tmp_path / 'models', columns)
    pixels = _image(tmp_path / 'image.png')
    with _service(tmp_path, *flags) as service:
        for _ in range(20):
            answer = array_of(service.client.post_file('/inference/file/linear', tmp_path / 'image.png'))
            expected = np.matmul(pixels.transpose(2, 0, 1).astype(np.float32), weights)
            np.testing.assert_allclose(answer.reshape(expected.shape), expected, rtol=1e-4, atol=1e-2)
        assert 'opened linear' in service.log()


def test_a_failed_run_reaches_the_client(tmp_path):
    _linear_model(tmp_path / 'models', 5)
    cv2.imwrite(str(tmp_path / 'black.png'), np.zeros((SIDE, SIDE, 3), np.uint8))
    with _service(tmp_path) as service:
        response = service.client.post_file('/inference/file/linear', tmp_path / 'black.png')
        assert 'the image is black, which this device refuses' in error_of(response, 400)


def test_a_model_that_the_example_cannot_compile(tmp_path):
    folder = tmp_path / 'models'
    folder.mkdir()
    image = op.parameter([1, 3, SIDE, SIDE], np.float32, name='image')
    ov.serialize(ov.Model([op.relu(image)], [image]), folder / 'relu.xml')
    with _service(tmp_path) as service:
        assert 'computes one MatMul and nothing else' in service.log()


def test_the_example_survives_being_killed(tmp_path):
    weights = _linear_model(tmp_path / 'models', 5)
    pixels = _image(tmp_path / 'image.png')
    expected = np.matmul(pixels.transpose(2, 0, 1).astype(np.float32), weights)
    with _service(tmp_path) as service:
        first = int(service.wait_for_log(r'started as process (\d+)').group(1))
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: service.log().count('started as process') == 2, 'a second worker')
        answer = array_of(service.client.post_file('/inference/file/linear', tmp_path / 'image.png'))
        np.testing.assert_allclose(answer.reshape(expected.shape), expected, rtol=1e-4, atol=1e-2)
