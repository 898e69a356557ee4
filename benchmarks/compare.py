"""Compares the service with the in-process limit of the same work and with a Flask service of the original's design.

All cases are interleaved and repeated; figures are medians with the least and the greatest value. Every answer is
compared with the right one. Prints a table and writes everything to a JSON file.
"""

import argparse
import collections
import pathlib
import statistics
import sys
import tempfile

import report
import requests_made
from programs import ROOT, Accelerd, Flask, Programs, add_arguments, parse


def parse_arguments():
    parser = argparse.ArgumentParser(prog='bench', description=__doc__)
    parser.add_argument('--data', type=pathlib.Path, metavar='DIR',
                        help='a folder with models/mobilenet_v2.xml and images/pets.jpg, in place of the demo model')
    parser.add_argument('--image', type=pathlib.Path, help='another image')
    parser.add_argument('--connections', type=int, nargs='+', default=[1, 4, 16], metavar='N')
    parser.add_argument('--calls', nargs='+', choices=requests_made.CALLS, default=requests_made.CALLS, metavar='CALL')
    add_arguments(parser, repetitions=5, seconds=2.0)
    parser.add_argument('--output', type=pathlib.Path, default=ROOT / 'build/bench.json', metavar='FILE')
    arguments = parse(parser)
    if arguments.data:
        arguments.model = (arguments.data / 'models/mobilenet_v2.xml').resolve()
        arguments.image = (arguments.image or arguments.data / 'images/pets.jpg').resolve()
    else:
        arguments.model = ROOT / 'models/digit_classifier.xml'
        arguments.image = (arguments.image or ROOT / 'models/images/scene_1.jpg').resolve()
    return arguments


def limit_cases(programs, arguments):
    """The in-process limit: with one in flight, and with as many threads as the device wants requests, and more."""
    wanted = programs.optimal_requests(arguments.model)
    kinds = {call.partition('/')[0] for call in arguments.calls}
    for kind in sorted(kinds):
        for threads in [1, wanted, wanted + 1, wanted + 2]:
            yield ('limit', kind, threads), lambda kind=kind, threads=threads: programs.limit(
                kind, arguments.model, arguments.image, threads, arguments.seconds)


def service_cases(programs, services, folder, arguments):
    """Every service, call and number of connections."""
    for service in services:
        for call in arguments.calls:
            request, answer = requests_made.write(folder, service, call, arguments.model.stem, arguments.image)
            for transport, address in service.addresses().items():
                for connections in arguments.connections:
                    def measure(service=service, address=address, request=request, answer=answer,
                                connections=connections):
                        return programs.load(service, address, request, answer, connections, arguments.seconds)

                    yield (service.name + transport, call, connections), measure


def run(cases, repetitions):
    """Measures every case `repetitions` times, round by round; the measurements of each case."""
    measurements = collections.defaultdict(list)
    for repetition in range(repetitions):
        for number, (case, measure) in enumerate(cases, 1):
            if sys.stderr.isatty():
                print(f'\rround {repetition + 1} of {repetitions}, case {number} of {len(cases)}  ', end='',
                      file=sys.stderr)
            measurements[case].append(measure())
    if sys.stderr.isatty():
        print('\r' + ' ' * 50 + '\r', end='', file=sys.stderr)
    return measurements


def summary(measurements):
    """Median, least and greatest of each figure."""
    return {figure: {'median': statistics.median(values), 'min': min(values), 'max': max(values)}
            for figure in measurements[0] for values in [[one[figure] for one in measurements]]}


def main():
    arguments = parse_arguments()
    programs = Programs(arguments.programs)
    with tempfile.TemporaryDirectory(prefix='accelerd-bench-') as name:
        folder = pathlib.Path(name)
        with Accelerd(arguments.accelerd, folder, arguments.model, arguments.image) as accelerd, \
                Flask(folder, arguments.model) as flask:
            cases = [*limit_cases(programs, arguments),
                     *service_cases(programs, [accelerd, flask], folder, arguments)]
            measurements = run(cases, arguments.repetitions)
    results = {case: summary(values) for case, values in measurements.items()}
    report.print_table(results, arguments)
    report.write_json(results, arguments)


if __name__ == '__main__':
    main()
