"""Workers that are killed again and again, and a worker that drives the CPU."""

import signal
import statistics
import time

import pytest

from checker import CORRECT, REFUSED, Checker, calls_of
from conftest import DEMO_MODELS, MODELS
from processes import signal_worker, wait_worker, worker_of
from reference import assert_same_tensor
from simulated import Stick

NAMES = ('digit_classifier', 'digit_detector')
KILLS = 50


def kill_again_and_again(service, checker, count):
    """Kills each worker once it serves; the seconds from each kill to the first correct answer of a later question."""
    times = []
    for _ in range(count):
        worker = signal_worker(service)
        begin = time.monotonic()
        checker.wait_correct(begin, what=f'answers after kill {len(times) + 1}; the log:\n{service.log()[-3000:]}')
        times.append(checker.first_correct(begin) - begin)
        assert wait_worker(service) != worker
        # A few answers more: a restart after one that served nothing is not immediate.
        checker.wait_correct(time.monotonic() + 0.2)
    return times


def tell(record_property, times, counts):
    """For the report, and for who runs the test with -s."""
    text = f'median {statistics.median(times):.3f} s, worst {max(times):.3f} s'
    record_property('kill_to_first_answer', text)
    record_property('requests', str(dict(counts)))
    print(f'kill to first answer: {text}; {dict(counts)}')


def test_fifty_kills_under_load_lose_nothing(start, tmp_path, simulated_calls, record_property):
    stick = Stick(tmp_path / 'stick', latency='2ms')
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1])
    with Checker(service.url, simulated_calls, 8) as checker:
        checker.wait_correct(time.monotonic())
        times = kill_again_and_again(service, checker, KILLS)
    checker.assert_honest()
    counts = checker.counts()
    tell(record_property, times, counts)
    assert counts[REFUSED] <= 0.01 * counts.total(), counts
    assert stick.counter('opens') >= KILLS + 1


@pytest.mark.smoke
def test_a_few_kills_of_an_idle_worker(start, tmp_path, simulated_calls):
    stick = Stick(tmp_path / 'stick')
    service = start(MODELS, '--device', stick.device, '--load', NAMES[0], '--load', NAMES[1])
    with Checker(service.url, simulated_calls, 0) as checker:
        for _ in range(3):
            worker = signal_worker(service)
            wait_worker(service, other_than=worker)
            assert [record.outcome for record in checker.ask_each()] == [CORRECT] * 2


# The CPU, in a worker.


class CpuModel:
    """A demo model on the CPU: what its calls answer, as near as two ways to compute it come."""

    def __init__(self, reference, name):
        self.name = name
        self.rows, self.cols = reference.shape[2:]
        self.classify = reference.classify
        self._reference = reference

    def inference(self, image):
        expected = self._reference.inference(image)

        def is_near(actual):
            try:
                assert_same_tensor(actual, expected)
            except AssertionError:
                return False
            return True

        return is_near


@pytest.fixture(scope='session')
def cpu_calls(references):
    models = {task: CpuModel(references[task], DEMO_MODELS[task]) for task in ('classify', 'detect')}
    return calls_of(models['classify'], classify=True) + calls_of(models['detect'])


@pytest.fixture
def cpu_service(start):
    return start(MODELS, '--device', 'CPU', '--isolation', 'worker', '--load', NAMES[0], '--load', NAMES[1],
                 '--run-timeout', '2s', '--probe-interval', '1s')


def test_the_cpu_in_a_worker_that_is_killed(cpu_service, cpu_calls, record_property):
    """Its models come from the cache of compiled models."""
    with Checker(cpu_service.url, cpu_calls, 4) as checker:
        checker.wait_correct(time.monotonic())
        times = kill_again_and_again(cpu_service, checker, 8)
    checker.assert_honest()
    tell(record_property, times, checker.counts())


@pytest.mark.parametrize('clients', [0, 1, 4])
def test_the_cpu_in_a_worker_that_hangs(cpu_service, cpu_calls, clients):
    with Checker(cpu_service.url, cpu_calls, clients) as checker:
        checker.wait_correct(time.monotonic())
        worker = signal_worker(cpu_service, signal.SIGSTOP)
        checker.wait_correct(time.monotonic(), what=f'recovery; the log:\n{cpu_service.log()}')
        assert worker_of(cpu_service) not in (None, worker)
    checker.assert_honest()


def test_a_worker_leaves_its_end_to_the_daemon(cpu_service, cpu_calls):
    """An init system sends SIGTERM to all processes of a service, which is to finish its work first."""
    with Checker(cpu_service.url, cpu_calls, 2) as checker:
        checker.wait_correct(time.monotonic())
        worker = signal_worker(cpu_service, signal.SIGTERM)
        checker.wait_correct(time.monotonic())
        assert worker_of(cpu_service) == worker
    checker.assert_honest()
