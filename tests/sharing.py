"""Clients that share one simulated device."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import threading

from client import json_of
from conftest import MODELS
from polling import wait_until
from simulated import Stick

CALL = '/classify/file/digit_classifier'

# Posts an image over some connections until its input ends, each one answered before the next.
ASKER = '''
import http.client, itertools, json, sys, threading
port, connections, kept, path, image = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == 'kept', sys.argv[4], sys.argv[5]
headers = json.loads(sys.argv[6])
body = open(image, 'rb').read()
numbers = itertools.count()
stop = False

def ask():
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    while not stop:
        numbered = {name: value.replace('#', str(next(numbers))) for name, value in headers.items()}
        connection.request('POST', path, body, {'Content-Type': 'image/jpeg', **numbered})
        connection.getresponse().read()
        if not kept:
            connection.close()

threads = [threading.Thread(target=ask) for _ in range(connections)]
for thread in threads:
    thread.start()
sys.stdin.read()
stop = True
for thread in threads:
    thread.join()
'''


@contextlib.contextmanager
def asking(service, image, connections=1, kept=True, path=CALL, **headers):
    """A process that asks until the block ends; its id. A `#` in a header is another number for each request."""
    command = [sys.executable, '-c', ASKER, service.url.rsplit(':', 1)[1], str(connections),
               'kept' if kept else 'fresh', path, str(image), json.dumps(headers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield process.pid
        finally:
            process.stdin.close()
            assert process.wait(timeout=60) == 0


class Busy:
    """A call in a thread of its own, over a connection of its own."""

    def __init__(self, service, image, transport='tcp', path=CALL, **headers):
        self.response = None
        self._client = service.connect(transport)
        self._thread = threading.Thread(target=self._ask, args=[path, image, headers])
        self._thread.start()

    def _ask(self, path, image, headers):
        self.response = self._client.post_file(path, image, headers=headers)

    def wait(self):
        self._thread.join()
        self._client.close()
        return self.response

    @property
    def answered(self):
        return not self._thread.is_alive()


def stats(service):
    return json_of(service.client.get('/stats'))


def wait_stats(service, condition):
    """Waits until the stats are so; them."""

    def look():
        current = stats(service)
        return condition(current) and current

    return wait_until(look, lambda: f'other stats than {stats(service)}')


def peer_name(process):
    """How a process of this user is called as a client."""
    name = pathlib.Path(f'/proc/{process}/comm').read_text().removesuffix('\n')
    return f'uid {os.geteuid()} pid {process} ({name})'


def clients_of(current):
    """Each client's part, by its name and id; none is there twice."""
    clients = {(entry['client'], entry.get('id')): entry for entry in current['clients']}
    assert len(clients) == len(current['clients']), current
    return clients


def completed(current, name, member=None):
    return clients_of(current).get((name, member), {}).get('completed', 0)


def begin_service(start, folder, *arguments, latency='3ms', isolation='none'):
    """A service with one model on a device that runs one inference at a time."""
    stick = Stick(folder / 'stick', slots=1)
    service = start(MODELS, '--device', stick.device, '--load', 'digit_classifier', '--isolation', isolation, *arguments)
    stick.set(latency=latency)  # Of the inferences from now on: the start has some of its own.
    return service
