"""Signals: what asks the service to end lets accepted work finish, and nothing else ends it."""

import os
import resource
import signal

import pytest

from client import array_of, json_of
from polling import wait_until
from processes import runs, wait_worker

SAID = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]
IGNORED = [signal.SIGPIPE, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGXFSZ, signal.SIGPWR,
           signal.SIGSTKFLT, signal.SIGRTMIN, signal.SIGRTMAX, signal.SIGURG, signal.SIGWINCH, signal.SIGCHLD]


def mask(process, name):
    """A set of signals of /proc/PROCESS/status: SigBlk, SigIgn or SigCgt."""
    with open(f'/proc/{process}/status') as file:
        [line] = [line for line in file if line.startswith(name + ':')]
    bits = int(line.split()[1], 16)
    return {number for number in range(1, 65) if bits >> (number - 1) & 1}


@pytest.mark.smoke
@pytest.mark.parametrize('isolation', ['none', 'worker'])
def test_other_signals_end_nothing(start, models, digit, isolation):
    service = start(models, '--load', 'digit_classifier', '--device', 'CPU', '--isolation', isolation)
    processes = [service.process.pid] + ([wait_worker(service)] if isolation == 'worker' else [])
    for process in processes:
        for number in SAID + IGNORED:
            os.kill(process, number)
    for number in SAID:
        service.wait_for_log(rf'serve: {number.name} is ignored')
    assert service.client.post_file('/classify/file/digit_classifier', digit).status_code == 200
    assert all(runs(process) for process in processes)
    assert 'draining' not in service.log()


@pytest.mark.parametrize('number', [signal.SIGQUIT, signal.SIGXCPU])
def test_signals_that_drain(start, models, number):
    service = start(models, '--load', 'none')
    service.signal(number)
    assert service.wait_exit() == 0
    assert f'{number.name}: draining' in service.log()


def test_a_limit_of_file_sizes_is_an_error_of_the_write(start, models, digit):
    """The cache cannot be written; the model serves all the same."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16 << 10, before[1]))
    try:
        service = start(models, '--load', 'digit_classifier')
        assert service.client.post_file('/classify/file/digit_classifier', digit).status_code == 200
        # The log cannot grow without end either.
        for number in range(400):
            service.client.post('/load', json={'path': str(models), 'name': f'absent{number}'})
            service.signal(signal.SIGUSR1)
        array_of(service.client.post_file('/test/file', digit))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_worker_starts_with_signals_of_its_own(start, models):
    """Neither what the daemon blocks and ignores, nor what its parent left to it."""
    blocked = {signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    ignored = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGCHLD, signal.SIGHUP)}
    try:
        service = start(models, '--load', 'digit_classifier', '--device', 'CPU', '--isolation', 'worker', ready=False)
    finally:
        for number, handler in ignored.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    service.wait_ready()
    worker = wait_worker(service)
    assert mask(worker, 'SigBlk') == set()
    assert mask(worker, 'SigIgn') >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
    assert signal.SIGCHLD not in mask(worker, 'SigIgn') | mask(service.process.pid, 'SigIgn')
    assert json_of(service.client.get('/list')) == ['digit_classifier']
    os.kill(worker, signal.SIGKILL)
    assert wait_worker(service, other_than=worker)
    wait_until(lambda: json_of(service.client.get('/list')) == ['digit_classifier'], 'the model to return')
    assert 'was killed by signal 9' in service.log()
