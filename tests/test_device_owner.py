"""One device, one owner: who comes second, of any user; and what stays of an owner that was killed."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

from conftest import MODELS
from polling import GENEROUS, wait_until
from processes import children, holders_of, runs, shared_memory, wait_worker, worker_of
from service import BINARY, Service, environment
from simulated import Stick

OWNED = 4
"""Exit code of a service whose device another one owns."""

STUBBORN_WORKER = '''
import ctypes, signal, sys
ctypes.CDLL(None).prctl(1, 0)  # PR_SET_PDEATHSIG: not even the end of its daemon ends it, as if it hung in its driver.
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
signal.pause()
'''


def device_service(folder, stick, *arguments):
    """A service on a stick, without models; not started. They share the folder of locks that the stick lies in."""
    return Service(folder, MODELS, '--device', stick.device, '--load', 'none', '--lock-dir', stick.path.parent,
                   *arguments)


@contextlib.contextmanager
def race(folder, stick, count=2):
    """Starts services on one stick at the same moment; the services, one of which serves. Kills what is left."""
    services = [device_service(folder / str(index), stick) for index in range(count)]
    gate = threading.Barrier(count)

    def begin(service):
        gate.wait()
        with contextlib.suppress(AssertionError):  # It ended: the caller looks at how.
            service.start()

    threads = [threading.Thread(target=begin, args=[service]) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        yield services
    finally:
        for service in services:
            kill(service)


def assert_one_owner(services):
    """Exactly one serves; every other one ended with the code for that and named the owner, who is returned."""
    [owner] = [service for service in services if service.process.poll() is None]
    for service in services:
        if service is not owner:
            assert service.process.returncode == OWNED, service.log()
            assert f'process {owner.process.pid} at ' in service.log(), service.log()
    return owner


def kill(service):
    """kill -9, without a moment for anything."""
    service.process.kill()
    service.process.wait()


def test_two_daemons_race_for_one_device(tmp_path):
    stick = Stick(tmp_path / 'stick')
    for turn in range(20):
        with race(tmp_path / f'{turn}', stick) as services:
            owner = assert_one_owner(services)
            owner.wait_for_log('the device is open')
            if turn % 2:
                owner.stop()


@pytest.mark.smoke
def test_the_second_service_names_the_owner_and_its_address(start, tmp_path):
    stick = Stick(tmp_path / 'stick')
    owner = start(MODELS, '--device', stick.device, '--load', 'none', '--lock-dir', tmp_path)
    second = device_service(tmp_path / 'second', stick)
    with pytest.raises(AssertionError):
        second.start()
    assert_one_owner([owner, second])
    assert f'unix:{owner.socket}' in second.log()
    assert owner.client.get('/list').status_code == 200


def assert_refused(service, owner):
    with pytest.raises(AssertionError):
        service.start()
    assert_one_owner([owner, service])


def test_every_path_to_a_stick_is_one_device(start, tmp_path):
    stick = Stick(tmp_path / 'stick')
    (tmp_path / 'link').symlink_to('stick')
    owner = start(MODELS, '--device', stick.device, '--load', 'none', '--lock-dir', tmp_path)
    for number, path in enumerate([tmp_path / 'link', os.path.relpath(stick.path), tmp_path / '..' / tmp_path.name / 'link']):
        assert_refused(Service(tmp_path / f'second{number}', MODELS, '--device', f'SIMULATED:{path}', '--load', 'none',
                               '--lock-dir', tmp_path), owner)


@pytest.mark.parametrize('first, second, disjoint', [
    ('GPU', 'BATCH:GPU.0(4)', 'NPU'),
    ('MULTI:GPU.1,CPU', 'HETERO:GPU,CPU', 'GPU.0'),
    ('NPU.1.2-ma2480', 'NPU', 'NPU.1.4-ma2480'),
    ('AUTO', 'NPU', 'CPU'),
    ('NPU', 'AUTO', 'AUTO:CPU'),
])
def test_names_that_may_mean_one_device_are_one(start, tmp_path, first, second, disjoint):
    """Whether or not there is such a device: nobody asks its driver."""
    def service(name, device):
        return Service(tmp_path / name, MODELS, '--device', device, '--load', 'none', '--lock-dir', tmp_path)

    owner = start(MODELS, '--device', first, '--load', 'none', '--lock-dir', tmp_path)
    assert_refused(service('second', second), owner)
    other = service('other', disjoint).start()
    assert owner.process.poll() is None
    other.stop()
    owner.stop()
    service('then', second).start().stop()


def test_the_cpu_is_locked_for_those_who_ask_for_it(start, tmp_path):
    shared = ['--device', 'CPU', '--load', 'none', '--lock-dir', tmp_path]
    owner = start(MODELS, *shared, '--device-lock', 'always')
    assert_refused(Service(tmp_path / 'second', MODELS, *shared, '--device-lock', 'always'), owner)
    start(MODELS, *shared)


def test_another_lock_folder_does_not_let_two_have_the_device(start, tmp_path):
    """The stick itself is exclusive: the second one waits for it, and has it when the first ends."""
    stick = Stick(tmp_path / 'stick')
    first = start(MODELS, '--device', stick.device, '--load', 'none')
    first.wait_for_log('the device is open')
    second = start(MODELS, '--device', stick.device, '--load', 'none', ready=False)
    second.wait_for_log('X_LINK_DEVICE_NOT_FOUND')
    first.stop()
    second.wait_for_log('the device is open')


def free_to_lock(folder):
    """Whether no process holds a lock of a device in this folder."""
    [path] = folder.glob('accelerd-*')
    with open(path, 'rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.smoke
@pytest.mark.parametrize('stopped', [False, True], ids=['worker runs', 'worker is stopped'])
def test_nothing_stays_of_a_daemon_that_was_killed(tmp_path, digit, stopped):
    stick = Stick(tmp_path / 'stick')
    before = shared_memory()
    service = Service(tmp_path / 'first', MODELS, '--device', stick.device, '--lock-dir', tmp_path)
    service.start().wait_ready()
    assert service.client.post_file('/inference/file/digit_classifier', digit).status_code == 200
    worker = wait_worker(service)
    assert set(holders_of('memfd:accelerd')) >= {service.process.pid, worker}
    if stopped:
        os.kill(worker, signal.SIGSTOP)
    kill(service)
    wait_until(lambda: not runs(worker), 'the worker to die with its daemon', timeout=10)
    # Its main thread may be gone before its last one, which lets go of its files.
    wait_until(lambda: free_to_lock(tmp_path), 'the end of the lock', timeout=10)
    wait_until(lambda: shared_memory() <= before, 'the end of shared memory', timeout=10)
    wait_until(lambda: not {service.process.pid, worker} & set(holders_of('memfd:accelerd')), 'the end of its memory', timeout=10)
    with Service(tmp_path / 'next', MODELS, '--device', stick.device, '--lock-dir', tmp_path) as following:
        assert following.client.post_file('/inference/file/digit_classifier', digit).status_code == 200
        assert 'X_LINK_DEVICE_NOT_FOUND' not in following.log()


@pytest.mark.parametrize('stopped', [False, True], ids=['worker runs', 'worker is stopped'])
def test_the_next_daemon_at_once_after_the_kill(tmp_path, stopped):
    """It may come before the worker is dead: then it is refused; it never shares the device."""
    stick = Stick(tmp_path / 'stick')
    for turn in range(5):
        first = device_service(tmp_path / f'first{turn}', stick).start()
        worker = wait_worker(first)
        first.wait_for_log('the device is open')
        if stopped:
            os.kill(worker, signal.SIGSTOP)
        first.process.kill()
        following = device_service(tmp_path / f'next{turn}', stick)
        try:
            following.start()
        except AssertionError:
            assert following.process.returncode == OWNED, following.log()
            assert f'process {first.process.pid} at ' in following.log()
        else:
            following.wait_for_log('the device is open')
            assert not runs(worker)
            following.stop()
        first.process.wait()
        wait_until(lambda: not runs(worker), 'the worker to die', timeout=10)


def test_a_worker_that_does_not_die_keeps_the_device(tmp_path):
    """It inherited the lock: the device is free when both are dead."""
    script = tmp_path / 'stubborn.py'
    script.write_text(STUBBORN_WORKER)
    stick = Stick(tmp_path / 'stick')
    command = f'{sys.executable} {script} {tmp_path}/up'
    service = device_service(tmp_path / 'first', stick, '--worker-command', command).start()
    wait_until((tmp_path / 'up').exists, 'the worker to be up')
    worker = wait_worker(service)
    kill(service)
    try:
        assert runs(worker), 'this worker dies too easily for the test'
        second = device_service(tmp_path / 'second', stick)
        with pytest.raises(AssertionError):
            second.start()
        assert second.process.returncode == OWNED, second.log()
        assert runs(worker)
    finally:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not runs(worker), 'the worker to die', timeout=10)
    third = device_service(tmp_path / 'third', stick).start()
    third.wait_for_log('the device is open')
    third.stop()


def test_a_daemon_that_ends_leaves_no_worker(start, tmp_path):
    stick = Stick(tmp_path / 'stick')
    service = start(MODELS, '--device', stick.device)
    worker = wait_worker(service)
    assert children(service.process.pid) == [worker]
    service.stop()
    assert not runs(worker)
    assert free_to_lock(service.folder)
    assert not stick.show()['owned']


# Two users.


@pytest.fixture
def open_folder():
    """A folder that every user may use, which pytest's own are not."""
    if os.geteuid() != 0 or not shutil.which('setpriv'):
        pytest.skip('only root can be two users')
    folder = pathlib.Path(tempfile.mkdtemp(prefix='accelerd-'))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


