"""How clients share a device: fairness, overload, frames of a camera, a light model beside a heavy one.

Clients are processes, and told apart as such. On a simulated device that takes 5 ms an inference, one at a time; with
--data also on the CPU with real models. Figures are medians of the repetitions with the least and the greatest value.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import urllib.request

import requests_made
from programs import ROOT, Accelerd, Programs, add_arguments, parse

_INFERENCE_MS = 5


def parse_arguments():
    parser = argparse.ArgumentParser(prog='bench --sharing', description=__doc__)
    parser.add_argument('--data', type=pathlib.Path, metavar='DIR', default=os.environ.get('ACCELERD_TEST_DATA'),
                        help='a folder with models/mobilenet_v2.xml, models/deeplab_pascal.xml and images/pets.jpg '
                             '(default: ACCELERD_TEST_DATA)')
    add_arguments(parser, repetitions=5, seconds=4.0)
    return parse(parser)


class Bench:
    """Load on one service, and what the service says of it."""

    def __init__(self, service, folder, arguments):
        self.service = service
        self.folder = folder
        self.arguments = arguments
        self.programs = Programs(arguments.programs)
        self.address = service.addresses()['']

    def request(self, call, model, image, *headers):
        """Files with a request, with further header lines, and its answer."""
        request, answer = requests_made.write(self.folder, self.service, call, model, image)
        if headers:
            head, _, body = request.read_bytes().partition(b'\r\n\r\n')
            request = request.with_suffix('.with-headers')
            request.write_bytes(b'\r\n'.join([head, *(header.encode() for header in headers)]) + b'\r\n\r\n' + body)
        return request, answer

    def load(self, request, answer, connections, seconds=None):
        """A process that asks over and over."""
        command = [self.arguments.programs / 'load_client', self.address, request, answer, connections,
                   seconds or self.arguments.seconds]
        return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)

    def paced(self, request, rate, connections):
        command = [sys.executable, ROOT / 'benchmarks/paced_client.py', self.address, request, rate, connections,
                   self.arguments.seconds]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True, text=True)
        return json.loads(done.stdout)

    def device_seconds(self, process):
        with urllib.request.urlopen(f'http://{self.address}/stats') as response:
            clients = json.load(response)['clients']
        return sum(client['device_seconds'] for client in clients if f' pid {process} ' in client['client'])


def figures_of(process):
    output, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit('a load client failed')
    return json.loads(output)


def spread(values, digits=2):
    return f'{statistics.median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})'


def fairness(bench, request, answer):
    """One process with 64 connections and one with 1, which both want more."""
    index, alone, beside = [], [], []
    for _ in range(bench.arguments.repetitions):
        alone.append(figures_of(bench.load(request, answer, 1))['median_ms'])
        # The greedy one begins before and ends after the modest one, whose shares are compared.
        greedy = bench.load(request, answer, 64, bench.arguments.seconds + 2)
        with contextlib.suppress(subprocess.TimeoutExpired):
            greedy.wait(0.5)
        before = bench.device_seconds(greedy.pid)
        modest = bench.load(request, answer, 1)
        beside.append(figures_of(modest)['median_ms'])
        much, little = bench.device_seconds(greedy.pid) - before, bench.device_seconds(modest.pid)
        figures_of(greedy)
        index.append((much + little) ** 2 / (2 * (much ** 2 + little ** 2)))
    print(f"  Jain's index of the device time of 64 connections and 1: {spread(index, 4)}")
    print(f'  median latency of the one: alone {spread(alone)} ms, beside the 64 {spread(beside)} ms')


def overload(bench, request, answer):
    """Ten times what the device can do, each request with 100 ms to start."""
    ratios, refused, late = [], [], []
    for _ in range(bench.arguments.repetitions):
        peak = figures_of(bench.load(request, answer, 16))['requests_per_second']
        timed = request.with_suffix('.timed')
        timed.write_bytes(request.read_bytes().replace(b'Host:', b'X-Timeout-Ms: 100\r\nHost:', 1))
        result = bench.paced(timed, 10 * peak, 256)
        latencies = result['latencies_ms']
        ratios.append(len(latencies['200']) / result['seconds'] / peak)
        late.append(max(latencies['200']))
        refusals = sorted(latency for status in ('429', '503') for latency in latencies.get(status, []))
        refused.append(refusals[len(refusals) // 2])
    print(f'  ten times the load: goodput {spread(ratios)} of the peak, refusals after {spread(refused)} ms (median), '
          f'the latest answer after {spread(late, 0)} ms')


def camera(bench, request):
    """A stream of frames twice as fast as the device."""
    median, latest, answered = [], [], []
    for _ in range(bench.arguments.repetitions):
        result = bench.paced(request, 2 * 1000 / _INFERENCE_MS, 8)
        ages = sorted(result['latencies_ms']['200'])
        median.append(ages[len(ages) // 2])
        latest.append(ages[int(0.99 * len(ages))])
        answered.append(len(ages) / result['seconds'])
    print(f'  a camera twice as fast as the device: {spread(answered, 0)} answers a second; age of an answered frame {spread(median)} ms '
          f'(median), {spread(latest)} ms (99 %)')


def light_beside_heavy(bench, light, heavy):
    alone, beside = [], []
    for _ in range(bench.arguments.repetitions):
        alone.append(figures_of(bench.load(*light, 1))['median_ms'])
        load = bench.load(*heavy, 8, bench.arguments.seconds + 3)
        with contextlib.suppress(subprocess.TimeoutExpired):
            load.wait(1)
        beside.append(figures_of(bench.load(*light, 1))['median_ms'])
        heavy_ms = figures_of(load)
    print(f'  the light model: alone {spread(alone)} ms, beside 8 connections of the heavy one {spread(beside)} ms '
          f'(which has {heavy_ms["requests_per_second"]:.1f} inferences a second)')


def simulated(folder, arguments):
    model, image = ROOT / 'models/digit_classifier.xml', ROOT / 'models/images/digit_5.jpg'
    state = folder / 'stick'
    subprocess.run([str(arguments.accelerd), 'simulate', str(state), 'set', 'slots=1', f'latency={_INFERENCE_MS}ms'], check=True,
                   stdout=subprocess.DEVNULL)
    device = ['--device', f'SIMULATED:{state}', '--canary-interval', '0s']
    with Accelerd(arguments.accelerd, folder, model, image, *device, name='simulated') as service:
        bench = Bench(service, folder, arguments)
        print(f'simulated device, {_INFERENCE_MS} ms an inference, one at a time')
        request = bench.request('classify/file', model.stem, image)
        fairness(bench, *request)
        overload(bench, *request)
        camera(bench, bench.request('classify/file', model.stem, image, 'X-Stream: camera')[0])


def on_the_cpu(folder, arguments):
    data = pathlib.Path(arguments.data).resolve()
    image = data / 'images/pets.jpg'
    light, heavy = data / 'models/mobilenet_v2.xml', data / 'models/deeplab_pascal.xml'
    models = ['--load', heavy.stem, '--canary-interval', '0s']
    with Accelerd(arguments.accelerd, folder, light, image, *models, name='cpu') as service:
        bench = Bench(service, folder, arguments)
        print('CPU, mobilenet_v2')
        request = bench.request('classify/file', light.stem, image)
        fairness(bench, *request)
        light_beside_heavy(bench, request, bench.request('inference/file', heavy.stem, image))


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as name:
        simulated(pathlib.Path(name), arguments)
        if arguments.data:
            on_the_cpu(pathlib.Path(name), arguments)


if __name__ == '__main__':
    main()
