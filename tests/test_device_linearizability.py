"""Load, unload, list and inference by concurrent clients, while the device fails: as if one came after the other."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import MODELS
from linearizability import Operation, is_linearizable
from processes import signal_worker
from simulated import Stick

NAMES = ('digit_classifier', 'digit_segmenter')
CLIENTS = 3
ROUNDS = 25
KINDS = ('load', 'load', 'unload', 'list', 'inference')


# The checker itself.


@pytest.mark.smoke
@pytest.mark.parametrize('expected, operations', [
    (True, []),
    (True, [Operation(0, 1, writes=True), Operation(2, 3, reads=True)]),
    (False, [Operation(0, 1, writes=True), Operation(2, 3, reads=False)]),
    (True, [Operation(0, 3, writes=True), Operation(1, 2, reads=False)]),
    (True, [Operation(0, 3, writes=True), Operation(1, 2, reads=True)]),
    (False, [Operation(0, 9, writes=True), Operation(1, 2, reads=True), Operation(3, 4, reads=False)]),
    (False, [Operation(0, 1, writes=True), Operation(2, 3, writes=False), Operation(4, 5, reads=True)]),
    (True, [Operation(0, 5, writes=True), Operation(0, 5, writes=False), Operation(6, 7, reads=True)]),
    (True, [Operation(0, 1, writes=True, certain=False), Operation(2, 3, reads=False), Operation(4, 5, reads=True)]),
    (False, [Operation(2, 3, writes=True, certain=False), Operation(0, 1, reads=True)]),
])
def test_the_checker(expected, operations):
    assert is_linearizable(operations, loaded=False) is expected


# The service.


class Recorder:
    """Calls of one client, with what their answers say of each model."""

    def __init__(self, service, image):
        self._client = service.connect()
        self._image = image

    def call(self, kind, name):
        """Makes the call; operations by model."""
        begin = time.monotonic()
        response = getattr(self, '_' + kind)(name)
        end = time.monotonic()
        status = response.status_code
        if kind == 'list':
            assert status == 200, response.text
            return [(model, Operation(begin, end, reads=model in response.json())) for model in NAMES]
        if kind == 'inference':
            assert status in (200, 400, 503), (status, response.text)
            return [(name, Operation(begin, end, reads={200: True, 400: False}.get(status)))]
        assert status in ({'load': 201, 'unload': 200}[kind], 503), (status, response.text)
        return [(name, Operation(begin, end, writes=kind == 'load', certain=status != 503))]

    def _load(self, name):
        return self._client.post('/load', json={'path': str(MODELS), 'name': name})

    def _unload(self, name):
        return self._client.post(f'/unload/{name}')

    def _list(self, _):
        return self._client.get('/list')

    def _inference(self, name):
        return self._client.post_file(f'/inference/file/{name}', self._image)

    def close(self):
        self._client.close()


def nothing(service, stick):
    """No fault."""


def kill(service, stick):
    signal_worker(service)


def unplug(service, stick):
    stick.unplug_for('50ms')


def fail_a_load(service, stick):
    stick.fault('error', during='load')


def crash_a_load(service, stick):
    stick.fault('crash', during='load')


@pytest.mark.parametrize('fault', [nothing, kill, unplug, fail_a_load, crash_a_load], ids=lambda fault: fault.__name__)
def test_histories_of_concurrent_clients(start, tmp_path, digit, fault):
    stick = Stick(tmp_path / 'stick', load_time='4ms')
    service = start(MODELS, '--device', stick.device, '--load', 'none', '--request-timeout', '20s')
    choice = random.Random(fault.__name__)
    recorders = [Recorder(service, digit.read_bytes()) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as threads:
        for turn in range(ROUNDS):
            loaded = set(service.client.get('/list').json())
            plans = [[(choice.choice(KINDS), choice.choice(NAMES)) for _ in range(length)] for length in (3, 3, 2)]
            gate = threading.Barrier(CLIENTS + 1)

            def play(recorder, plan):
                gate.wait()
                return [operation for kind, name in plan for operation in recorder.call(kind, name)]

            played = [threads.submit(play, recorder, plan) for recorder, plan in zip(recorders, plans)]
            gate.wait()
            fault(service, stick)
            seen = [operation for history in played for operation in history.result()]
            for name in NAMES:
                operations = [operation for model, operation in seen if model == name]
                operations.sort(key=lambda operation: operation.begin)
                assert is_linearizable(operations, name in loaded), (turn, name, name in loaded, plans, operations)
            stick.clear()
    for recorder in recorders:
        recorder.close()
