"""Images and models by path: only beneath the allowed directories, only regular files."""

import functools
import itertools
import os
import re
import shutil
import socket
import threading

import numpy as np
import pytest

import made_models
from client import array_of, error_of, json_of
from conftest import load
from polling import wait_until
from processes import children, maps, signal_worker, wait_worker, worker_of
from service import Service, denied, run


@pytest.fixture(scope='module')
def tree(tmp_path_factory, digit):
    """allowed/ with an image and everything that leads out of it; outside/ with another."""
    root = tmp_path_factory.mktemp('tree')
    allowed, outside = root / 'allowed', root / 'outside'
    for folder in (allowed / 'sub', outside):
        folder.mkdir(parents=True)
        (folder / 'image.jpg').write_bytes(digit.read_bytes())
    (allowed / 'image.jpg').write_bytes(digit.read_bytes())
    (allowed / 'inner').symlink_to('sub/image.jpg')
    (allowed / 'absolute').symlink_to(outside / 'image.jpg')
    (allowed / 'relative').symlink_to('../outside/image.jpg')
    (allowed / 'folder').symlink_to(outside)
    os.mkfifo(allowed / 'fifo')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(allowed / 'socket'))
    yield root
    listener.close()


@pytest.fixture(scope='module', params=['openat2', 'ENOSYS', 'EPERM'])
def wrapper(request):
    """Every test runs with the kernel's help, and without: on an old kernel, and in a sandbox that forbids the call."""
    return () if request.param == 'openat2' else denied(request.param, 'openat2')


@pytest.fixture
def start(start, wrapper):
    return functools.partial(start, wrapper=wrapper)


@pytest.fixture(scope='module')
def confined(tree, tmp_path_factory, models, wrapper):
    with Service(tmp_path_factory.mktemp('confined'), models, '--load', 'none', allow=[tree / 'allowed'],
                 wrapper=wrapper) as service:
        yield service


@pytest.fixture(scope='module')
def open_to_all(tmp_path_factory, models, wrapper):
    with Service(tmp_path_factory.mktemp('open'), models, '--load', 'none', allow=['/'], wrapper=wrapper) as service:
        yield service


@pytest.mark.smoke
@pytest.mark.parametrize('name', ['image.jpg', 'sub/image.jpg', 'inner', './sub/image.jpg', 'sub/../image.jpg'])
def test_beneath_the_directory(confined, tree, digit, name):
    response = confined.client.post_path('/test/path', f'{tree}/allowed/{name}')
    np.testing.assert_array_equal(array_of(response), load(digit))


@pytest.mark.smoke
@pytest.mark.parametrize('name', ['outside/image.jpg', 'outside/absent.jpg', 'absent/absent.jpg',
                                  'allowed/../outside/image.jpg', 'allowedx/image.jpg'])
def test_outside_the_directory(confined, tree, name):
    assert '--allow-path' in error_of(confined.client.post_path('/test/path', f'{tree}/{name}'), 403)


@pytest.mark.parametrize('name', ['absolute', 'relative', 'folder/image.jpg', 'folder/absent.jpg'])
def test_links_that_lead_out(confined, tree, name):
    error_of(confined.client.post_path('/test/path', f'{tree}/allowed/{name}'), 403)


@pytest.mark.parametrize('name', ['', 'absent.jpg', 'sub', 'fifo', 'socket', 'image.jpg/x'])
def test_what_is_no_regular_file(confined, tree, name):
    assert name in error_of(confined.client.post_path('/test/path', f'{tree}/allowed/{name}'), 400)


@pytest.mark.parametrize('path', ['image.jpg', '.', '../image.jpg'])
def test_a_relative_path_is_refused(confined, path):
    message = error_of(confined.client.post_path('/test/path', path), 400)
    assert 'absolute' in message


def test_a_path_with_nul(confined, tree):
    error_of(confined.client.post('/test/path', json={'path': f'{tree}/allowed/image.jpg\0.png'}), 400)


@pytest.mark.smoke
@pytest.mark.parametrize('call', ['/test/path', '/classify/path/digit_classifier', '/inference/path/digit_classifier'])
def test_without_the_flag_nothing_is_allowed(start, models, digit, call):
    service = start(models, '--load', 'digit_classifier')
    there = error_of(service.client.post_path(call, digit), 403)
    absent = error_of(service.client.post_path(call, digit.parent / 'absent.jpg'), 403)
    assert '--allow-path' in there
    assert there.replace(digit.name, 'absent.jpg') == absent, 'the answer tells whether the file exists'


@pytest.mark.parametrize('name', ['allowed/image.jpg', 'outside/image.jpg', 'allowed/absolute', 'allowed/relative',
                                  'allowed/folder/image.jpg', 'allowed/../outside/image.jpg'])
def test_allow_path_root_opens_like_a_plain_open(open_to_all, tree, digit, name):
    np.testing.assert_array_equal(array_of(open_to_all.client.post_path('/test/path', f'{tree}/{name}')), load(digit))


