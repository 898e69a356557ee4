"""Many clients at once, and more work than there is room for."""

import os
import pathlib
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import made_models
from client import array_of, error_of
from conftest import DEMO_MODELS, load
from polling import GENEROUS
from reference import Reference, assert_same_tensor

CLIENTS = 16
CALLS = int(os.environ.get('ACCELERD_TEST_LOAD_CALLS', '50'))
"""Of each client. A busy machine takes longer for them."""


@pytest.fixture(scope='module')
def expected(tmp_path_factory, references, demo_images):
    """A file with calls and their answers, for load_client.py."""
    calls = []
    for path in demo_images:
        image = load(path)
        for task, model in DEMO_MODELS.items():
            calls.append((task, model, str(path), getattr(references[task], task)(image)))
            calls.append(('inference', model, str(path), references[task].inference(image)))
    path = tmp_path_factory.mktemp('load') / 'expected'
    path.write_bytes(pickle.dumps(calls))
    return path


def run_clients(service, expected, calls, count=CLIENTS):
    """Runs client processes, half of them over each transport, until each has made its calls."""
    script = pathlib.Path(__file__).with_name('load_client.py')
    clients = [subprocess.Popen([sys.executable, script, service.address(('tcp', 'unix')[seed % 2]), str(calls),
                                 str(seed), expected], stderr=subprocess.PIPE, text=True) for seed in range(count)]
    for client in clients:
        _, errors = client.communicate(timeout=10 * GENEROUS)
        assert client.returncode == 0, errors


def test_sixteen_client_processes_with_every_answer_checked(demo, expected):
    run_clients(demo, expected, CALLS)


@pytest.mark.smoke
def test_four_client_processes_for_a_moment(demo, expected):
    run_clients(demo, expected, 3, count=4)


@pytest.mark.smoke
def test_a_full_queue_refuses_and_what_it_accepted_is_answered(start, tmp_path, digit):
    models = tmp_path / 'models'
    models.mkdir()
    path = made_models.save(made_models.slow_to_run(layers=20), models, 'slow')
    expected = Reference(path).inference(load(digit))
    service = start(models, '--max-queue', '3', '--request-timeout', '30m')
    full = threading.Event()

    def call(_):
        """Calls until one of the threads was refused, however slowly the calls of the others arrive."""
        client = service.connect()
        responses = []
        while not full.is_set():
            responses.append(client.post_file('/inference/file/slow', digit, timeout=10 * GENEROUS))
            if responses[-1].status_code != 200:
                full.set()
        return responses

    with ThreadPoolExecutor(12) as threads:
        responses = [response for responses in threads.map(call, range(12)) for response in responses]
    accepted = [response for response in responses if response.status_code == 200]
    refused = [response for response in responses if response.status_code != 200]
    assert accepted and refused
    for response in accepted:
        assert_same_tensor(array_of(response), expected)
    for response in refused:
        error_of(response, 503)
        assert int(response.headers['Retry-After']) >= 1


def test_a_request_that_waits_too_long_is_refused(start, tmp_path, digit):
    models = tmp_path / 'models'
    models.mkdir()
    made_models.save(made_models.slow_to_run(layers=60), models, 'slow')
    service = start(models, '--request-timeout', '1s')

    def call(_):
        return service.connect().post_file('/inference/file/slow', digit).status_code

    with ThreadPoolExecutor(20) as threads:
        codes = set(threads.map(call, range(20)))
    # On a busy machine none may be in time.
    assert 503 in codes and codes <= {200, 503}, codes
