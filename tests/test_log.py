"""The log: whoever reads standard error, and however slowly, the service serves, and lines stay lines."""

import contextlib
import fcntl
import os
import re
import select
import signal
import subprocess
import termios

import pytest

import made_models
from client import Client, array_of
from polling import GENEROUS, wait_until
from service import BINARY, environment

_F_SETPIPE_SZ = 1031
LOADS = 400


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Models beneath a path of 2,000 letters: each load call logs lines that name it."""
    top = tmp_path_factory.mktemp('long')
    path = top.joinpath(*['x' * 200] * 10)
    path.mkdir(parents=True)
    made_models.save(made_models.classifier(1), path, 'a')
    for extension in ('onnx', 'tflite'):
        (path / f'a.{extension}').write_bytes(b'nothing')
    return path


class Loud:
    """A service whose standard error goes to `stderr`, a descriptor."""

    def __init__(self, tmp_path, folder, stderr):
        self.folder = folder
        socket = tmp_path / 's'
        self.process = subprocess.Popen(
            [BINARY, 'serve', '--listen', f'unix:{socket}', '--models', folder, '--load', 'none', '--cache-dir', 'none',
             '--state-dir', 'none', '--lock-dir', tmp_path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=stderr, env=environment())
        wait_until(lambda: socket.exists() or self.process.poll() is not None, 'the service to listen')
        self.client = Client(f'unix:{socket}')

    def load(self):
        response = self.client.post('/load', json={'path': str(self.folder), 'name': 'a'})
        assert response.status_code == 201, response.text

    def fill_the_log(self, digit):
        """Makes it log more than it keeps, and sees that it answers all the while."""
        for _ in range(LOADS):
            self.load()
        array_of(self.client.post_file('/test/file', digit))
        assert self.client.get('/health/live').status_code == 200

    def end(self):
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=GENEROUS)


@contextlib.contextmanager
def loud(*arguments):
    service = Loud(*arguments)
    try:
        yield service
    finally:
        service.process.kill()
        service.process.wait()


@pytest.fixture
def pipe():
    """A small pipe, both ends."""
    read, write = os.pipe()
    fcntl.fcntl(write, _F_SETPIPE_SZ, 4096)
    yield read, write
    for end in (read, write):
        with contextlib.suppress(OSError):
            os.close(end)


def read_until(descriptor, pattern):
    """Reads until the text matches; returns the text."""
    text = ''
    while not re.search(pattern, text):
        readable, _, _ = select.select([descriptor], [], [], GENEROUS)
        assert readable, f'waited in vain for {pattern!r}; the end of the log:\n{text[-2000:]}'
        text += os.read(descriptor, 1 << 16).decode()
    return text


@pytest.mark.smoke
def test_a_reader_that_stalls_freezes_nothing(tmp_path, folder, digit, pipe):
    with loud(tmp_path, folder, pipe[1]) as service:
        service.fill_the_log(digit)
        assert service.end() == 0


def test_what_was_dropped_is_counted(tmp_path, folder, digit, pipe):
    with loud(tmp_path, folder, pipe[1]) as service:
        service.fill_the_log(digit)
        text = read_until(pipe[0], r'log: \d+ lines were dropped here: ')
        dropped = int(re.search(r'log: (\d+) lines were dropped', text).group(1))
        # Each call logs a line for each of the two files that it passes over.
        assert len(re.findall('is not used: model a is read from', text)) + dropped == 2 * LOADS
        service.load()
        text = read_until(pipe[0], r'a\.tflite is not used.*\n')
        assert 'dropped' not in text
        service.process.send_signal(signal.SIGTERM)
        read_until(pipe[0], r'serve: stopped\n')
        assert service.end() == 0


def test_a_terminal_that_is_stopped_freezes_nothing(tmp_path, folder, digit):
    keyboard, terminal = os.openpty()
    try:
        termios.tcflow(terminal, termios.TCOOFF)  # As Ctrl-S does.
        with loud(tmp_path, folder, terminal) as service:
            service.fill_the_log(digit)
            assert service.end() == 0
    finally:
        os.close(keyboard)
        os.close(terminal)


@pytest.mark.parametrize('end', ['reader gone', 'disk full', 'closed', 'does not block'])
def test_an_output_that_takes_nothing(tmp_path, folder, digit, pipe, end):
    read, write = pipe
    if end == 'reader gone':
        os.close(read)
    elif end == 'does not block':
        os.set_blocking(write, False)
    elif end == 'disk full':
        write = os.open('/dev/full', os.O_WRONLY)
    else:
        write = os.open('/dev/null', os.O_RDONLY)
    with loud(tmp_path, folder, write) as service:
        service.fill_the_log(digit)
        assert service.end() == 0


def test_a_start_that_fails_does_not_wait_for_its_reader(tmp_path, models, pipe):
    os.set_blocking(pipe[1], False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe[1], bytes(4096))
    os.set_blocking(pipe[1], True)
    process = subprocess.Popen([BINARY, 'serve', '--listen', '127.0.0.1:0', '--models', tmp_path / 'absent', '--lock-dir',
                                tmp_path], stdout=subprocess.DEVNULL, stderr=pipe[1], env=environment())
    assert process.wait(timeout=GENEROUS) == 1


@pytest.mark.smoke
@pytest.mark.parametrize('text', ['\x9b31m', '\u202e', '\u2066', '\u200b', '\u2028', '\x1b[2J', '\x7f', '\x85', '\ufeff'])
def test_text_of_clients_steers_no_terminal(start, tmp_path, text):
    folder = tmp_path / f'models{text}x'
    folder.mkdir()
    for extension in ('onnx', 'tflite'):
        (folder / f'a.{extension}').write_bytes(b'nothing')
    service = start(folder, '--load', 'none')
    assert service.client.post('/load', json={'path': str(folder), 'name': 'a'}).status_code == 503
    log = service.log()
    assert 'is not used' in log and text not in log
    assert f'\\x{ord(text[0]):02x}' in log or f'\\u{ord(text[0]):04x}' in log


def test_bytes_that_are_no_text_are_escaped(start, tmp_path):
    folder = os.fsencode(tmp_path) + b'/models-\x9b-\xff'
    os.mkdir(folder)
    for extension in (b'onnx', b'tflite'):
        with open(folder + b'/a.' + extension, 'wb') as file:
            file.write(b'nothing')
    service = start(os.fsdecode(folder))
    service.wait_for_log(r'models-\\x9b-\\xff/a\.tflite is not used')