@pytest.mark.parametrize('path', ['/dev/zero', '/dev/null', '/proc/self/mem', '/etc', '/absent/absent'])
def test_allow_path_root_still_takes_regular_files_of_images_only(open_to_all, path):
    error_of(open_to_all.client.post_path('/test/path', path), 400)


def test_an_allowed_directory_that_is_a_link(start, models, tree, digit, tmp_path):
    (tmp_path / 'link').symlink_to(tree / 'outside')
    service = start(models, '--load', 'none', allow=[tmp_path / 'link'])
    response = service.client.post_path('/test/path', tmp_path / 'link/image.jpg')
    np.testing.assert_array_equal(array_of(response), load(digit))


def test_several_directories(start, models, tree, digit):
    service = start(models, '--load', 'none', allow=[tree / 'allowed', tree / 'outside'])
    for folder in ('allowed', 'outside'):
        array_of(service.client.post_path('/test/path', tree / folder / 'image.jpg'))


@pytest.mark.smoke
def test_models_are_loaded_from_the_models_or_an_allowed_directory_only(start, models, copied_models, tmp_path):
    service = start(models, '--load', 'none', allow_models=[tmp_path / 'models'])
    request = {'path': str(models), 'name': 'digit_classifier'}
    assert json_of(service.client.post('/load', json=request), 201) == {}
    request = {'path': str(copied_models), 'name': 'digit_detector'}
    assert json_of(service.client.post('/load', json=request), 201) == {}
    for folder in (tmp_path, '/absent', str(models) + '/../..'):
        message = error_of(service.client.post('/load', json={'path': str(folder), 'name': 'digit_segmenter'}), 403)
        assert '--allow-models' in message
    error_of(service.client.post('/load', json={'path': 'models', 'name': 'digit_segmenter'}), 400)


@pytest.mark.smoke
def test_a_folder_of_images_permits_no_models(start, models, copied_models, digit, tmp_path):
    """--allow-path permits images, whatever else lies there; the refusal and the log say which option permits models."""
    service = start(models, '--load', 'none', allow=[tmp_path])
    shutil.copy(digit, tmp_path / 'image.jpg')
    array_of(service.client.post_path('/test/path', tmp_path / 'image.jpg'))
    message = error_of(service.client.post('/load', json={'path': str(copied_models), 'name': 'digit_detector'}), 403)
    assert '--allow-path permits images only' in message and '--allow-models' in message
    message = error_of(service.client.post('/load', json={'path': '/absent', 'name': 'digit_detector'}), 403)
    assert 'images only' not in message
    assert json_of(service.client.get('/list')) == []
    assert len(re.findall('--allow-path permits images only', service.log())) == 1


def test_a_folder_of_models_permits_no_images(start, models, copied_models, digit, tmp_path):
    shutil.copy(digit, copied_models / 'image.jpg')
    service = start(models, '--load', 'none', allow_models=[tmp_path])
    assert '--allow-path' in error_of(service.client.post_path('/test/path', copied_models / 'image.jpg'), 403)


@pytest.mark.smoke
def test_models_that_clients_name_run_in_a_worker(start, models, copied_models, tmp_path):
    """The CPU too, and also what the service loads by itself beside them."""
    own = start(models, '--load', 'digit_classifier', '--device', 'CPU', allow=[tmp_path])
    assert children(own.process.pid) == []
    service = start(models, '--load', 'digit_classifier', '--device', 'CPU', allow_models=[copied_models])
    worker = wait_worker(service)
    request = {'path': str(copied_models), 'name': 'digit_detector'}
    assert json_of(service.client.post('/load', json=request), 201) == {}
    assert worker_of(service) == worker
    assert any('libopenvino_intel_cpu_plugin' in line for line in maps(worker))
    assert not any('libopenvino_intel_cpu_plugin' in line for line in maps(service.process.pid))


@pytest.mark.parametrize('check', [(), ('--check-config',)])
def test_models_that_clients_name_never_run_in_the_service(copied_models, check):
    result = run('serve', *check, '--isolation', 'none', '--allow-models', copied_models)
    assert result.returncode == 2
    message = result.stderr.decode()
    assert '--models' in message and 'isolation' in message and str(copied_models) in message


@pytest.mark.parametrize('name', ['labels', 'weights'])
def test_a_model_whose_other_files_are_behind_links_that_lead_out(start, models, copied_models, tmp_path, name):
    (tmp_path / 'secret').write_text('secret')
    folder = copied_models if name == 'labels' else tmp_path / 'links'
    folder.mkdir(exist_ok=True)
    if name == 'labels':
        (folder / 'names.txt').symlink_to('../secret')
        (folder / 'digit_classifier.toml').write_text('labels = "names.txt"')
    else:
        shutil.copy(copied_models / 'digit_classifier.xml', folder)
        (folder / 'digit_classifier.bin').symlink_to(copied_models / 'digit_classifier.bin')
    # Everything is allowed, but the files of a model stay together.
    service = start(models, '--load', 'none', allow_models=['/'])
    response = service.client.post('/load', json={'path': str(folder), 'name': 'digit_classifier'})
    assert response.status_code == 503, response.text
    assert 'leads out of its folder' in response.text
    assert json_of(service.client.get('/list')) == []


