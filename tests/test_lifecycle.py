"""Loading and unloading: one load for many callers, failures, changed files, the compiled-model cache."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import made_models
from client import array_of, error_of, json_of
from conftest import load
from polling import wait_until
from reference import Reference, assert_same_tensor


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'made'
    path.mkdir()
    return path


@pytest.fixture(scope='module')
def encoded(digit):
    return digit.read_bytes()


def load_call(folder, name):
    return {'path': str(folder), 'name': name}


def scores_of(service, name, encoded):
    """The answer of a model, by a connection of its own: for any thread."""
    client = service.connect()
    try:
        return array_of(client.post_file(f'/inference/file/{name}', encoded))
    finally:
        client.close()


def assert_answers_as(service, name, path, digit):
    """The model `name` answers as the file at `path` does in the independent computation."""
    output = scores_of(service, name, digit.read_bytes())
    assert_same_tensor(output, Reference(path).inference(load(digit)))


@pytest.mark.smoke
def test_unload_and_load(start, models, digit, encoded):
    service = start(models, '--load', 'none')
    assert json_of(service.client.get('/list')) == []
    assert 'digit_classifier' in error_of(
        service.client.post_file('/classify/file/digit_classifier', encoded), 400)
    for _ in range(2):
        assert json_of(service.client.post('/load', json=load_call(models, 'digit_classifier')), 201) == {}
        assert json_of(service.client.get('/list')) == ['digit_classifier']
        assert_answers_as(service, 'digit_classifier', models / 'digit_classifier.xml', digit)
        response = service.client.post('/unload/digit_classifier')
        assert (response.status_code, response.text) == (200, 'digit_classifier')
        assert json_of(service.client.get('/list')) == []
        error_of(service.client.post_file('/classify/file/digit_classifier', encoded), 400)


def test_a_name_that_is_loaded_from_other_files(start, folder, models, digit):
    other = folder / 'other'
    other.mkdir()
    first = made_models.save(made_models.classifier(1), folder, 'made')
    second = made_models.save(made_models.classifier(2), other, 'made')
    service = start(folder, '--load', 'made')
    assert 'made' in error_of(service.client.post('/load', json=load_call(other, 'made')), 409)
    assert_answers_as(service, 'made', first, digit)
    service.client.post('/unload/made')
    assert json_of(service.client.post('/load', json=load_call(other, 'made')), 201) == {}
    assert_answers_as(service, 'made', second, digit)


def test_concurrent_loads_are_one_load_and_nobody_else_waits(start, folder, models, encoded, digit):
    for path in models.glob('digit_classifier.*'):
        shutil.copy(path, folder)
    slow = made_models.save(made_models.slow_to_compile(), folder, 'slow')
    other = folder / 'other'
    other.mkdir()
    made_models.save(made_models.classifier(1), other, 'slow')
    service = start(folder, '--load', 'digit_classifier', cache=False)

    def load_slow(_):
        return service.connect().post('/load', json=load_call(folder, 'slow'))

    with ThreadPoolExecutor(4) as threads:
        loads = [threads.submit(load_slow, index) for index in range(4)]
        [refusal] = wait_until(lambda: _while_loading(service, encoded), 'the model to be loading')
        assert 'slow' in error_of(refusal, 503)
        assert int(refusal.headers['Retry-After']) >= 1
        assert json_of(service.client.get('/list')) == ['digit_classifier']
        assert service.client.get('/input/shape/slow').status_code in (400, 503)
        assert_answers_as(service, 'digit_classifier', models / 'digit_classifier.xml', digit)
        error_of(service.client.post('/load', json=load_call(other, 'slow')), 409)
        assert not any(load.done() for load in loads), 'the model loads too fast for this test'
        assert [load.result().status_code for load in loads] == [201] * 4
    assert len(_loads_of(service, 'slow')) == 1, service.log()
    assert_answers_as(service, 'slow', slow, digit)


def _while_loading(service, encoded):
    """The refusals of one call: a response that is no success counts as false."""
    response = service.client.post_file('/inference/file/slow', encoded)
    return [response] if response.status_code == 503 else []


def _loads_of(service, name):
    """The log's lines of loads that ended well."""
    return [line for line in service.log().splitlines() if f'"{name}" is ready' in line]


@pytest.mark.smoke
def test_a_failed_load_is_tried_anew_by_the_next_call(start, folder, digit):
    path = made_models.save(made_models.classifier(1), folder, 'made')
    weights = path.with_suffix('.bin').read_bytes()
    path.with_suffix('.bin').write_bytes(weights[:5])
    service = start(folder, '--load', 'none')

    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(service.connect().post, '/load', json=load_call(folder, 'made')) for _ in range(4)]
        for call in calls:
            assert 'made' in error_of(call.result(), 503)
    assert json_of(service.client.get('/list')) == []
    path.with_suffix('.bin').write_bytes(weights)
    assert json_of(service.client.post('/load', json=load_call(folder, 'made')), 201) == {}
    assert_answers_as(service, 'made', path, digit)


