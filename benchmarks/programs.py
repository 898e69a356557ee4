"""The programs that ./bench starts: both services, the in-process limit, the load generator."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
_TICKS = os.sysconf('SC_CLK_TCK')


def cpu_seconds(pid):
    """Processor time of a process so far."""
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def processes_of(pid):
    """A process and its children: the service and its worker, if it has one."""
    children = pathlib.Path(f'/proc/{pid}/task').glob('*/children')
    return [pid, *(int(child) for path in children for child in path.read_text().split())]


def memory_kilobytes(pid):
    """Resident memory of a process, what it shares with others divided among them (PSS)."""
    text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
    return int(re.search(r'^Pss:\s+(\d+) kB', text, re.MULTILINE).group(1))


def add_arguments(parser, repetitions, seconds):
    """Those that every benchmark takes."""
    parser.add_argument('--repetitions', type=int, default=repetitions, metavar='N')
    parser.add_argument('--seconds', type=float, default=seconds, help=f'of each measurement (default: {seconds:g})')
    parser.add_argument('--quick', action='store_true', help='one short repetition: shows that everything works')
    parser.add_argument('--accelerd', type=pathlib.Path, default=ROOT / 'build/release/accelerd', metavar='BINARY')
    parser.add_argument('--programs', type=pathlib.Path, default=ROOT / 'build/release/benchmarks', metavar='DIR',
                        help='the folder of the compiled ones')


def parse(parser):
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.repetitions, arguments.seconds = 1, 0.3
    return arguments


class Programs:
    """The compiled ones, in `folder`. A measurement is a dictionary of figures."""

    def __init__(self, folder):
        self._limit = folder / 'in_process_limit'
        self._load = folder / 'load_client'

    @staticmethod
    def _run(*command):
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False, timeout=300)
        if done.returncode != 0:
            raise SystemExit(f'{" ".join(map(str, command))} failed:\n{done.stderr}')
        return json.loads(done.stdout)

    def optimal_requests(self, model):
        return self._run(self._limit, 'requests', model)

    def limit(self, kind, model, image, threads, seconds):
        """`kind` of work: 'classify', or 'test', which decodes alone."""
        if kind == 'classify':
            return self._run(self._limit, 'classify', model, image, threads, seconds)
        return self._run(self._limit, 'decode', image, threads, seconds)

    def load(self, service, address, request, answer, connections, seconds):
        """Load on a service; 'cpu_ms' is the client's own share, 'server_cpu_ms' the service's, both per request."""
        processes = processes_of(service.process.pid)
        before = sum(map(cpu_seconds, processes))
        figures = self._run(self._load, address, request, answer, connections, seconds)
        # Of all requests, as the service worked for those before and after the measured time too.
        figures['server_cpu_ms'] = 1000 * (sum(map(cpu_seconds, processes)) - before) / figures['requests']
        return figures


class _Service:
    """A service that runs while the object is in its `with` block."""

    def __init__(self, folder, name):
        self.name = name
        self.log = folder / f'{name}.log'
        self.process = None
        self.port = None

    def __enter__(self):
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen([str(part) for part in self.command()], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while not self.ready(self.log.read_text()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise SystemExit(f'{self.name} did not start:\n{self.log.read_text()}')
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ready(self, log):
        """Whether the log says that the service answers; sets `port`."""
        found = re.search(self.port_pattern, log, re.MULTILINE)
        self.port = found and found.group(1)
        return bool(found)

    def addresses(self):
        """Where to reach it: what is added to its name in tables, and the address."""
        return {'': f'127.0.0.1:{self.port}'}


class Accelerd(_Service):
    """The service on the CPU, over TCP and over a Unix socket; in a table under `name`."""

    port_pattern = r'listening on 127\.0\.0\.1:(\d+)'

    def __init__(self, binary, folder, model, image, *arguments, name='accelerd'):
        super().__init__(folder, name)
        self._socket = folder / f'{name}.sock'
        self._arguments = [binary, 'serve', '--listen', '127.0.0.1:0', '--listen', f'unix:{self._socket}',
                           '--models', model.parent, '--load', model.stem, '--allow-path', image.parent,
                           '--precision', 'f32', '--cache-dir', 'none', '--state-dir', 'none', '--lock-dir', folder, *arguments]

    def command(self):
        return self._arguments

    def ready(self, log):
        return super().ready(log) and re.search(r'serve: ready', log)

    def addresses(self):
        return super().addresses() | {' (unix)': f'unix:{self._socket}'}


class Flask(_Service):
    """The service of the original's design."""

    port_pattern = r'^(\d+)$'

    def __init__(self, folder, model):
        super().__init__(folder, 'flask')
        self._model = model

    def command(self):
        return [sys.executable, pathlib.Path(__file__).with_name('flask_service.py'), self._model]