def test_a_model_that_is_linked_with_its_weights(start, copied_models, tmp_path):
    folder = tmp_path / 'links'
    folder.mkdir()
    for suffix in ('.xml', '.bin'):
        (folder / f'digit_classifier{suffix}').symlink_to(copied_models / f'digit_classifier{suffix}')
    assert json_of(start(folder).client.get('/list')) == ['digit_classifier']


def test_a_model_behind_a_link_that_leads_out(start, models, copied_models, tmp_path):
    folder = tmp_path / 'links'
    folder.mkdir()
    for suffix in ('.xml', '.bin'):
        (folder / f'digit_classifier{suffix}').symlink_to(copied_models / f'digit_classifier{suffix}')
    service = start(models, '--load', 'none', allow_models=[folder])
    response = service.client.post('/load', json={'path': str(folder), 'name': 'digit_classifier'})
    assert response.status_code in (403, 503), response.text
    assert json_of(service.client.get('/list')) == []


@pytest.mark.parametrize('isolation', ['none', 'worker'])
def test_a_model_whose_files_become_links_that_lead_out(start, copied_models, tmp_path, isolation):
    """What the load call has looked at may be something else when it is read, be it again after a loss."""
    folder = tmp_path / 'allowed'
    folder.mkdir()
    files = [f'digit_classifier{suffix}' for suffix in ('.xml', '.bin')]
    for name in files:
        shutil.copy(copied_models / name, folder)
    service = start(folder, '--load', 'none', '--device', 'CPU', '--isolation', isolation)
    request = {'path': str(folder), 'name': 'digit_classifier'}
    assert json_of(service.client.post('/load', json=request), 201) == {}
    for name in files:
        os.remove(folder / name)
        (folder / name).symlink_to(copied_models / name)
    if isolation == 'worker':
        signal_worker(service)
        wait_until(lambda: 'leads out of' in service.client.get('/health').text, 'the model to be refused')
        [model] = json_of(service.client.get('/health'))['models']
        assert model['state'] == 'UNAVAILABLE'
    else:
        assert service.client.post('/unload/digit_classifier').status_code == 200
    assert 'leads out of' in error_of(service.client.post('/load', json=request), 403)


def test_links_that_are_swapped_during_loads(start, models, copied_models, tmp_path):
    """Whichever of two models a link leads to when it is looked at, and when it is read, the one outside never answers."""
    folder, inside = tmp_path / 'allowed', tmp_path / 'allowed/inside'
    inside.mkdir(parents=True)
    shutil.copy(models / 'digit_classifier.xml', inside)
    shutil.copy(models / 'digit_classifier.bin', inside)
    outside = tmp_path / 'outside'
    outside.mkdir()
    made_models.save(made_models.classifier(7), outside, 'digit_classifier')
    service = start(models, '--load', 'none', '--device', 'CPU', allow_models=[folder])
    request = {'path': str(inside), 'name': 'digit_classifier'}
    assert json_of(service.client.post('/load', json=request), 201) == {}
    shape = json_of(service.client.get('/input/shape/digit_classifier'))
    assert service.client.post('/unload/digit_classifier').status_code == 200
    request['path'] = str(folder)
    ended = threading.Event()

    def swap():
        for turn in itertools.cycle(('inside', '../outside')):
            if ended.is_set():
                return
            for suffix in ('.xml', '.bin'):
                (folder / 'new').symlink_to(f'{turn}/digit_classifier{suffix}')
                os.rename(folder / 'new', folder / f'digit_classifier{suffix}')

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(100):
            if service.client.post('/load', json=request).status_code == 201:
                assert json_of(service.client.get('/input/shape/digit_classifier')) == shape
                assert service.client.post('/unload/digit_classifier').status_code == 200
    finally:
        ended.set()
        swapper.join()
    for suffix in ('.xml', '.bin'):
        os.remove(folder / f'digit_classifier{suffix}')
        (folder / f'digit_classifier{suffix}').symlink_to(f'inside/digit_classifier{suffix}')
    assert json_of(service.client.post('/load', json=request), 201) == {}


def test_a_file_over_the_limit_is_too_large(start, models, tree, digit):
    service = start(models, '--load', 'none', '--max-file-bytes', '1KiB', allow=[tree])
    assert digit.stat().st_size > 1024
    assert '1024' in error_of(service.client.post_path('/test/path', tree / 'allowed/image.jpg'), 413)
