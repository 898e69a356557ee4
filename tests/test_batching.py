"""OpenVINO's automatic batching, which accelerd leaves to OpenVINO."""

import concurrent.futures

import pytest

from client import json_of
from conftest import IMAGES, MODELS


@pytest.mark.parametrize('hint', ['throughput', 'latency'])
def test_answers_are_those_of_the_device_alone(start, demo, hint):
    batching = start(MODELS, '--device', 'BATCH:CPU(4)', '--load', 'digit_classifier', '--performance-hint', hint)
    images = sorted(IMAGES.glob('digit_*'))
    call = '/classify/file/digit_classifier'
    expected = [json_of(demo.client.post_file(call, image)) for image in images]
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda image: json_of(batching.connect().post_file(call, image)), 8 * images)
        assert list(answers) == 8 * expected
