"""A model whose loads lose the device: it is set aside, says why, and keeps no other model from being served."""

import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from client import array_of, error_of, json_of
from conftest import MODELS
from polling import wait_until
from simulated import Stick

WORKER = pathlib.Path(__file__).resolve().parent / 'losing_worker.py'
BAD, GOOD = 'digit_classifier', 'digit_detector'


def states(service):
    return {model['name']: (model['state'], model['reason'])
            for model in json_of(service.client.get('/health'))['models']}


def wait_state(service, name, state):
    wait_until(lambda: states(service).get(name, ('',))[0] == state,
               lambda: f'{name} to be {state}: {states(service)}; the log:\n{service.log()}')


@pytest.fixture
def linear_models(tmp_path):
    """Two models that the example's worker can compile. "bad" comes first."""
    folder = tmp_path / 'models'
    folder.mkdir()
    for name in ('bad', 'good'):
        image = op.parameter([1, 3, 8, 8], np.float32, name='image')
        image.set_layout(ov.Layout('NCHW'))
        weights = op.constant(np.ones((8, 5), np.float32))
        ov.serialize(ov.Model([op.matmul(image, weights, False, False)], [image]), folder / f'{name}.xml')
    return folder


@pytest.mark.parametrize('stage', ['compile', 'error', 'answered', 'run'])
def test_a_worker_that_reports_a_lost_device_for_one_model(start, linear_models, tmp_path, stage, digit):
    counters = tmp_path / 'counters'
    service = start(linear_models, '--device', 'linear', '--worker-command',
                    f'{sys.executable} {WORKER} {stage} {counters}', ready=False)
    wait_state(service, 'bad', 'UNAVAILABLE')
    wait_state(service, 'good', 'READY')
    assert 'X_LINK_ERROR: reset' in states(service)['bad'][1]
    assert counters.read_text().split().count('bad') == 3
    assert array_of(service.client.post_file('/inference/file/good', digit)).shape == (3, 8, 5)
    assert 'X_LINK_ERROR: reset' in error_of(service.client.post_file('/inference/file/bad', digit), 503)
    response = service.client.get('/health/ready')
    assert 'bad' in error_of_readiness(response) and 'good' not in error_of_readiness(response)
    # Nothing goes on behind it.
    loads = len(counters.read_text().split())
    assert json_of(service.client.post('/load', json={'path': str(linear_models), 'name': 'good'}), 201) == {}
    assert len(counters.read_text().split()) == loads


def error_of_readiness(response):
    body = json_of(response, 503)
    assert body['ready'] is False and {model['name'] for model in body['models']} == {'bad'}
    return body['reason']


def test_a_stick_that_leaves_during_each_load_of_a_model(start, tmp_path, digit):
    """It is absent for a moment after each loss, and comes back."""
    stick = Stick(tmp_path / 'stick')
    stick.fault('unplug', during='load', model=BAD, count=0)
    service = start(MODELS, '--device', stick.device, '--load', BAD, '--load', GOOD, ready=False)
    unplugs = 0
    for _ in range(3):
        wait_until(lambda: stick.counter('unplugs') > unplugs or states(service).get(BAD, ('',))[0] == 'UNAVAILABLE',
                   lambda: f'another loss; the log:\n{service.log()}')
        unplugs = stick.counter('unplugs')
        tries = stick.counter('opens')
        wait_until(lambda: stick.counter('opens') > tries, 'a try to open the absent stick')
        assert 'lost' in error_of(service.client.post_file(f'/inference/file/{BAD}', digit), 503)
        stick.replug()
    wait_state(service, BAD, 'UNAVAILABLE')
    wait_state(service, GOOD, 'READY')
    assert service.client.post_file(f'/inference/file/{GOOD}', digit).status_code == 200
    # The stick is pulled and plugged in again, and is well by now.
    stick.clear()
    stick.unplug()
    tries = stick.counter('opens')
    wait_until(lambda: stick.counter('opens') > tries, 'a try to open the absent stick')
    stick.replug()
    wait_state(service, BAD, 'READY')


@pytest.mark.smoke
def test_a_call_during_a_load_says_that_the_device_is_absent_or_lost(start, tmp_path, digit):
    stick = Stick(tmp_path / 'stick')
    stick.unplug()
    service = start(MODELS, '--device', stick.device, '--load', BAD, ready=False)
    service.wait_for_log('X_LINK_DEVICE_NOT_FOUND')
    for call in ('inference', 'classify'):
        response = service.client.post_file(f'/{call}/file/{BAD}', digit)
        message = error_of(response, 503)
        assert 'the device is not there' in message and 'X_LINK_DEVICE_NOT_FOUND' in message, message
        assert 'still loading' not in message and int(response.headers['Retry-After']) >= 1
    assert 'X_LINK_DEVICE_NOT_FOUND' in error_of(service.client.get(f'/input/shape/{BAD}'), 503)
    stick.replug()
    wait_state(service, BAD, 'READY')
    stick.unplug()
    wait_state(service, BAD, 'LOADING')
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(service.connect().post, '/load', json={'path': str(MODELS), 'name': GOOD})
        wait_until(lambda: GOOD in states(service), 'the load to begin')
        message = error_of(service.client.post_file(f'/inference/file/{GOOD}', digit), 503)
        assert 'the device is lost' in message and 'still loading' not in message, message
        stick.replug()
        assert json_of(other.result(), 201) == {}


def test_a_canary_that_fails_at_each_load_takes_no_other_model_down(start, tmp_path):
    """The outputs of one model are wrong from the second load on, as with a reference of another device."""
    stick = Stick(tmp_path / 'stick')
    service = start(MODELS, '--device', stick.device, '--load', BAD, '--load', GOOD, '--canary-interval', '0s')
    stick.fault('wrong-output', during='run', model=BAD, count=0)
    stick.unplug_for('1ms')
    wait_state(service, BAD, 'UNAVAILABLE')
    assert 'computes something else' in states(service)[BAD][1]
    wait_state(service, GOOD, 'READY')
    stick.clear()
    assert json_of(service.client.post('/load', json={'path': str(MODELS), 'name': BAD}), 201) == {}
