"""A service without its device: it lives, says why it is not ready, and keeps its promises once the device comes."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from checker import CORRECT, REFUSED, Checker
from client import error_of, json_of
from conftest import MODELS
from polling import wait_until
from processes import children
from simulated import Stick

NAMES = ('digit_classifier', 'digit_detector')


@pytest.fixture
def stick(tmp_path):
    return Stick(tmp_path / 'stick')


def ready(service):
    """Whether the service is ready, and why not."""
    response = service.client.get('/health/ready')
    body = json_of(response, 200 if response.status_code == 200 else 503)
    assert body['ready'] is (response.status_code == 200)
    assert body['ready'] or body['reason']
    return body['ready'], body.get('reason', '')


def wait_ready(service):
    wait_until(lambda: ready(service)[0], lambda: f'readiness; {ready(service)}; the log:\n{service.log()}')


def wait_not_ready(service):
    wait_until(lambda: not ready(service)[0], 'the loss to be noticed')


def device_health(service):
    health = json_of(service.client.get('/health'))
    assert health['live'] is True
    [device] = health['devices']
    return health, device


@pytest.mark.smoke
def test_it_starts_without_the_device_and_becomes_ready(start, stick, simulated_calls):
    stick.unplug()
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1], ready=False)
    assert json_of(service.client.get('/health/live')) == {'live': True}
    wait_until(lambda: 'X_LINK_DEVICE_NOT_FOUND' in ready(service)[1], lambda: f'the reason: {ready(service)}')
    health, device = device_health(service)
    assert health['ready'] is False and 'X_LINK_DEVICE_NOT_FOUND' in health['reason']
    assert device['state'] in ('OPENING', 'LOST') and device['name'] == stick.device
    assert 'X_LINK_DEVICE_NOT_FOUND' in device['last_error']
    assert {model['name']: model['state'] for model in health['models']} == dict.fromkeys(NAMES, 'LOADING')
    stick.replug()
    wait_ready(service)
    health, device = device_health(service)
    assert health['ready'] is True and health['reason'] == '' and device['state'] == 'READY'
    assert {model['name']: model['state'] for model in health['models']} == dict.fromkeys(NAMES, 'READY')
    with Checker(service.url, simulated_calls, 0) as checker:
        assert [record.outcome for record in checker.ask_each()] == [CORRECT] * 2


def test_the_log_does_not_repeat_the_absence(start, stick):
    """Attempts follow each other at short intervals at first; the same reason is logged once a minute."""
    stick.unplug()
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], ready=False)
    service.wait_for_log('cannot be opened')
    workers = set()
    wait_until(lambda: workers.update(children(service.process.pid)) or len(workers) >= 4, 'four attempts')
    assert len(re.findall('cannot be opened', service.log())) == 1
    assert len(re.findall('started as process', service.log())) == 1
    stick.replug()
    wait_ready(service)
    assert 'the device is open' in service.log()


def test_a_load_waits_for_the_device(start, stick, simulated_calls):
    stick.unplug()
    service = start(MODELS, '--device', stick.device, '--load', 'none', ready=False)
    service.wait_for_log('X_LINK_DEVICE_NOT_FOUND')
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(service.connect().post, '/load', json={'path': str(MODELS), 'name': NAMES[0]})
                 for _ in range(2)]
        tries = stick.counter('opens')
        wait_until(lambda: stick.counter('opens') > tries + 1, 'further tries to open the device')
        assert not any(call.done() for call in calls), [call.result().text for call in calls]
        assert json_of(service.client.get('/list')) == []
        stick.replug()
        for call in calls:
            assert json_of(call.result(), 201) == {}
    assert json_of(service.client.get('/list')) == [NAMES[0]]
    with Checker(service.url, simulated_calls, 0) as checker:
        assert [record.outcome for record in checker.ask_each(NAMES[0])] == [CORRECT]


def test_a_load_is_refused_at_its_deadline(start, stick):
    stick.unplug()
    service = start(MODELS, '--device', stick.device, '--load', 'none', '--load-timeout', '500ms', ready=False)
    begin = time.monotonic()
    response = service.client.post('/load', json={'path': str(MODELS), 'name': NAMES[0]})
    assert error_of(response, 503) and int(response.headers['Retry-After']) >= 0
    assert time.monotonic() - begin >= 0.5


def test_acknowledged_models_are_listed_while_the_device_is_away(start, stick):
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0])
    assert json_of(service.client.post('/load', json={'path': str(MODELS), 'name': NAMES[1]}), 201) == {}
    shapes = [json_of(service.client.get(f'/input/shape/{name}')) for name in NAMES]
    stick.unplug()
    wait_not_ready(service)
    tries = stick.counter('opens')
    while stick.counter('opens') < tries + 3:
        assert sorted(json_of(service.client.get('/list'))) == sorted(NAMES)
        assert [json_of(service.client.get(f'/input/shape/{name}')) for name in NAMES] == shapes
    assert json_of(service.client.post('/load', json={'path': str(MODELS), 'name': NAMES[0]}), 201) == {}
    stick.replug()
    wait_ready(service)
    assert sorted(json_of(service.client.get('/list'))) == sorted(NAMES)


def test_a_model_is_unloaded_while_the_device_is_away(start, stick, digit):
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1])
    stick.unplug()
    wait_not_ready(service)
    assert service.client.post(f'/unload/{NAMES[0]}').status_code == 200
    assert json_of(service.client.get('/list')) == [NAMES[1]]
    stick.replug()
    wait_ready(service)
    assert json_of(service.client.get('/list')) == [NAMES[1]]
    error_of(service.client.post_file(f'/inference/file/{NAMES[0]}', digit), 400)
    assert service.client.post_file(f'/inference/file/{NAMES[1]}', digit).status_code == 200


def test_requests_wait_for_the_device_a_while_and_are_refused_after_that(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1], '--device-wait', '2s',
                    '--request-timeout', '60s')
    with Checker(service.url, simulated_calls, 0) as checker, ThreadPoolExecutor(40) as threads:
        stick.unplug()
        wait_not_ready(service)
        waiting = threads.submit(checker.ask_each, NAMES[0])
        others = []

        def refused():
            others.append(threads.submit(_ask, service, simulated_calls))
            time.sleep(0.2)
            return [other.result() for other in others if other.done()]

        for record in wait_until(refused, 'calls to be refused at once', timeout=7):
            assert record.outcome == REFUSED and 'device' in record.detail, record
        assert not waiting.done(), waiting.result()
        assert json_of(service.client.get('/health/live')) == {'live': True}
        stick.replug()
        assert [record.outcome for record in waiting.result()] == [CORRECT]
    checker.assert_honest()


def _ask(service, calls):
    """One call on a connection of its own."""
    with Checker(service.url, calls, 0) as other:
        return other.ask_each(NAMES[0])[0]


def test_a_request_that_waits_for_the_device_is_refused_at_its_deadline(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1],
                    '--request-timeout', '700ms')
    stick.unplug()
    wait_not_ready(service)
    with Checker(service.url, simulated_calls, 0) as checker:
        [record] = checker.ask_each(NAMES[0])
        assert record.outcome == REFUSED, record


def test_health_counts_restarts(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1])
    before = device_health(service)[1]
    for turn in range(2):
        stick.unplug()
        wait_not_ready(service)
        lost = device_health(service)[1]
        assert lost['state'] in ('LOST', 'OPENING') and lost['last_error'], lost
        stick.replug()
        wait_ready(service)
        after = device_health(service)[1]
        assert after['state'] == 'READY' and after['restarts'] == before['restarts'] + turn + 1
        assert after['since'] > lost['since']


@pytest.mark.parametrize('clients', [1, 16])
def test_unplugged_for_two_seconds(start, stick, simulated_calls, clients):
    """Shorter than the time that requests wait: none is refused."""
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1], '--device-wait', '20s')
    with Checker(service.url, simulated_calls, clients) as checker:
        checker.wait_correct(time.monotonic())
        stick.unplug_for('2s')
        service.wait_for_log('device is lost')
        checker.wait_correct(time.monotonic())
    checker.assert_honest()
    assert checker.counts()[REFUSED] == 0, checker.counts()
