"""The results of ./bench as a table for people and as JSON."""

import json
import os
import pathlib
import platform
import time


def best_limit(results, kind, connections):
    """The in-process limit for a kind of work: one in flight for one connection, else the best number of threads."""
    limits = [result for (name, of, threads), result in results.items()
              if name == 'limit' and of == kind and (threads == 1) == (connections == 1)]
    return max(limits, key=lambda result: result['requests_per_second']['median'])


def processor():
    lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
    return next((line.partition(':')[2].strip() for line in lines if line.startswith('model name')),
                platform.machine())


def _of_what_is_left(figures, limit):
    """The ratio to what the limit would reach with the processor time that the load generator leaves."""
    rate = figures['requests_per_second']['median']
    left = 1 - rate * figures['cpu_ms']['median'] / 1000 / os.cpu_count()
    return rate / (limit['requests_per_second']['median'] * left)


def _row(results, case):
    name, call, connections = case
    figures = results[case]
    rate = figures['requests_per_second']
    limit = best_limit(results, call.partition('/')[0], connections)
    flask = results.get(('flask', call, connections))
    versus = rate['median'] / flask['requests_per_second']['median'] if flask else None
    return [call, str(connections), name, f'{rate["median"]:.0f}', f'{rate["min"]:.0f}..{rate["max"]:.0f}',
            f'{rate["median"] / limit["requests_per_second"]["median"]:.2f}', f'{_of_what_is_left(figures, limit):.2f}',
            f'{versus:.2f}' if versus else '',
            f'{figures["median_ms"]["median"]:.2f}', f'{figures["p99_ms"]["median"]:.2f}',
            f'{figures["server_cpu_ms"]["median"]:.2f}',
            f'{figures["server_cpu_ms"]["median"] / limit["cpu_ms"]["median"]:.2f}',
            f'{figures["cpu_ms"]["median"]:.2f}']


_HEADER = ['call', 'conn.', 'service', 'req/s', 'min..max', '/limit', '/left', '/flask', 'p50 ms', 'p99 ms', 'CPU ms',
           'CPU/limit', 'client ms']


def print_rows(rows):
    """Columns; the first and the third are aligned to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print('  '.join(cell.ljust(width) if column in (0, 2) else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))).rstrip())


def _file_over_path(results, arguments):
    """Time from memory divided by time by path."""
    for kind in ('classify', 'test'):
        for connections in arguments.connections:
            file, path = (results.get(('accelerd', f'{kind}/{variant}', connections)) for variant in ('file', 'path'))
            if file and path:
                yield kind, connections, (path['requests_per_second']['median'] / file['requests_per_second']['median'])


def print_table(results, arguments):
    """The limit's rows, then each call's; ratios are those of medians."""
    print(f'{processor()}, {os.cpu_count()} processors; model {arguments.model.stem}, image {arguments.image.name} '
          f'({arguments.image.stat().st_size // 1000} kB); {arguments.repetitions} x {arguments.seconds:g} s\n')
    rows = [['in-process', 'threads', 'req/s', 'min..max', 'p50 ms', 'CPU ms']]
    for (name, kind, threads), figures in results.items():
        if name == 'limit':
            rate = figures['requests_per_second']
            rows.append([kind, str(threads), f'{rate["median"]:.0f}', f'{rate["min"]:.0f}..{rate["max"]:.0f}',
                         f'{figures["median_ms"]["median"]:.2f}', f'{figures["cpu_ms"]["median"]:.2f}'])
    print_rows(rows)
    print()
    cases = sorted((case for case in results if case[0] != 'limit'), key=lambda case: (case[1], case[2], case[0]))
    print_rows([_HEADER, *(_row(results, case) for case in cases)])
    print('\n/left: of the limit with the processor time that the load generator leaves. It shares the processors.\n')
    for kind, connections, ratio in _file_over_path(results, arguments):
        print(f'{kind}: time from memory / time by path at {connections} connections: {ratio:.2f}')


def write_json(results, arguments):
    """Every figure, under the names of the table."""
    document = {
        'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
        'processor': processor(),
        'processors': os.cpu_count(),
        'model': arguments.model.stem,
        'image': arguments.image.name,
        'repetitions': arguments.repetitions,
        'seconds': arguments.seconds,
        'results': [{'service': name, 'call': call, 'concurrency': number, **figures}
                    for (name, call, number), figures in results.items()],
        'time_file_over_path': [{'call': kind, 'connections': connections, 'ratio': round(ratio, 4)}
                                for kind, connections, ratio in _file_over_path(results, arguments)],
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1) + '\n')
    print(f'\nwritten to {arguments.output}')