def as_nobody(service):
    """The same service, run by a user without rights, in a folder that the user can write."""
    service.folder.chmod(0o777)
    service.command = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', *service.command]
    return service


@pytest.mark.parametrize('first', ['root', 'nobody'])
def test_two_users_want_one_device(open_folder, first):
    probe = subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', BINARY, 'version'],
                           env=environment(), capture_output=True, timeout=GENEROUS, check=False)
    if probe.returncode != 0:
        pytest.skip('another user cannot run the binary where it lies')
    stick = Stick(open_folder / 'stick')
    for path in open_folder.iterdir():
        path.chmod(0o666)
    services = {user: device_service(open_folder / user, stick) for user in ('root', 'nobody')}
    as_nobody(services['nobody'])
    owner = services.pop(first).start()
    [second] = services.values()
    try:
        wait_worker(owner)
        with pytest.raises(AssertionError):
            second.start()
        assert_one_owner([owner, second])
    finally:
        owner.stop()
    second.start()
    second.stop()


def test_daemons_on_two_devices_do_not_disturb_each_other(tmp_path):
    sticks = [Stick(tmp_path / f'stick{index}') for index in range(2)]
    services = [device_service(tmp_path / str(index), stick).start() for index, stick in enumerate(sticks)]
    for service in services:
        service.wait_for_log('the device is open')
        assert worker_of(service)
    for service in services:
        service.stop()
