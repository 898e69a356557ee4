"""Clients that know every answer and keep a record of what they got.

A request may end in one of two ways: its one correct answer, or an honest 503. All else is a violation: a wrong answer,
a second one, none at all.
"""

import collections
import dataclasses
import json
import random
import select
import socket
import threading
import time
import urllib.parse

import cv2
import numpy as np

import npy
import reference
from polling import wait_until

ANSWER_TIMEOUT = 90.0
"""Seconds after which a request counts as lost: far beyond the deadline of requests."""

CORRECT, REFUSED, WRONG, LOST = 'correct', 'honest 503', 'wrong', 'lost'


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One request and its answer: for `inference` an array that must be met to the last bit, or a function that judges
    one; for `classify` a list of classes.
    """
    task: str
    model: str
    image: bytes
    expected: object

    def request(self):
        head = (f'POST /{self.task}/file/{self.model} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n'
                f'Content-Length: {len(self.image)}\r\n\r\n')
        return head.encode() + self.image

    def is_answered_by(self, body):
        """Whether `body` is this call's answer."""
        if self.task == 'inference':
            actual = npy.read(body)
            if callable(self.expected):
                return self.expected(actual)
            return actual.dtype == self.expected.dtype and np.array_equal(actual, self.expected)
        try:
            reference.assert_same_classes(json.loads(body), self.expected)
        except AssertionError:
            return False
        return True


@dataclasses.dataclass(frozen=True)
class Record:
    """How a request ended; times are of time.monotonic()."""
    outcome: str
    model: str
    sent: float
    answered: float
    detail: str = ''


