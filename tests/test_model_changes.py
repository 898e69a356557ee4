"""Files that change, are half copied, or vanish under a service: what was loaded serves until the new files do."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import made_models
from client import array_of, error_of, json_of
from conftest import MODELS, load
from polling import wait_until
from processes import signal_worker, wait_worker
from reference import Reference, assert_same_tensor
from service import run
from simulated import Stick

NAME = 'made'


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'made'
    path.mkdir()
    return path


def save(folder, seed):
    """Writes the model of a seed; its independent computation."""
    return Reference(made_models.save(made_models.classifier(seed), folder, NAME))


def load_call(service, folder, **more):
    return service.connect().post('/load', json={'path': str(folder), 'name': NAME, **more})


def assert_serves(service, reference, digit):
    output = array_of(service.client.post_file(f'/inference/file/{NAME}', digit))
    assert_same_tensor(output, reference.inference(load(digit)))


def health_of(service, name=NAME):
    return {model['name']: model for model in json_of(service.client.get('/health'))['models']}.get(name)


def lose_worker(service):
    """Kills the worker and waits until the device has come back with what it had."""
    worker = signal_worker(service)
    wait_worker(service, other_than=worker)
    wait_until(lambda: health_of(service)['state'] != 'LOADING',
               lambda: f'the model to come back: {health_of(service)}; the log:\n{service.log()}')


def cut(path):
    """Leaves half of a file, as a copy does that is under way."""
    with open(path, 'r+b') as file:
        file.truncate(path.stat().st_size // 2)


@pytest.mark.smoke
@pytest.mark.parametrize('isolation', ['none', 'worker'])
def test_changed_files_are_loaded_by_a_load(start, folder, digit, isolation):
    first = save(folder, 1)
    service = start(folder, '--isolation', isolation)
    second = save(folder, 2)
    assert_serves(service, first, digit)
    assert json_of(load_call(service, folder), 201) == {}
    assert_serves(service, second, digit)
    assert len([line for line in service.log().splitlines() if f'"{NAME}" is ready' in line]) == 2
    assert json_of(load_call(service, folder), 201) == {}
    assert len([line for line in service.log().splitlines() if f'"{NAME}" is ready' in line]) == 2


@pytest.mark.smoke
@pytest.mark.parametrize('suffix', ['.xml', '.bin'])
def test_a_half_copied_file_takes_nothing_down(start, folder, digit, suffix):
    first = save(folder, 1)
    service = start(folder, '--isolation', 'worker', '--probe-interval', '100ms')
    second = save(folder, 2)
    whole = (folder / f'{NAME}{suffix}').read_bytes()
    cut(folder / f'{NAME}{suffix}')
    assert NAME in error_of(load_call(service, folder), 503)
    assert_serves(service, first, digit)
    service.wait_for_log(f'files of "{NAME}" changed')
    lose_worker(service)
    assert health_of(service)['state'] == 'READY', service.log()
    assert_serves(service, first, digit)
    (folder / f'{NAME}{suffix}').write_bytes(whole)
    lose_worker(service)
    assert_serves(service, first, digit)
    assert json_of(load_call(service, folder), 201) == {}
    assert_serves(service, second, digit)


def test_deleted_files_take_nothing_down(start, folder, digit):
    first = save(folder, 1)
    service = start(folder, '--isolation', 'worker')
    for path in list(folder.iterdir()):
        path.unlink()
    lose_worker(service)
    assert_serves(service, first, digit)
    assert str(folder) in error_of(load_call(service, folder), 404)
    assert_serves(service, first, digit)


def test_without_a_cache_other_contents_are_refused_and_said(start, folder, digit):
    save(folder, 1)
    service = start(folder, '--isolation', 'worker', cache=False)
    second = save(folder, 2)
    lose_worker(service)
    model = health_of(service)
    assert model['state'] == 'UNAVAILABLE' and str(folder) in model['reason'], model
    assert 'no copy' in error_of(service.client.post_file(f'/inference/file/{NAME}', digit), 503)
    assert NAME in json_of(service.client.get('/health/ready'), 503)['reason']
    assert json_of(load_call(service, folder), 201) == {}
    assert_serves(service, second, digit)


def test_the_toml_and_the_labels_are_files_of_the_model(start, folder, digit):
    save(folder, 1)
    service = start(folder, '--probe-interval', '100ms')

    def labels():
        response = service.client.post_file(f'/classify/file/{NAME}?labels=1', digit)
        return {item['label'] for item in json_of(response)}

    assert not labels() & {'ape', 'bee', 'cat', 'dog'}
    (folder / 'names.txt').write_text('ape\nbee\ncat\ndog\n')
    (folder / f'{NAME}.toml').write_text('labels = "names.txt"\n')
    assert json_of(load_call(service, folder), 201) == {}
    assert labels() <= {'ape', 'bee', 'cat', 'dog'}
    (folder / 'names.txt').write_text('elk\nfox\ngnu\nhen\n')
    service.wait_for_log(rf'files of "{NAME}" changed \(.*names\.txt\)')
    assert labels() <= {'ape', 'bee', 'cat', 'dog'}
    assert json_of(load_call(service, folder), 201) == {}
    assert labels() <= {'elk', 'fox', 'gnu', 'hen'}
    (folder / f'{NAME}.toml').write_text('labels = "absent.txt"\n')
    assert 'absent.txt' in error_of(load_call(service, folder), 503)
    assert labels() <= {'elk', 'fox', 'gnu', 'hen'}


def test_the_toml_of_the_load_holds_after_a_loss(start, folder, digit):
    save(folder, 1)
    (folder / 'names.txt').write_text('ape\nbee\ncat\ndog\n')
    (folder / f'{NAME}.toml').write_text('labels = "names.txt"\n')
    service = start(folder, '--isolation', 'worker')
    (folder / 'names.txt').unlink()
    (folder / f'{NAME}.toml').write_text('labels = \n')
    lose_worker(service)
    response = service.client.post_file(f'/classify/file/{NAME}?labels=1', digit)
    assert {item['label'] for item in json_of(response)} <= {'ape', 'bee', 'cat', 'dog'}


def test_every_answer_during_a_replacement_is_of_one_of_both(start, folder, digit):
    references = [save(folder, 1)]
    service = start(folder)
    stop = threading.Event()

    def call():
        client, answers = service.connect(), []
        while not stop.is_set():
            answers.append(array_of(client.post_file(f'/inference/file/{NAME}', digit)))
        return answers

    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(call) for _ in range(3)]
        try:
            for seed in range(2, 6):
                references.append(save(folder, seed))
                assert json_of(load_call(service, folder), 201) == {}
                assert_serves(service, references[-1], digit)
        finally:
            stop.set()
        outputs = [reference.inference(load(digit)) for reference in references]
        for answer in (answer for one in calls for answer in one.result()):
            assert any(np.allclose(answer, output, rtol=1e-3, atol=1e-4) for output in outputs)


def test_an_unload_and_a_failed_load_leave_a_model_that_says_why(start, folder, digit):
    first = save(folder, 1)
    service = start(folder, '--probe-interval', '100ms')
    whole = (folder / f'{NAME}.bin').read_bytes()
    assert service.client.post(f'/unload/{NAME}').status_code == 200
    assert health_of(service) is None
    assert json_of(service.client.get('/health/ready')) == {'ready': True}
    (folder / f'{NAME}.bin').write_bytes(whole[:5])
    error_of(load_call(service, folder), 503)
    model = health_of(service)
    assert model['state'] == 'UNAVAILABLE' and model['reason']
    assert json_of(service.client.get('/list')) == []
    assert NAME in json_of(service.client.get('/health/ready'), 503)['reason']
    (folder / f'{NAME}.bin').write_bytes(whole)
    wait_until(lambda: health_of(service)['state'] == 'READY', lambda: f'another try; the log:\n{service.log()}')
    assert_serves(service, first, digit)
    assert json_of(service.client.get('/health/ready')) == {'ready': True}


def test_the_command_replaces_a_model_from_another_folder(start, folder, digit):
    first = save(folder, 1)
    other = folder / 'other'
    other.mkdir()
    second = save(other, 2)
    service = start(folder, '--load', NAME)
    failed = run('load', '--url', service.url, NAME, other)
    assert failed.returncode == 1 and '409' in failed.stderr.decode()
    whole = (other / f'{NAME}.bin').read_bytes()
    (other / f'{NAME}.bin').write_bytes(whole[:5])
    failed = run('load', '--replace', '--url', service.url, NAME, other)
    assert failed.returncode == 1 and '503' in failed.stderr.decode()
    assert_serves(service, first, digit)
    (other / f'{NAME}.bin').write_bytes(whole)
    assert run('load', '--replace', '--url', service.url, NAME, other).returncode == 0
    assert_serves(service, second, digit)
    error_of(service.client.post('/load', json={'path': str(other), 'name': NAME, 'replace': 'yes'}), 400)


def test_a_simulated_stick_serves_what_was_loaded(start, copied_models, tmp_path, digit):
    """Its outputs depend on every byte of the files."""
    stick = Stick(tmp_path / 'stick')
    service = start(copied_models, '--device', stick.device, '--load', 'digit_classifier')
    before = array_of(service.client.post_file('/inference/file/digit_classifier', digit))
    weights = copied_models / 'digit_classifier.bin'
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    stat = weights.stat()
    weights.write_bytes(data)
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    stick.unplug()
    wait_until(lambda: health_of(service, 'digit_classifier')['state'] == 'LOADING', 'the loss to be noticed')
    stick.replug()
    np.testing.assert_array_equal(
        array_of(service.client.post_file('/inference/file/digit_classifier', digit)), before)
    request = {'path': str(copied_models), 'name': 'digit_classifier'}
    assert json_of(service.client.post('/load', json=request), 201) == {}
    assert not np.array_equal(array_of(service.client.post_file('/inference/file/digit_classifier', digit)), before)


# Readiness and bounds.


@pytest.mark.smoke
def test_readiness_asks_for_every_model_of_the_configuration(start, copied_models):
    cut(copied_models / 'digit_detector.bin')
    service = start(copied_models)
    body = json_of(service.client.get('/health/ready'), 503)
    assert body['ready'] is False and 'digit_detector' in body['reason'] and '1 of 3' in body['reason']
    [model] = body['models']
    assert model['name'] == 'digit_detector' and model['state'] == 'UNAVAILABLE' and model['reason']
    shutil.copy(MODELS / 'digit_detector.bin', copied_models)
    request = {'path': str(copied_models), 'name': 'digit_detector'}
    assert json_of(service.client.post('/load', json=request), 201) == {}
    assert json_of(service.client.get('/health/ready')) == {'ready': True}


def test_readiness_may_ask_for_the_device_alone(start, copied_models, tmp_path):
    cut(copied_models / 'digit_detector.bin')
    stick = Stick(tmp_path / 'stick')
    service = start(copied_models, '--device', stick.device, '--ready-when', 'device')
    assert json_of(service.client.get('/health/ready')) == {'ready': True}
    stick.unplug()
    wait_until(lambda: service.client.get('/health/ready').status_code == 503, 'the loss to be noticed')


def test_many_names_of_one_model_are_bounded(start, models, tmp_path):
    folder = tmp_path / 'links'
    folder.mkdir()
    for suffix in ('.xml', '.bin'):
        shutil.copy(models / f'digit_classifier{suffix}', folder / f'm0{suffix}')
        for index in range(1, 8):
            os.link(folder / f'm0{suffix}', folder / f'm{index}{suffix}')
    service = start(folder, '--load', 'm0', '--max-models', '4', '--max-client-models', '2')
    client = service.client  # Over TCP, the machine is one client; over a Unix socket, each process is.
    answers = [client.post('/load', json={'path': str(folder), 'name': f'm{index}'}) for index in range(1, 8)]
    assert [answer.status_code for answer in answers] == [201, 201, 429, 429, 429, 429, 429]
    assert '--max-client-models' in error_of(answers[-1], 429)
    assert sorted(json_of(client.get('/list'))) == ['m0', 'm1', 'm2']
    assert client.post('/unload/m1').status_code == 200
    assert client.post('/load', json={'path': str(folder), 'name': 'm7'}).status_code == 201
    other = service.address('unix')
    assert run('load', '--url', other, 'm3', folder).returncode == 0
    refused = run('load', '--url', other, 'm4', folder)
    assert refused.returncode == 1 and '--max-models' in refused.stderr.decode()
    # Names that cannot be loaded do not keep others away.
    assert client.post('/unload/m2').status_code == 200
    for index in range(4, 7):
        (folder / f'broken{index}.xml').write_text('<net')
        assert client.post('/load', json={'path': str(folder), 'name': f'broken{index}'}).status_code == 503
    assert client.post('/load', json={'path': str(folder), 'name': 'm2'}).status_code == 201


def test_the_bytes_of_models_are_bounded(start, models):
    sizes = [sum((models / f'{name}{suffix}').stat().st_size for suffix in ('.xml', '.bin'))
             for name in ('digit_classifier', 'digit_detector')]
    service = start(models, '--load', 'none', '--max-model-bytes', str(sizes[0] - 1))
    request = {'path': str(models), 'name': 'digit_classifier'}
    assert '--max-model-bytes' in error_of(service.client.post('/load', json=request), 503)
    service.stop()
    service = start(models, '--load', 'none', '--max-total-model-bytes', str(sum(sizes) - 1))
    assert service.client.post('/load', json=request).status_code == 201
    request['name'] = 'digit_detector'
    response = service.client.post('/load', json=request)
    assert '--max-total-model-bytes' in error_of(response, 503)
