"""Kernels and sandboxes that lack or forbid system calls: the service serves as everywhere else."""

import shutil
import signal
import subprocess

import pytest

from client import array_of, error_of, json_of
from processes import children, runs, signal_worker, wait_worker
from service import denied

# What systemd's RestrictSUIDSGID=, RestrictAddressFamilies= and older kernels take away.
EVERYTHING = ('openat2', 'pidfd_open', 'pidfd_send_signal', 'close_range', 'socket:AF_NETLINK')


@pytest.fixture(params=['ENOSYS', 'EPERM'])
def error(request):
    return request.param


@pytest.mark.smoke
def test_the_main_calls(start, models, copied_models, digit, tmp_path, error):
    shutil.copy(digit, tmp_path / 'image.jpg')
    (tmp_path / 'out').symlink_to('/etc/passwd')
    service = start(models, allow=[tmp_path], allow_models=[copied_models], wrapper=denied(error, *EVERYTHING))
    names = ['digit_classifier', 'digit_detector', 'digit_segmenter']
    assert json_of(service.client.get('/list')) == names
    assert service.client.get('/health/ready').status_code == 200
    assert service.client.post_file('/classify/file/digit_classifier', digit).status_code == 200
    array_of(service.client.post_path('/test/path', tmp_path / 'image.jpg'))
    error_of(service.client.post_path('/test/path', tmp_path / 'out'), 403)
    error_of(service.client.post_path('/test/path', f'{tmp_path}/image.jpg/'), 400)
    assert json_of(service.client.post('/load', json={'path': str(models), 'name': 'digit_classifier'}), 201) == {}
    service.wait_for_log('openat2')


def test_a_worker_is_started_watched_and_replaced(start, models, digit, error):
    service = start(models, '--load', 'digit_classifier', '--device', 'CPU', '--isolation', 'worker',
                    wrapper=denied(error, *EVERYTHING))
    for number in (signal.SIGKILL, signal.SIGSEGV):
        worker = signal_worker(service, number)
        assert wait_worker(service, other_than=worker)
        assert service.client.post_file('/classify/file/digit_classifier', digit).status_code == 200
    service.wait_for_log('was killed by signal 11')
    last = wait_worker(service)
    service.stop()
    assert not runs(last)


def test_a_worker_that_cannot_be_run(start, models, error):
    service = start(models, '--load', 'none', '--worker-command', '/absent/worker', wrapper=denied(error, *EVERYTHING))
    service.wait_for_log('cannot run the worker /absent/worker')
    assert children(service.process.pid, states='Z') == []


def test_memory_that_must_not_be_executable(start, models):
    """The CPU device of OpenVINO compiles to machine code: it cannot serve then, and says why."""
    wrapper = denied('EPERM', 'executable-memory')
    if subprocess.run([*wrapper, 'true'], capture_output=True, check=False).returncode != 0:
        pytest.skip('this kernel cannot deny executable memory')
    service = start(models, '--device', 'CPU', ready=False, wrapper=wrapper)
    service.wait_for_log('cannot be opened: .*MemoryDenyWriteExecute=')
    assert service.client.get('/health/live').status_code == 200
