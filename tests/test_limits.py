"""One client exhausts a resource, and another one is served all the same: docs/limits.md.

Each attacker is a process, and so a client, of its own. It takes all that it can get of one resource, says so, and holds
it. The victim is the test's process, which was not there before.
"""

import contextlib
import dataclasses
import io
import subprocess
import sys
import time
from typing import Callable

import cv2
import numpy as np
import pytest

from client import json_of
from conftest import MODELS
from polling import GENEROUS
from simulated import Stick

CALL = '/classify/file/digit_classifier'

# What docs/limits.md promises to the victim, in seconds, with much room for a busy machine. Before there were shares, each
# of these attacks kept others out for half a minute at least.
PROMISED = 20

# Helpers of the attackers. Everything is bounded: an attacker holds what it has until its standard input ends.
PRELUDE = '''
import resource, socket, sys, threading, time
port, image = int(sys.argv[1]), open(sys.argv[2], 'rb').read()
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
held = []

def connect():
    connection = socket.create_connection(('127.0.0.1', port), timeout=60)
    held.append(connection)
    return connection

def send(connection, data):
    try:
        connection.sendall(data)
    except OSError:
        pass

def head(path, length, *more):
    lines = ['POST ' + path + ' HTTP/1.1', 'Host: localhost', 'Content-Type: image/jpeg', 'Content-Length: ' + str(length)]
    return '\\r\\n'.join([*lines, *more, '', '']).encode()

def in_threads(count, function):
    threads = [threading.Thread(target=function, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads

def repeat(path):
    def ask():
        connection = connect()
        while True:
            send(connection, head(path, len(image)) + image)
            if not connection.recv(65536):
                connection = connect()
    return ask

CALL = '/classify/file/digit_classifier'
'''


@dataclasses.dataclass
class Attack:
    """`script` runs behind PRELUDE. `flags` are of the service, `image` makes the attacker's image."""

    script: str
    flags: tuple = ()
    image: Callable[[], bytes] = lambda: (MODELS / 'images/digit_5.jpg').read_bytes()
    device_absent: bool = False


def _flat_image(rows, cols):
    """A picture that is small, and large when it is decoded."""
    return cv2.imencode('.jpg', np.full((rows, cols, 3), 127, np.uint8))[1].tobytes()


def _slow_image():
    """A picture that takes long to decode for its size: noise in a progressive JPEG."""
    noise = np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), np.uint8)
    return cv2.imencode('.jpg', noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


ATTACKS = {
    'bodies without their last byte': Attack('''
size = 32 << 20
for _ in range(8):
    connection = connect()
    connection.settimeout(5)
    send(connection, head(CALL, size) + bytes(size - 1))
'''),
    'stalled bodies': Attack('''
for _ in range(1100):
    send(connect(), head(CALL, 1000) + bytes(10))
'''),
    'stalled chunked bodies': Attack('''
for _ in range(1100):
    send(connect(), b'POST ' + CALL.encode() + b' HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3e8\\r\\nabc')
'''),
    'unfinished headers': Attack('''
for _ in range(1100):
    send(connect(), b'GET /list HTTP/1.1\\r\\nHost: loc')
'''),
    'idle connections': Attack('''
for _ in range(1100):
    connect()
'''),
    'slow readers': Attack('''
for _ in range(16):
    connection = connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    send(connection, head('/test/file', len(image)) + image)
for connection in held:
    connection.settimeout(30)
    try:
        connection.recv(1)
    except OSError:
        pass
''', ('--max-total-response-bytes', '24300KiB'), image=lambda: _flat_image(2000, 2000)),  # Room for two and a bit.
    'inferences': Attack('''
in_threads(300, repeat(CALL))
time.sleep(1)
'''),
    'decoding without inferences': Attack('''
in_threads(300, repeat('/test/file'))
time.sleep(1)
''', image=lambda: _flat_image(3000, 4000)),
    'images that are slow to decode': Attack('''
in_threads(16, repeat(CALL))
time.sleep(1)
''', image=_slow_image),
    'bodies that are slow to search': Attack('''
body = b'--b\\r\\nContent-Disposition: form-data; name="file"\\r\\n\\r\\n' + b'\\r\\n--' * (4 << 20)
def ask():
    while True:
        connection = connect()
        send(connection, head(CALL, len(body), 'Content-Type: multipart/form-data; boundary=' + 'b' * 60)
             .replace(b'Content-Type: image/jpeg\\r\\n', b'') + body)
        connection.recv(65536)
        connection.close()
in_threads(6, ask)
time.sleep(1)
'''),
    'loads on a device that is not there': Attack('''
body = b'{"path": "' + sys.argv[3].encode() + b'", "name": "digit_segmenter"}'
for _ in range(1100):
    send(connect(), head('/load', len(body)) + body)
''', device_absent=True),
}


@contextlib.contextmanager
def _attacking(service, attack, tmp_path):
    """Runs the attacker until the block ends."""
    image = tmp_path / 'attack.jpg'
    image.write_bytes(attack.image())
    command = [sys.executable, '-c', PRELUDE + attack.script + "\nprint('holding', flush=True)\nsys.stdin.read()\n",
               service.url.rsplit(':', 1)[1], str(image), str(MODELS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == 'holding\n'
            yield
        finally:
            process.kill()
            process.stdin.close()
            process.stdout.close()


@pytest.mark.parametrize('attack', ATTACKS.values(), ids=ATTACKS.keys())
def test_another_client_is_served(start, tmp_path, digit, scene, attack):
    stick = Stick(tmp_path / 'stick', slots=1)
    service = start(MODELS, '--device', stick.device, '--load', 'digit_classifier', '--isolation', 'none', *attack.flags)
    service.wait_ready()
    if attack.device_absent:
        stick.unplug()
        service.wait_for_log('device is lost')
    else:
        stick.set(latency='20ms')
    with _attacking(service, attack, tmp_path):
        for _ in range(3):
            begin = time.monotonic()
            victim = service.connect()
            assert victim.get('/health/live', timeout=GENEROUS).status_code == 200
            if not attack.device_absent:
                response = victim.post_file(CALL, digit, timeout=GENEROUS)
                assert response.status_code == 200, response.text
                # An answer over 64 KiB, which needs room of its own.
                array = victim.post_file('/test/file', scene, timeout=GENEROUS)
                assert array.status_code == 200, array.text
                assert np.load(io.BytesIO(array.content)).shape == cv2.imread(str(scene)).shape
            victim.close()
            assert time.monotonic() - begin < PROMISED
    assert json_of(service.client.get('/list')) == ['digit_classifier']
