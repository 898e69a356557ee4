"""Each fault of a device, while idle and under load: no answer is wrong, none is missing, and the service recovers."""

import signal
import time

import pytest

from checker import Checker
from client import json_of
from conftest import MODELS
from polling import wait_until
from processes import signal_worker, wait_worker, worker_of
from simulated import Stick

NAMES = ('digit_classifier', 'digit_detector')
BOUNDS = ('--run-timeout', '1s', '--open-timeout', '2s', '--compile-timeout', '2s', '--probe-interval', '500ms',
          '--request-timeout', '20s')


class Scene:
    """A service on a stick, with clients at work."""

    def __init__(self, service, stick, checker, idle):
        self.service = service
        self.stick = stick
        self.checker = checker
        self._idle = idle
        self._struck_before = stick.counter('faults')

    def wait_struck(self, count=1):
        """Waits until so many faults happened; asks for what they strike where no client does."""

        def struck():
            if self._idle:
                self.checker.ask_each()
            return self.stick.counter('faults') >= self._struck_before + count

        wait_until(struck, lambda: f'the fault to strike: {self.stick.state()}; the log:\n{self.service.log()}')

    def kill(self, number=signal.SIGKILL):
        return signal_worker(self.service, number)

    def load_again(self, model):
        """A load call ends whatever keeps a model from its device."""
        answer = self.service.client.post('/load', json={'path': str(MODELS), 'name': model})
        json_of(answer, 201)


def unplug_and_replug(scene):
    scene.stick.unplug()
    scene.service.wait_for_log('device is lost')
    scene.stick.replug()


def crash_of_a_run(scene):
    scene.stick.fault('crash', during='run')
    scene.wait_struck()


def scribble_of_a_run(scene):
    scene.stick.fault('scribble', during='run')
    scene.wait_struck()


def hang_of_a_run(scene):
    scene.stick.fault('hang', during='run')
    scene.wait_struck()


def hang_of_open(scene):
    scene.stick.fault('hang', during='open')
    scene.kill()
    scene.wait_struck()


def fault_of_a_load(scene, kind):
    """The model may be blamed and stay away, the other one must serve."""
    scene.stick.fault(kind, during='load', model=NAMES[0])
    scene.kill()
    scene.wait_struck()
    scene.checker.wait_correct(time.monotonic(), NAMES[1:])
    scene.load_again(NAMES[0])


def crash_of_a_load(scene):
    fault_of_a_load(scene, 'crash')


def errors_of_open(scene):
    scene.stick.fault('error', during='open', count=3)
    scene.kill()
    scene.wait_struck(3)


def out_of_memory_at_a_load(scene):
    fault_of_a_load(scene, 'out-of-memory')


def slow_runs(scene):
    scene.stick.fault('slow', during='run', factor=50, count=8)
    scene.wait_struck(8)


def wrong_output_at_a_reopen(scene):
    scene.stick.fault('wrong-output', during='open')
    scene.kill()
    scene.wait_struck()


def killed_worker(scene):
    scene.kill()


def stopped_worker(scene):
    scene.kill(signal.SIGSTOP)


FAULTS = (unplug_and_replug, crash_of_a_run, scribble_of_a_run, hang_of_a_run, hang_of_open, crash_of_a_load,
          errors_of_open, out_of_memory_at_a_load, slow_runs, wrong_output_at_a_reopen, killed_worker, stopped_worker)
KEEPS_WORKER = (slow_runs, unplug_and_replug)


def play(start, tmp_path, calls, fault, clients):
    """The whole of one case."""
    stick = Stick(tmp_path / 'stick')
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1], *BOUNDS)
    worker = wait_worker(service)
    with Checker(service.url, calls, clients) as checker:
        checker.wait_correct(time.monotonic())
        fault(Scene(service, stick, checker, idle=clients == 0))
        checker.wait_correct(time.monotonic(), what=f'recovery; the log:\n{service.log()}')
    checker.assert_honest()
    if fault not in KEEPS_WORKER:
        assert worker_of(service) not in (None, worker), service.log()
    assert stick.state()['faults'] == []
    assert sorted(json_of(service.client.get('/list'))) == sorted(NAMES)


@pytest.mark.parametrize('clients', [0, 1, 16], ids=['idle', '1 client', '16 clients'])
@pytest.mark.parametrize('fault', FAULTS, ids=lambda fault: fault.__name__)
def test_every_request_has_one_correct_answer_or_an_honest_refusal(start, tmp_path, simulated_calls, fault, clients):
    play(start, tmp_path, simulated_calls, fault, clients)


@pytest.mark.smoke
@pytest.mark.parametrize('fault', [crash_of_a_run, hang_of_a_run, killed_worker], ids=lambda fault: fault.__name__)
def test_a_few_faults_with_two_clients(start, tmp_path, simulated_calls, fault):
    play(start, tmp_path, simulated_calls, fault, 2)


@pytest.mark.parametrize('kind', ['error', 'crash', 'hang'])
def test_a_probe_finds_an_idle_device_that_is_lost(start, tmp_path, simulated_calls, kind):
    def fault(scene):
        scene.stick.fault(kind, during='probe')
        faults = scene.stick.counter('faults')
        wait_until(lambda: scene.stick.counter('faults') > faults, 'a probe')
        scene.service.wait_for_log('device is lost')

    play(start, tmp_path, simulated_calls, fault, 0)
