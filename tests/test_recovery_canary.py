"""A device that computes something else than before: nothing is answered from it."""

import time

import pytest

from checker import CORRECT, WRONG, Checker
from conftest import MODELS
from polling import wait_until
from processes import signal_worker
from simulated import Stick

NAMES = ('digit_classifier', 'digit_detector')


@pytest.fixture
def stick(tmp_path):
    return Stick(tmp_path / 'stick')


def test_the_reference_outlives_the_service(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1])
    service.stop()
    stick.fault('wrong-output', during='open', count=2)
    service.start()
    with Checker(service.url, simulated_calls, 2) as checker:
        checker.wait_correct(time.monotonic(), what=f'recovery; the log:\n{service.log()}')
    checker.assert_honest()
    assert stick.counter('faults') == 2


def test_nothing_is_answered_for_as_long_as_the_device_is_wrong(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1], '--device-wait', '200ms',
                    '--request-timeout', '5s')
    with Checker(service.url, simulated_calls, 2) as checker:
        checker.wait_correct(time.monotonic())
        stick.fault('wrong-output', during='open', count=0)
        signal_worker(service)
        opens = stick.counter('opens')
        wait_until(lambda: stick.counter('opens') >= opens + 4, 'further tries')
        checker.assert_no_violation()
        stick.clear()
        checker.wait_correct(time.monotonic(), what=f'recovery; the log:\n{service.log()}')
    checker.assert_honest()


def test_the_periodic_canary_bounds_how_long_wrong_answers_last(start, stick, simulated_calls):
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1],
                    '--canary-interval', '300ms')
    with Checker(service.url, simulated_calls, 2) as checker:
        checker.wait_correct(time.monotonic())
        stick.fault('wrong-output', during='run', count=0)
        begin = time.monotonic()
        service.wait_for_log('device is lost')
        noticed = time.monotonic()
        opens = stick.counter('opens')
        wait_until(lambda: stick.counter('opens') >= opens + 2, 'further tries')
        stick.clear()
        wait_until(lambda: checker.first_correct(noticed), 'recovery')
    wrong = [record for record in checker.violations() if record.outcome == WRONG]
    assert wrong == checker.violations(), checker.violations()
    assert noticed - begin < 6, 'far more than the interval'
    assert all(record.sent < noticed for record in wrong)
    assert checker.records()[-1].outcome == CORRECT
