"""Random faults, back to back, on a service under load on a simulated device.

Every answer is checked, and so is what the daemon holds: descriptors, memory, threads, shared memory, children. Prints
a table; exits 1 when a request had no answer, two or a wrong one, when the service did not recover, or when something
grew.
"""

import argparse
import collections
import dataclasses
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import time

from checker import CORRECT, LOST, REFUSED, WRONG, Checker, calls_of
from polling import wait_until
from processes import children, descriptors, shared_memory, signal_worker, status, wait_worker
from service import ROOT, Service
from simulated import SimulatedModel, Stick
from test_device_owner import assert_one_owner, race

MODELS = ROOT / 'models'
NAMES = ('digit_classifier', 'digit_detector')
OPTIONS = ('--run-timeout', '500ms', '--open-timeout', '1s', '--compile-timeout', '1s', '--probe-interval', '200ms',
           '--request-timeout', '20s')
WARM_UP = 0.2
"""Part of the faults after which nothing may grow."""


class Soak:
    """The service, its device, and its clients."""

    def __init__(self, folder, clients, seed):
        self.folder = folder
        self.choice = random.Random(seed)
        self.stick = Stick(folder / 'stick', latency='uniform:2ms,4ms')
        self.service = Service(folder / 'service', MODELS, '--device', self.stick.device, '--load', NAMES[0],
                               '--load', NAMES[1], *OPTIONS)
        models = [SimulatedModel(MODELS / f'{name}.xml') for name in NAMES]
        self.calls = calls_of(models[0], classify=True) + calls_of(models[1])
        self.clients = clients
        self.checker = None
        self.set_aside = 0

    def start(self):
        self.service.start().wait_ready()
        self.checker = Checker(self.service.url, self.calls, self.clients, pause=0.004)

    def wait_struck(self, before, count=1):
        wait_until(lambda: self.stick.counter('faults') >= before + count,
                   lambda: f'the fault to strike: {self.stick.state()}')

    def strike(self, kind, **options):
        before = self.stick.counter('faults')
        self.stick.fault(kind, **options)
        self.wait_struck(before, options.get('count', 1))

    def hang(self):
        """Other runs go on meanwhile: what tells that it was noticed is another worker."""
        worker = wait_worker(self.service)
        self.strike('hang', during='run')
        wait_worker(self.service, other_than=worker)

    def stop_worker(self):
        wait_worker(self.service, other_than=signal_worker(self.service, signal.SIGSTOP))

    def strike_at_reopening(self, kind, **options):
        before = self.stick.counter('faults')
        self.stick.fault(kind, **options)
        signal_worker(self.service)
        self.wait_struck(before, options.get('count', 1))

    def unplug(self, seconds):
        losses = self.service.log().count('device is lost')
        self.stick.unplug()
        wait_until(lambda: self.service.log().count('device is lost') > losses, 'the loss to be noticed')
        time.sleep(seconds)
        self.stick.replug()

    def load_again(self, name):
        self.service.client.post('/load', json={'path': str(MODELS), 'name': name})

    def strike_load(self, kind):
        name = self.choice.choice(NAMES)
        self.strike_at_reopening(kind, during='load', model=name)
        self.recover([other for other in NAMES if other != name], kind)
        self.load_again(name)

    def recover(self, models, fault):
        """Waits for correct answers of `models`. One that is set aside, as faults that follow so fast on each other do it
        now and then, is loaded again."""
        since = time.monotonic()

        def all_serve():
            self.checker.assert_no_violation()
            for model in self.service.client.get('/health').json()['models']:
                if model['name'] in models and model['state'] == 'UNAVAILABLE':
                    self.set_aside += 1
                    self.load_again(model['name'])
            return all(self.checker.correct_since(since, model) for model in models)

        wait_until(all_serve, f'recovery from {fault}')


FAULTS = {
    'kill -9 of the worker': (6, lambda soak: signal_worker(soak.service)),
    'crash of a run': (4, lambda soak: soak.strike('crash', during='run')),
    'scribble of a run': (3, lambda soak: soak.strike('scribble', during='run')),
    'hang of a run': (2, Soak.hang),
    'slow runs': (2, lambda soak: soak.strike('slow', during='run', factor=20, count=4)),
    'unplugged': (4, lambda soak: soak.unplug(soak.choice.uniform(0, 0.4))),
    'SIGTERM of the worker': (1, lambda soak: signal_worker(soak.service, signal.SIGTERM)),
    'error of a probe': (1, lambda soak: soak.strike('error', during='probe')),
    'SIGSTOP of the worker': (2, Soak.stop_worker),
    'hang of open': (1, lambda soak: soak.strike_at_reopening('hang', during='open')),
    'crash of open': (1, lambda soak: soak.strike_at_reopening('crash', during='open')),
    'errors of open': (1, lambda soak: soak.strike_at_reopening('error', during='open', count=2)),
    'wrong output from a reopening on': (2, lambda soak: soak.strike_at_reopening('wrong-output', during='open')),
    'crash of a load': (1, lambda soak: soak.strike_load('crash')),
    'hang of a load': (1, lambda soak: soak.strike_load('hang')),
    'out of memory at a load': (1, lambda soak: soak.strike_load('out-of-memory')),
}


