"""The real binary, started for a test and stopped after it."""

import os
import pathlib
import re
import signal
import subprocess
import sys

from client import Client
from polling import GENEROUS, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get('ACCELERD_BINARY', ROOT / 'build/release/accelerd')).resolve()

_SANITIZER_REPORT = re.compile(
    r'ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|SUMMARY: \w+Sanitizer|runtime error:')


def environment(**variables):
    """This process's environment without what would configure the service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith('ACCELERD_')}
    return kept | variables


def run(*arguments, stdin=b'', timeout=GENEROUS, cwd=None, **variables):
    """Runs the binary to its end; its output is text unless it is not UTF-8."""
    return subprocess.run([BINARY, *map(str, arguments)], input=stdin, capture_output=True, timeout=timeout, cwd=cwd,
                          env=environment(**variables), check=False)


def denied(error, *names):
    """The words before a command that deny it system calls; see deny_system_calls.py."""
    return [sys.executable, ROOT / 'tests/deny_system_calls.py', *(f'{name}={error}' for name in names), '--']


class Service:
    """`accelerd serve` on a free port and a Unix socket, with folders of its own beneath `folder`.

    `models` is the models folder; `allow` the directories of --allow-path, `allow_models` those of --allow-models;
    `cache` says whether there is a cache of compiled models, or names its folder; `arguments` are further flags;
    without `defaults` there are no others. `wrapper` is a command that runs the service as its last arguments and becomes it.
    """

    def __init__(self, folder, models, *arguments, allow=(), allow_models=(), variables=None, cache=True,
                 defaults=True, wrapper=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / 's'
        self.cache = self.folder / 'cache'
        self.command = [*wrapper, BINARY, 'serve']
        if defaults:
            self.command += ['--listen', '127.0.0.1:0', '--listen', f'unix:{self.socket}', '--precision', 'f32',
                             '--cache-dir', self._cache_flag(cache), '--state-dir', self.folder / 'state',
                             '--lock-dir', self.folder, '--models', models]
        for directory in allow:
            self.command += ['--allow-path', directory]
        for directory in allow_models:
            self.command += ['--allow-models', directory]
        self.command += arguments
        self.variables = variables or {}
        self.process = None
        self._log_path = self.folder / 'log'
        self._log_start = 0
        self._clients = {}

    def _cache_flag(self, cache):
        if isinstance(cache, bool):
            return self.cache if cache else 'none'
        return cache

    def start(self):
        """Starts the process and waits until it listens."""
        self._log_path.touch()
        self._log_start = self._log_path.stat().st_size
        with open(self._log_path, 'ab') as log:
            self.process = subprocess.Popen([str(part) for part in self.command], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log, env=environment(**self.variables))
        self.wait_for_log(r'listening on ')
        return self

    def wait_ready(self):
        """Waits until no model that was asked for at the start is loading any more."""
        self.wait_for_log(r'\bserve: ready\b')
        return self

    def log(self):
        """What the process that runs now, or ran last, has logged."""
        with open(self._log_path, 'rb') as log:
            log.seek(self._log_start)
            return log.read().decode(errors='replace')

    def wait_for_log(self, pattern):
        """Waits for a log line that matches; returns the match."""

        def look():
            found = re.search(pattern, self.log())
            if not found and self.process.poll() is not None:
                raise AssertionError(f'the service ended with {self.process.returncode}:\n{self.log()}')
            return found

        return wait_until(look, lambda: f'the log line {pattern!r}; the log:\n{self.log()}')

    @property
    def url(self):
        return 'http://127.0.0.1:' + self.wait_for_log(r'listening on 127\.0\.0\.1:(\d+)').group(1)

    def address(self, transport):
        return self.url if transport == 'tcp' else f'unix:{self.socket}'

    def connect(self, transport='tcp'):
        """A new client, for a thread or connection of its own."""
        return Client(self.address(transport))

    @property
    def client(self):
        return self.client_over('tcp')

    def client_over(self, transport):
        """The client over 'tcp' or 'unix' that is shared by a test."""
        if transport not in self._clients:
            self._clients[transport] = self.connect(transport)
        return self._clients[transport]

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self):
        """Waits for the end of the process; its exit code, negative for a signal."""
        code = self.process.wait(timeout=GENEROUS)
        assert not _SANITIZER_REPORT.search(self.log()), self.log()
        return code

    def stop(self):
        """Ends the service as its owner would, which must succeed."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self.process is None or self.process.returncode is not None:
            return
        self.signal(signal.SIGTERM)
        try:
            code = self.wait_exit()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f'SIGTERM did not end the service:\n{self.log()}') from None
        assert code == 0, f'exit code {code}:\n{self.log()}'

    def __enter__(self):
        return self.start().wait_ready()

    def __exit__(self, *_):
        self.stop()
