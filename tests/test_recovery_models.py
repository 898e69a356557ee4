"""A model that takes its device down: it alone is blamed, until somebody loads it again or its files change."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from checker import CORRECT, REFUSED, Checker
from client import error_of, json_of
from conftest import MODELS
from polling import wait_until
from processes import signal_worker, wait_worker
from simulated import Stick

BAD, GOOD = 'digit_classifier', 'digit_detector'
OPTIONS = ('--run-timeout', '1s', '--open-timeout', '2s', '--compile-timeout', '1s', '--request-timeout', '20s')


@pytest.fixture
def stick(tmp_path):
    return Stick(tmp_path / 'stick')


def state_of(service, name):
    """State and reason of a model."""
    for model in json_of(service.client.get('/health'))['models']:
        if model['name'] == name:
            return model['state'], model['reason']
    return None, ''


def wait_unavailable(service, name=BAD):
    wait_until(lambda: state_of(service, name)[0] == 'UNAVAILABLE',
               lambda: f'"{name}" to be UNAVAILABLE: {state_of(service, name)}; the log:\n{service.log()}')
    assert state_of(service, name)[1], 'no reason'


def assert_only_the_bad_one_is_away(service, stick, checker):
    """The other one serves, on a device that stays open; the bad one refuses with its reason."""
    checker.wait_correct(time.monotonic(), [GOOD])
    opens = stick.counter('opens')
    records = [checker.ask_each(name)[0].outcome for name in (GOOD, BAD) * 3]
    assert records == [CORRECT, REFUSED] * 3
    assert stick.counter('opens') == opens


def load(service, name=BAD, folder=MODELS):
    return service.client.post('/load', json={'path': str(folder), 'name': name})


def load_again(service, checker):
    """A load call ends the quarantine."""
    assert json_of(load(service), 201) == {}
    checker.wait_correct(time.monotonic())
    assert state_of(service, BAD) == ('READY', '')


@pytest.mark.parametrize('kind', ['crash', 'hang'])
def test_a_model_whose_load_ends_the_worker_takes_no_other_down(start, stick, simulated_calls, kind):
    stick.fault(kind, during='load', model=BAD, count=0)
    service = start(MODELS, '--device', stick.device, '--load', BAD, '--load', GOOD, *OPTIONS, ready=False)
    with Checker(service.url, simulated_calls, 0) as checker:
        checker.wait_correct(time.monotonic(), [GOOD])
        wait_unavailable(service)
        assert_only_the_bad_one_is_away(service, stick, checker)
        body = json_of(service.client.get('/health/ready'), 503)
        assert [model['name'] for model in body['models']] == [BAD] and BAD in body['reason']
        stick.clear()
        load_again(service, checker)
    checker.assert_honest()


def test_a_load_call_that_crashes_the_worker_is_refused(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', GOOD, *OPTIONS)
    stick.fault('crash', during='load', model=BAD, count=0)
    with Checker(service.url, simulated_calls, 0) as checker:
        assert BAD in error_of(load(service), 503)
        checker.wait_correct(time.monotonic(), [GOOD])
        assert BAD not in json_of(service.client.get('/list'))
        stick.clear()
        assert json_of(load(service), 201) == {}
        checker.wait_correct(time.monotonic())
    checker.assert_honest()


def test_a_model_whose_every_run_crashes_takes_no_other_down(start, stick, simulated_calls):
    """Its canary does too, after the first restart."""
    service = start(MODELS, '--device', stick.device, '--load', BAD, '--load', GOOD, *OPTIONS)
    stick.fault('crash', during='run', model=BAD, count=0)
    with Checker(service.url, simulated_calls, 4) as checker:
        wait_unavailable(service)
        checker.wait_correct(time.monotonic(), [GOOD])
    checker.assert_honest()
    with Checker(service.url, simulated_calls, 0) as checker:
        assert_only_the_bad_one_is_away(service, stick, checker)
        stick.clear()
        load_again(service, checker)
    checker.assert_honest()


def crash_jobs(stick, count):
    """Lets the next `count` requests of the bad model crash the worker, each twice; the canaries in between pass."""
    for run in range(0, 4 * count, 2):
        stick.fault('crash', during='run', model=BAD, after_runs=run)


def test_a_request_that_crashes_the_worker_twice_is_refused_and_no_more(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', BAD, '--load', GOOD, *OPTIONS)
    crash_jobs(stick, 1)
    with Checker(service.url, simulated_calls, 0) as checker:
        assert [record.outcome for record in checker.ask_each(BAD)] == [REFUSED]
        assert stick.state()['faults'] == []
        checker.wait_correct(time.monotonic())
    checker.assert_honest()
    assert state_of(service, BAD)[0] == 'READY', 'one input is no proof'


def test_a_model_that_different_inputs_crash_takes_no_other_down(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', BAD, '--load', GOOD, *OPTIONS)
    crash_jobs(stick, 5)
    with Checker(service.url, simulated_calls, 0) as checker:
        wait_until(lambda: [record.outcome for record in checker.ask_each(BAD)] == [REFUSED]
                   and state_of(service, BAD)[0] == 'UNAVAILABLE', lambda: f'the quarantine; the log:\n{service.log()}')
        stick.clear()
        assert_only_the_bad_one_is_away(service, stick, checker)
        load_again(service, checker)
    checker.assert_honest()


def test_a_changed_file_ends_the_quarantine(start, stick, copied_models, digit):
    stick.fault('crash', during='load', model=BAD, count=0)
    service = start(copied_models, '--device', stick.device, '--load', BAD, *OPTIONS, ready=False)
    wait_unavailable(service)
    stick.clear()
    path = copied_models / f'{BAD}.toml'
    path.write_text(path.read_text() + '\n')
    for suffix in ('.xml', '.bin'):
        shutil.copyfile(MODELS / f'{BAD}{suffix}', copied_models / f'{BAD}{suffix}')
    wait_until(lambda: state_of(service, BAD)[0] == 'READY',
               lambda: f'"{BAD}" to be READY: {state_of(service, BAD)}; the log:\n{service.log()}')
    assert service.client.post_file(f'/inference/file/{BAD}', digit).status_code == 200


def test_kills_from_outside_count_against_no_model(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', BAD, '--load', GOOD, *OPTIONS)
    with Checker(service.url, simulated_calls, 4) as checker:
        for _ in range(5):
            checker.wait_correct(time.monotonic())
            worker = signal_worker(service)
            wait_worker(service, other_than=worker)
        checker.wait_correct(time.monotonic())
    checker.assert_honest()
    assert {state_of(service, name)[0] for name in (BAD, GOOD)} == {'READY'}


def test_a_model_whose_load_is_killed_twice_in_a_row_is_blamed(start, stick, simulated_calls):
    """As the kernel kills who takes too much memory."""
    service = start(MODELS, '--device', stick.device, '--load', GOOD, *OPTIONS[:4], '--compile-timeout', '1m')
    stick.fault('slow', during='load', model=BAD, factor=1, count=0)
    stick.set(load_time='1s')
    with Checker(service.url, simulated_calls, 0) as checker:
        with ThreadPoolExecutor(1) as threads:
            call = threads.submit(load, service)
            for turn in range(1, 3):
                faults = turn
                wait_until(lambda: stick.counter('faults') >= faults or call.done(), 'the load to begin')
                assert not call.done(), call.result().text
                signal_worker(service)
            assert BAD in error_of(call.result(), 503)
        checker.wait_correct(time.monotonic(), [GOOD])
    checker.assert_honest()
