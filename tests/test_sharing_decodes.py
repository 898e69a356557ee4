"""How clients share the threads that decode, with and without an inference."""

import functools
import os
import shutil
import struct
import subprocess
import zlib

import pytest

from client import error_of, json_of
from sharing import CALL, asking, begin_service, clients_of, peer_name, stats, wait_stats

DECODE = '/test/file'


@pytest.fixture
def begin(start, tmp_path):
    return functools.partial(begin_service, start, tmp_path)


def png(path, width, height):
    """A grey image that is small as a file, and takes long to decode."""

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    # The average of left and above: more work for a row than a copy.
    rows = (b'\x03' + bytes(range(1, 256)) * (width // 255 + 1))[:width + 1] * height
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
                     + chunk(b'IDAT', zlib.compress(rows, 9)) + chunk(b'IEND', b''))
    return path


@pytest.fixture
def long_image(tmp_path):
    return png(tmp_path / 'long.png', 7000, 7000)


def entry(current, name, member):
    return clients_of(current).get((name, None), {}).get(member, 0)


def test_images_that_take_long_do_not_hold_up_others(begin, digit, long_image):
    """With one thread, the victim would wait for one of the attacker's images with each of its calls."""
    service = begin('--cpu-threads', '1')
    with asking(service, long_image, connections=4) as attacker:
        name = peer_name(attacker)
        before = entry(wait_stats(service, lambda now: entry(now, name, 'completed') > 0), name, 'completed')
        for _ in range(20):
            assert service.client.post_file(CALL, digit).status_code == 200
        during = entry(stats(service), name, 'completed') - before
    assert during < 15


def test_the_time_of_decoding_is_shared_and_not_the_number(begin, digit, tmp_path):
    service = begin('--cpu-threads', '1')
    medium = png(tmp_path / 'medium.png', 1500, 1500)
    with (asking(service, medium, connections=8, path=DECODE) as heavy,
          asking(service, digit, connections=8, path=DECODE) as light):
        names = [peer_name(heavy), peer_name(light)]
        first = wait_stats(service, lambda now: all(entry(now, name, 'decoded') > 10 for name in names))
        last = wait_stats(service, lambda now: entry(now, names[0], 'decoded') > entry(first, names[0], 'decoded') + 50)
    counts = [entry(last, name, 'decoded') - entry(first, name, 'decoded') for name in names]
    # By number they would have as many; by time the light one has many times as many.
    assert counts[1] > 2 * counts[0], counts


@pytest.mark.smoke
def test_decoding_has_the_bounds_of_the_queue(begin, digit, long_image):
    service = begin('--cpu-threads', '1', '--max-client-queue', '3')
    with asking(service, long_image, connections=12, path=DECODE) as greedy:
        name = peer_name(greedy)
        current = wait_stats(service, lambda now: entry(now, name, 'refused') and entry(now, name, 'decoded') > 0)
        assert set(entry(current, name, 'refused')) <= {'client_queue_full', 'queue_full'}
        assert entry(current, name, 'refused')['client_queue_full'] > 0
        assert service.client.post_file(DECODE, digit).status_code == 200
        assert service.client.post_file(CALL, digit).status_code == 200


@pytest.mark.smoke
def test_decoding_has_conditions(begin, digit):
    service = begin('--client', 'unix priority=realtime')
    for transport, status in (('tcp', 403), ('unix', 200)):
        client = service.client_over(transport)
        for call in (DECODE, CALL):
            answer = client.post_file(call, digit, headers={'X-Priority': 'realtime'})
            assert answer.status_code == status, (transport, call, answer.text)
    assert 'priority=realtime' in error_of(service.client.post_file(DECODE, digit, headers={'X-Priority': 'realtime'}), 403)
    assert service.client.post_file(DECODE + '?stream=cam', digit, headers={'X-Client-Id': 'part'}).status_code == 200
    current = stats(service)
    assert clients_of(current)[peer_name(os.getpid()), 'part']['decoded'] == 1
    assert sum(model['completed'] for model in current['models']) == current['completed']


@pytest.mark.smoke
def test_recent_shares(begin, digit):
    service = begin(latency='20ms')
    for _ in range(5):
        assert service.client.post_file(CALL, digit).status_code == 200
    current = json_of(service.client.get('/stats'))
    for shares in (current, clients_of(current)[peer_name(os.getpid()), None], current['models'][0]):
        for window in ('last_10s', 'last_60s'):
            recent = shares[window]
            assert recent['completed'] >= 5
            assert 0 < recent['device_utilization'] <= 1.01
            assert 0 < recent['device_share'] <= 1.01
            assert recent['cpu_threads'] > 0


@pytest.mark.smoke
@pytest.mark.parametrize('rule, clients', [(None, 3), ('any as-one', 1)])
def test_a_loop_of_curl(begin, digit, rule, clients):
    """The example of docs/sharing.md."""
    if shutil.which('curl') is None:
        pytest.skip('there is no curl')
    service = begin(*(['--client', rule] if rule else []))
    script = f'for image in 1 2 3; do curl -sf -F file=@{digit} {service.url}{CALL} > /dev/null || exit 1; done'
    subprocess.run(['sh', '-c', script], check=True, timeout=60)
    seen = {name: part for (name, _), part in clients_of(stats(service)).items() if name.startswith('uid ')}
    assert len(seen) == clients, seen
    if rule:
        assert seen[f'uid {os.geteuid()}']['completed'] == 3


def test_a_loop_of_curl_that_is_trusted(begin, digit):
    if shutil.which('curl') is None:
        pytest.skip('there is no curl')
    service = begin('--client', f'uid:{os.geteuid()} trusted')
    script = f'for image in 1 2 3; do curl -sf -H "X-Client-Id: nightly" -F file=@{digit} {service.url}{CALL} > /dev/null; done'
    subprocess.run(['sh', '-c', script], check=True, timeout=60)
    assert clients_of(stats(service))['id nightly', None]['completed'] == 3
