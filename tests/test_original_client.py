"""A client that speaks HTTP as the original service's client does: plain `requests` calls, unnamed content types."""

import io
import json
import os

import numpy as np
import pytest
import requests

import reference
from conftest import DEMO_MODELS, MODELS, load
from service import Service


@pytest.fixture(scope='module')
def url(tmp_path_factory):
    """A service as a user of the original one starts it."""
    with Service(tmp_path_factory.mktemp('original'), MODELS, allow=['/'], allow_models=['/']) as service:
        yield service.url


def with_file(url, path):
    """An open file as the multipart field; `requests` names the part after the file and gives it no type."""
    with open(path, 'rb') as file:
        return requests.post(url, files={'file': file}, verify=False, timeout=60)


def with_memory_file(url, path):
    """The image in memory: the part has no file's name of its own."""
    with open(path, 'rb') as file:
        return requests.post(url, files={'file': io.BytesIO(file.read())}, verify=False, timeout=60)


def with_path(url, path):
    """JSON as text, with a header that is spelt in another way than usual."""
    return requests.post(url, headers={'Content-type': 'application/json'},
                         data=json.dumps({'path': os.path.abspath(path)}), verify=False, timeout=60)


SENDERS = {'file': [with_file, with_memory_file], 'path': [with_path]}


def each_sender():
    return [pytest.param(variant, sender, id=sender.__name__)
            for variant, senders in SENDERS.items() for sender in senders]


@pytest.mark.smoke
@pytest.mark.parametrize('variant, send', each_sender())
def test_every_call(url, references, digit, scene, variant, send):
    for task, check in (('classify', reference.assert_same_classes), ('detect', reference.assert_same_boxes)):
        path = digit if task == 'classify' else scene
        response = send(f'{url}/{task}/{variant}/{DEMO_MODELS[task]}', path)
        assert response.status_code == requests.codes.ok
        check(response.json(), getattr(references[task], task)(load(path)))
    response = send(f'{url}/segment/{variant}/{DEMO_MODELS["segment"]}', scene)
    assert response.status_code == requests.codes.ok
    reference.assert_same_mask(np.load(io.BytesIO(response.content)), references['segment'].segment(load(scene)))
    response = send(f'{url}/inference/{variant}/{DEMO_MODELS["detect"]}', scene)
    reference.assert_same_tensor(np.load(io.BytesIO(response.content)), references['detect'].inference(load(scene)))
    response = send(f'{url}/test/{variant}', scene)
    np.testing.assert_array_equal(np.load(io.BytesIO(response.content)), load(scene))


def test_a_path_that_is_sent_to_a_call_by_file(url, references, scene):
    """The original's client does so in one of its functions."""
    response = with_path(f'{url}/detect/file/{DEMO_MODELS["detect"]}', scene)
    reference.assert_same_boxes(response.json(), references['detect'].detect(load(scene)))


def test_the_life_of_a_model(url):
    name = DEMO_MODELS['classify']
    assert requests.post(f'{url}/unload/{name}', timeout=60).text == name
    assert name not in requests.get(f'{url}/list', timeout=60).json()
    assert requests.get(f'{url}/input/shape/{name}', timeout=60).status_code == requests.codes.bad_request
    for _ in range(2):
        response = requests.post(f'{url}/load', json={'path': str(MODELS), 'name': name}, timeout=60)
        assert (response.status_code, response.json()) == (requests.codes.created, {})
    assert name in requests.get(f'{url}/list', timeout=60).json()
    assert len(requests.get(f'{url}/input/shape/{name}', timeout=60).json()) == 4