@dataclasses.dataclass(frozen=True)
class Holdings:
    """What the daemon holds at a quiet moment."""
    descriptors: int
    memfds: int
    threads: int
    resident_kib: int
    shared_memory: int
    children: int
    zombies: int

    SLACK = {'descriptors': 4, 'memfds': 4, 'threads': 1, 'resident_kib': 16 * 1024, 'shared_memory': 2, 'children': 0,
             'zombies': 0}
    """What the machine's other users and the order of events may add."""

    @classmethod
    def of(cls, process):
        files = descriptors(process)
        numbers = status(process)
        return cls(len(files), sum('memfd:' in file for file in files), numbers['Threads'], numbers['VmRSS'],
                   len(shared_memory()), len(children(process)), len(children(process, 'Z')))


def growth(samples):
    """What is more at the end than after the warm-up: problems, as text."""
    size = max(1, len(samples) // 5)
    problems = []
    for field, slack in Holdings.SLACK.items():
        first, last = (statistics.median(getattr(sample, field) for sample in part)
                       for part in (samples[:size], samples[-size:]))
        if last > first + slack:
            problems.append(f'{field} grew from {first:.0f} to {last:.0f}')
    return problems


class Report:
    """What happened to each kind of fault."""

    def __init__(self):
        self.seconds = collections.defaultdict(list)
        self.samples = []
        self.problems = []
        self.counts = collections.Counter()
        self.races = 0
        self.set_aside = 0

    def print(self, seconds):
        print(f'\n{"fault":34} {"times":>5} {"median":>8} {"worst":>8}   seconds to correct answers of every model')
        for name, times in sorted(self.seconds.items()):
            print(f'{name:34} {len(times):5} {statistics.median(times):8.2f} {max(times):8.2f}')
        total = self.counts.total()
        print(f'\n{sum(map(len, self.seconds.values()))} faults in {seconds:.0f} s; {self.races} races for the device; '
              f'a model was set aside {self.set_aside} times')
        outcomes = ', '.join(f'{self.counts[name]} {name}' for name in (CORRECT, REFUSED, WRONG, LOST))
        print(f'{total} requests: {outcomes}')
        if self.samples:
            fields = [field.name for field in dataclasses.fields(Holdings)]
            print(f'\n{"held by the daemon":20} {"warm":>8} {"end":>8} {"most":>8}')
            for field in fields:
                values = [getattr(sample, field) for sample in self.samples]
                print(f'{field:20} {values[0]:8} {values[-1]:8} {max(values):8}')
        for problem in self.problems:
            print(f'VIOLATION: {problem}')


def strike_all(soak, report, count, deadline, long_unplugs):
    """Faults, one after the other has been recovered from."""
    names = list(FAULTS)
    weights = [FAULTS[name][0] for name in names]
    long_at = {count * (index + 1) // (long_unplugs + 1) for index in range(long_unplugs)}
    for turn in range(count):
        if time.monotonic() > deadline:
            report.problems.append(f'only {turn} of {count} faults in the time')
            return
        name = soak.choice.choices(names, weights)[0]
        strike = FAULTS[name][1]
        if turn in long_at:
            name, strike = 'unplugged for 10 s', lambda soak: soak.unplug(10)
        begin = time.monotonic()
        strike(soak)
        soak.recover(NAMES, name)
        report.seconds[name].append(time.monotonic() - begin)
        wait_worker(soak.service)
        if turn >= WARM_UP * count:
            report.samples.append(Holdings.of(soak.service.process.pid))
        if sys.stdout.isatty():
            print(f'\r{turn + 1}/{count} {name:40}', end='', flush=True)


def run_races(folder, report, count):
    """Two daemons for one device, again and again: one has it."""
    stick = Stick(folder / 'race')
    for turn in range(count):
        with race(folder / f'race{turn}', stick) as services:
            assert_one_owner(services)
        report.races += 1


def soak(arguments, report):
    folder = pathlib.Path(tempfile.mkdtemp(prefix='accelerd-soak-'))
    state = Soak(folder, arguments.clients, arguments.seed)
    print(f'seed {arguments.seed}, in {folder}')
    state.start()
    try:
        with state.checker:
            state.checker.wait_correct(time.monotonic())
            deadline = time.monotonic() + 60 * arguments.minutes
            strike_all(state, report, arguments.faults, deadline, arguments.faults // 400)
        state.checker.assert_honest()
        report.problems += growth(report.samples)
        state.service.stop()
        run_races(folder, report, arguments.faults * 100 // 1440 + 1)
    except (AssertionError, OSError) as error:
        report.problems.append(f'{error}\nthe end of the log:\n{state.service.log()[-4000:]}')
    finally:
        report.counts = state.checker.counts()
        report.set_aside = state.set_aside
        if state.service.process.poll() is None:
            state.service.process.kill()
            state.service.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--faults', type=int, default=1440, help='how many (default: 1440)')
    parser.add_argument('--minutes', type=float, default=20, help='in how much time at most (default: 20)')
    parser.add_argument('--clients', type=int, default=4, help='how many at once (default: 4)')
    parser.add_argument('--seed', type=int, default=int(time.time()), help='of the choice of faults')
    arguments = parser.parse_args()
    report = Report()
    begin = time.monotonic()
    soak(arguments, report)
    report.print(time.monotonic() - begin)
    return 1 if report.problems else 0


if __name__ == '__main__':
    sys.exit(main())
