"""What it costs to drive the CPU in a worker process: --isolation worker against --isolation none.

Both services run at once and are measured in turn, over a Unix socket; each repetition compares two measurements that
follow one another. Figures are medians with the least and the greatest value. Also tells how much memory each process
takes after that.
"""

import argparse
import json
import os
import pathlib
import statistics
import tempfile

import report
import requests_made
from programs import ROOT, Accelerd, Programs, add_arguments, memory_kilobytes, parse, processes_of

_WHERE = ['none', 'worker']


def parse_arguments():
    parser = argparse.ArgumentParser(prog='bench --isolation', description=__doc__)
    parser.add_argument('--data', type=pathlib.Path, metavar='DIR', default=os.environ.get('ACCELERD_TEST_DATA'),
                        help='a folder with models/mobilenet_v2.xml and images/pets.jpg, beside the demo model '
                             '(default: ACCELERD_TEST_DATA)')
    parser.add_argument('--connections', type=int, nargs='+', default=[1, 4, 16], metavar='N')
    add_arguments(parser, repetitions=7, seconds=2.0)
    parser.add_argument('--output', type=pathlib.Path, default=ROOT / 'build/isolation.json', metavar='FILE')
    arguments = parse(parser)
    return arguments


def models(arguments):
    """Each model with an image for it."""
    yield ROOT / 'models/digit_classifier.xml', ROOT / 'models/images/scene_1.jpg'
    if arguments.data:
        data = pathlib.Path(arguments.data).resolve()
        yield data / 'models/mobilenet_v2.xml', data / 'images/pets.jpg'


def compare(programs, services, folder, model, image, arguments):
    """By number of connections: for each repetition the figures of both, in the order of _WHERE."""
    requests = [requests_made.write(folder, service, 'classify/file', model.stem, image) for service in services]
    pairs = {connections: [] for connections in arguments.connections}
    for repetition in range(arguments.repetitions):
        for connections in arguments.connections:
            pair = {}
            turn = list(zip(_WHERE, services, requests))
            for where, service, (request, answer) in turn[::-1] if repetition % 2 else turn:
                pair[where] = programs.load(service, service.addresses()[' (unix)'], request, answer, connections,
                                            arguments.seconds)
            pairs[connections].append(pair)
    return pairs


def spread(values):
    return {'median': statistics.median(values), 'min': min(values), 'max': max(values)}


def summary(pairs):
    return {
        'added_latency_us': spread([1000 * (pair['worker']['median_ms'] - pair['none']['median_ms'])
                                    for pair in pairs]),
        'throughput_ratio': spread([pair['worker']['requests_per_second'] / pair['none']['requests_per_second']
                                    for pair in pairs]),
        **{where: {figure: spread([pair[where][figure] for pair in pairs]) for figure in pairs[0][where]}
           for where in _WHERE},
    }


def memory(services):
    """Kilobytes, by where the device is driven and by process."""
    return {where: dict(zip(['daemon', 'worker'], map(memory_kilobytes, processes_of(service.process.pid))))
            for where, service in zip(_WHERE, services)}


def measure(programs, model, image, arguments):
    with tempfile.TemporaryDirectory(prefix='accelerd-bench-') as name:
        folder = pathlib.Path(name)
        with Accelerd(arguments.accelerd, folder, model, image, '--isolation', 'none', name='none') as none, \
                Accelerd(arguments.accelerd, folder, model, image, '--isolation', 'worker', name='worker') as worker:
            pairs = compare(programs, [none, worker], folder, model, image, arguments)
            return {'connections': {connections: summary(some) for connections, some in pairs.items()},
                    'memory_kilobytes': memory([none, worker])}


def print_tables(results, arguments):
    print(f'{report.processor()}, {os.cpu_count()} processors; {arguments.repetitions} x {arguments.seconds:g} s\n')
    rows = [['model', 'conn.', '', 'added p50 us', 'min..max', 'throughput', 'min..max', 'p50 ms none', 'worker',
             'CPU ms none', 'worker']]
    for model, result in results.items():
        for connections, figures in result['connections'].items():
            added, ratio = figures['added_latency_us'], figures['throughput_ratio']
            rows.append([model, str(connections), '', f'{added["median"]:.0f}',
                         f'{added["min"]:.0f}..{added["max"]:.0f}', f'{ratio["median"]:.3f}',
                         f'{ratio["min"]:.3f}..{ratio["max"]:.3f}',
                         *(f'{figures[where]["median_ms"]["median"]:.3f}' for where in _WHERE),
                         *(f'{figures[where]["server_cpu_ms"]["median"]:.3f}' for where in _WHERE)])
    report.print_rows(rows)
    print()
    for model, result in results.items():
        for where, processes in result['memory_kilobytes'].items():
            print(f'{model}, isolation {where}: ' +
                  ', '.join(f'{process} {kilobytes / 1024:.1f} MiB' for process, kilobytes in processes.items()))


def main():
    arguments = parse_arguments()
    programs = Programs(arguments.programs)
    results = {model.stem: measure(programs, model, image, arguments) for model, image in models(arguments)}
    print_tables(results, arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps({'processor': report.processor(), 'processors': os.cpu_count(),
                                            'repetitions': arguments.repetitions, 'seconds': arguments.seconds,
                                            'results': results}, indent=1) + '\n')
    print(f'\nwritten to {arguments.output}')


if __name__ == '__main__':
    main()
