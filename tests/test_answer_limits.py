"""The memory for large answers is shared: clients that do not read theirs lock out nobody."""

import contextlib

import cv2
import numpy as np
import pytest

import reference
from client import array_of, head
from conftest import DEMO_MODELS, load
from other_client import OtherClient
from polling import wait_until
from service import Service


@pytest.fixture(scope='module')
def service(tmp_path_factory, models):
    """The limits are the defaults."""
    with Service(tmp_path_factory.mktemp('answers'), models) as running:
        yield running


@pytest.fixture(scope='module')
def request_for_much():
    """A request whose answer has 40 MB."""
    data = cv2.imencode('.png', np.zeros((3700, 3700, 3), np.uint8))[1].tobytes()
    return head('POST', '/test/file', 'Content-Type: image/png', f'Content-Length: {len(data)}') + data


@pytest.fixture
def scene_mask(references, scene):
    """Tells whether a call for a mask of over a mebibyte is answered, and rightly."""
    image = cv2.resize(load(scene), (640, 480))
    data = cv2.imencode('.png', image)[1].tobytes()
    expected = references['segment'].segment(image)

    def answered(service):
        client = service.connect()
        response = client.post_file(f'/segment/file/{DEMO_MODELS["segment"]}', data)
        if response.status_code == 200:
            reference.assert_same_mask(array_of(response), expected)
        else:
            assert response.status_code == 503 and int(response.headers['Retry-After']) >= 1, response.text
        client.close()
        return response.status_code == 200

    return answered


@pytest.mark.parametrize('transport', ['tcp', 'unix'])
def test_a_client_that_does_not_read_locks_out_nobody(service, request_for_much, scene_mask, transport):
    with OtherClient(service.address(transport), 8, request_for_much):
        for _ in range(5):
            assert scene_mask(service)


def test_nor_do_many_for_long(service, request_for_much, scene_mask):
    """While there is no room a call is refused; the answers that nobody reads make it then."""
    others = [OtherClient(service.address(('tcp', 'unix')[number % 2]), 4, request_for_much) for number in range(6)]
    with contextlib.ExitStack() as running:
        for other in others:
            running.enter_context(other)
        wait_until(lambda: scene_mask(service), 'room for an answer')