def random_image(rows, cols, seed):
    """An image in a few colours, as pixels and as a PNG."""
    blocks = np.random.default_rng(seed).integers(0, 256, (rows // 8, cols // 8, 3), dtype=np.uint8)
    image = np.kron(blocks, np.ones((8, 8, 1), dtype=np.uint8))
    return image, cv2.imencode('.png', image)[1].tobytes()


def calls_of(model, classify=False, images=6):
    """Calls of a SimulatedModel, or anything with its methods, with images of its size; a third may be `classify`."""
    calls = []
    for seed in range(images):
        image, encoded = random_image(model.rows, model.cols, seed)
        name = 'classify' if classify and seed % 3 == 2 else 'inference'
        calls.append(Call(name, model.name, encoded, getattr(model, name)(image)))
    return calls


class Connection:
    """A kept connection that notices bytes nobody asked for."""

    def __init__(self, address):
        if address.startswith('unix:'):
            self._socket = socket.socket(socket.AF_UNIX)
            target = address.removeprefix('unix:')
        else:
            self._socket = socket.socket(socket.AF_INET)
            url = urllib.parse.urlsplit(address)
            target = (url.hostname, url.port)
        self._socket.settimeout(ANSWER_TIMEOUT)
        self._socket.connect(target)
        self._received = b''

    def ask(self, request):
        """Status, headers (names in lower case) and body of the one answer."""
        if self.has_input():
            raise ValueError(f'an answer without a question, or the end of the connection: {self._received!r}')
        self._socket.sendall(request)
        head = self._read_until(b'\r\n\r\n')
        status, *lines = head.decode('latin-1').split('\r\n')
        headers = dict(line.lower().split(': ', 1) for line in lines)
        body = self._read(int(headers['content-length']))
        return int(status.split()[1]), headers, body

    def has_input(self):
        """Whether bytes, or the end of the connection, are there that nobody asked for."""
        return bool(self._received) or bool(select.select([self._socket], [], [], 0)[0])

    def _receive(self):
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError(f'the connection ended after {self._received[:200]!r}')
        self._received += data

    def _read_until(self, mark):
        while mark not in self._received:
            self._receive()
        part, self._received = self._received.split(mark, 1)
        return part

    def _read(self, count):
        while len(self._received) < count:
            self._receive()
        part, self._received = self._received[:count], self._received[count:]
        return part

    def close(self):
        self._socket.close()


class _Client(threading.Thread):
    """One client: asks, judges, records, asks again."""

    def __init__(self, checker, seed):
        super().__init__(daemon=True)
        self._checker = checker
        self._choice = random.Random(seed)
        self._connection = None
        self._known = {}

    def run(self):
        while not self._checker.stopping.is_set():
            record = self.ask(self._choice.choice(self._checker.calls))
            self._checker.add(record)
            pause = 0.05 if record.outcome == REFUSED else self._checker.pause
            if pause:
                self._checker.stopping.wait(pause)
        self.close()

    def close(self):
        if self._connection and self._connection.has_input():
            now = time.monotonic()
            self._checker.add(Record(WRONG, '', now, now, 'a second answer, or a connection that was closed'))
        self._drop_connection()

    def ask(self, call):
        sent = time.monotonic()
        outcome, detail = LOST, ''
        try:
            if not self._connection:
                self._connection = Connection(self._checker.address)
            status, headers, body = self._connection.ask(call.request())
            outcome, detail = self._judge(call, status, headers, body)
            if headers.get('connection') == 'close':
                self._drop_connection()
        except Exception as error:
            self._drop_connection()
            outcome, detail = LOST, f'{type(error).__name__}: {error}'
        return Record(outcome, call.model, sent, time.monotonic(), detail)

    def _drop_connection(self):
        if self._connection:
            self._connection.close()
        self._connection = None

    def _judge(self, call, status, headers, body):
        if status == 503:
            return REFUSED if _is_honest(headers, body) else LOST, f'{headers.get("retry-after")} {body[:300]!r}'
        if status != 200:
            return LOST, f'status {status}: {body[:300]!r}'
        if self._known.get(call) == body:
            return CORRECT, ''
        if not call.is_answered_by(body):
            return WRONG, f'{call.task} of {call.model}: {body[-300:]!r}'
        self._known[call] = body
        return CORRECT, ''


def _is_honest(headers, body):
    """Whether a 503 says when to come back, and why."""
    try:
        content = json.loads(body)
        return int(headers['retry-after']) >= 0 and list(content) in (['error'], ['error', 'reason']) and bool(content['error'])
    except (KeyError, ValueError, TypeError):
        return False


class Checker:
    """Clients at work while it is entered, and their records.

    `clients` may be 0: nothing is asked but what ask_each() asks. `pause` are seconds between an answer and the next
    question.
    """

    def __init__(self, address, calls, clients, pause=0.0, seed=0):
        self.address = address
        self.calls = calls
        self.pause = pause
        self.stopping = threading.Event()
        self.models = sorted({call.model for call in calls})
        self._lock = threading.Lock()
        self._records = []
        self._violations = []
        self._last_correct = {}
        self._clients = [_Client(self, seed + index) for index in range(clients)]
        self._idle_client = _Client(self, seed)

    def add(self, record):
        with self._lock:
            self._records.append(record)
            if record.outcome in (WRONG, LOST):
                self._violations.append(record)
            if record.outcome == CORRECT:
                before = self._last_correct.get(record.model, 0.0)
                self._last_correct[record.model] = max(before, record.sent)

    def records(self):
        with self._lock:
            return list(self._records)

    def counts(self):
        return collections.Counter(record.outcome for record in self.records())

    def violations(self):
        with self._lock:
            return list(self._violations)

    def ask_each(self, model=None):
        """Asks one question of each model, or of one, on a connection that stays open; the records."""
        asked = []
        for call in {call.model: call for call in self.calls}.values():
            if model in (None, call.model):
                asked.append(self._idle_client.ask(call))
                self.add(asked[-1])
        return asked

    def correct_since(self, since, model):
        """Whether a question of the model that was asked after `since` had its correct answer."""
        if not self._clients:
            self.ask_each(model)
        with self._lock:
            return self._last_correct.get(model, 0.0) > since

    def wait_correct(self, since, models=None, what='correct answers of every model'):
        """Waits until every model (or these) answers questions that are asked after `since`; fails at a violation."""

        def all_serve():
            self.assert_no_violation()
            return all(self.correct_since(since, model) for model in models or self.models)

        def describe():
            return f'{what}; records: {self.counts()}, the last: {self.records()[-3:]}'

        wait_until(all_serve, describe)

    def first_correct(self, since):
        """When the first question that was asked after `since` had its correct answer; None: not yet."""
        with self._lock:
            answered = [record.answered for record in reversed(self._records)
                        if record.outcome == CORRECT and record.sent > since]
        return min(answered, default=None)

    def __enter__(self):
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for client in self._clients:
            client.join()
        self._idle_client.close()

    def assert_no_violation(self):
        violations = self.violations()
        assert not violations, (self.counts(), violations[:5])

    def assert_honest(self):
        """Every request had exactly one answer, the correct one or an honest refusal. After the clients ended."""
        self.assert_no_violation()
        assert self.counts()[CORRECT], 'no correct answer at all'