def test_a_model_of_the_start_that_failed_can_be_loaded_later(start, folder, digit):
    path = made_models.save(made_models.classifier(1), folder, 'made')
    text = path.read_text()
    path.write_text(text[:len(text) // 2])
    service = start(folder)
    assert json_of(service.client.get('/list')) == []
    error_of(service.client.post_file('/inference/file/made', digit), 503)
    path.write_text(text)
    assert json_of(service.client.post('/load', json=load_call(folder, 'made')), 201) == {}
    assert_answers_as(service, 'made', path, digit)


def test_weights_overwritten_and_truncated_under_load_change_no_answer(start, folder, digit, encoded):
    path = made_models.save(made_models.slow_to_run(layers=2, channels=32), folder, 'made')
    expected = Reference(path).inference(load(digit))
    service = start(folder)
    weights = path.with_suffix('.bin')
    stop = threading.Event()
    answers = []

    def call():
        while not stop.is_set():
            answers.append(scores_of(service, 'made', encoded))

    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(call) for _ in range(4)]
        try:
            for damage in (lambda: _overwrite(weights), lambda: weights.write_bytes(b'')):
                seen = len(answers)
                wait_until(lambda: len(answers) > seen + 8, 'answers')
                damage()
                seen = len(answers)
                wait_until(lambda: len(answers) > seen + 8, 'answers after the damage')
        finally:
            stop.set()
        for call in calls:
            call.result()
    for answer in answers:
        assert_same_tensor(answer, expected)


def _overwrite(path):
    """Writes noise over a file in place, as `cp` does it."""
    size = path.stat().st_size
    with open(path, 'r+b') as file:
        file.write(np.random.default_rng(0).bytes(size))


@pytest.mark.smoke
def test_a_new_generation_beside_accepted_calls(start, folder, digit, encoded):
    """Calls go on while the model is unloaded and loaded from other files: each answer is wholly of one of them."""
    other = folder / 'other'
    other.mkdir()
    paths = [made_models.save(made_models.slow_to_run(layers=3, channels=32, seed=seed), place, 'made')
             for seed, place in enumerate((folder, other))]
    expected = [Reference(path).inference(load(digit)) for path in paths]
    assert not np.allclose(*expected, rtol=1e-2)
    service = start(folder)
    stop = threading.Event()
    answers = []

    def call():
        client = service.connect()
        while not stop.is_set():
            response = client.post_file('/inference/file/made', encoded)
            if response.status_code == 200:
                answers.append(array_of(response))
            else:
                assert response.status_code in (400, 503), response.text

    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(call) for _ in range(4)]
        try:
            for place, current in ((other, 1), (folder, 0), (other, 1)):
                seen = len(answers)
                wait_until(lambda: len(answers) > seen + 4, 'answers')
                service.client.post('/unload/made')
                error_of(service.client.post_file('/inference/file/made', encoded), 400)
                assert json_of(service.client.post('/load', json=load_call(place, 'made')), 201) == {}
                assert_same_tensor(scores_of(service, 'made', encoded), expected[current])
        finally:
            stop.set()
        for call in calls:
            call.result()
    for answer in answers:
        assert any(np.allclose(answer, one, rtol=1e-3, atol=1e-4) for one in expected)


# The compiled-model cache.


def cached_files(service):
    return [path for path in service.cache.rglob('*') if path.is_file()]


@pytest.mark.smoke
def test_the_second_start_takes_the_compiled_model_from_the_cache(start, folder, digit):
    path = made_models.save(made_models.classifier(1), folder, 'made')
    service = start(folder)
    assert cached_files(service)
    assert not _from_cache(service)
    service.stop()
    service.start().wait_ready()
    assert _from_cache(service)
    assert_answers_as(service, 'made', path, digit)


def _from_cache(service):
    return any('made' in line and 'from the cache' in line for line in service.log().splitlines())


def _flip(data):
    """Changes a byte in every 64."""
    data = bytearray(data)
    for position in range(0, len(data), 64):
        data[position] ^= 0x55
    return bytes(data)


@pytest.mark.parametrize('damage', [_flip, lambda data: data[:len(data) // 2], lambda data: b'',
                                    lambda data: data + b'x', lambda data: data[:-9] + bytes(9)],
                         ids=['flipped', 'halved', 'emptied', 'longer', 'zeros at the end'])
def test_a_damaged_cache_costs_time_and_no_answer(start, folder, digit, damage):
    path = made_models.save(made_models.slow_to_run(layers=2, channels=8), folder, 'made')
    service = start(folder)
    service.stop()
    for file in cached_files(service):
        file.write_bytes(damage(file.read_bytes()))
    service.start().wait_ready()
    assert_answers_as(service, 'made', path, digit)


def test_weights_that_changed_are_not_served_from_the_cache(start, folder, digit):
    path = made_models.save(made_models.classifier(1), folder, 'made')
    service = start(folder)
    service.stop()
    other = folder / 'other'
    other.mkdir()
    weights = made_models.save(made_models.classifier(2), other, 'made').with_suffix('.bin')
    stat = path.with_suffix('.bin').stat()
    path.with_suffix('.bin').write_bytes(weights.read_bytes())
    os.utime(path.with_suffix('.bin'), ns=(stat.st_atime_ns, stat.st_mtime_ns))
    service.start().wait_ready()
    assert_answers_as(service, 'made', path, digit)


def test_a_cache_folder_that_cannot_be_made(start, folder, digit, tmp_path):
    path = made_models.save(made_models.classifier(1), folder, 'made')
    (tmp_path / 'file').write_text('')
    service = start(folder, cache=tmp_path / 'file/cache')
    assert any(' warning ' in line and 'cache' in line for line in service.log().splitlines()), service.log()
    assert_answers_as(service, 'made', path, digit)


def test_without_a_cache_nothing_is_written(start, folder, digit):
    path = made_models.save(made_models.classifier(1), folder, 'made')
    service = start(folder, cache=False)
    assert_answers_as(service, 'made', path, digit)
    assert not service.cache.exists()
