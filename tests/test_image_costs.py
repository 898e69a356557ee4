"""Images that are made to cost much more than they should: refused or answered at a bounded cost, and nobody waits."""

import concurrent.futures
import resource
import struct

import cv2
import numpy as np
import pytest

from client import array_of, error_of
from polling import wait_until
from processes import PROC


def processor_seconds(process):
    """What a process has used of the processors."""
    fields = (PROC / str(process) / 'stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory(process, field):
    """VmHWM, VmSize … of a process, in MiB."""
    for line in (PROC / str(process) / 'status').read_text().splitlines():
        if line.startswith(field + ':'):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


def segment(marker, content):
    return struct.pack('>BBH', 0xFF, marker, len(content) + 2) + content


def empty_segments(count):
    """A tiny JPEG with many empty APP1 segments."""
    plain = cv2.imencode('.jpg', np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    return plain[:2] + segment(0xE1, b'') * count + plain[2:]


def many_scans(side, scans, arithmetic):
    """A progressive JPEG of a few bytes for each scan."""
    data = b'\xff\xd8' + segment(0xDB, b'\0' + b'\1' * 64)
    data += segment(0xCA if arithmetic else 0xC2, struct.pack('>BHHB', 8, side, side, 1) + b'\1\x11\0')
    if not arithmetic:
        data += segment(0xC4, b'\0' + b'\1' + bytes(15) + b'\0')
        data += segment(0xC4, b'\x10' + b'\1' + bytes(15) + b'\xe0')
    data += segment(0xDA, b'\1\1\0\0\0\0') + bytes(4)
    return data + (segment(0xDA, b'\1\1\0\1\x3f\0') + bytes(8)) * scans + b'\xff\xd9'


class Bits:
    """Numbers of a few bits, the lowest first."""

    def __init__(self):
        self.text = []

    def put(self, value, count):
        self.text.append(format(value, f'0{count}b')[::-1])

    def bytes(self):
        text = ''.join(self.text)
        text += '0' * (-len(text) % 8)
        return int(text[::-1], 2).to_bytes(len(text) // 8, 'little')


def many_tables(side):
    """A lossless WebP with Huffman tables of its own for every 4 x 4 pixels."""
    bits = Bits()

    def trivial():
        bits.put(1, 4)

    def byte_code(alphabet):
        bits.put(0, 1)
        bits.put(8, 4)
        for length in (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8):
            bits.put(length in (0, 8), 3)
        bits.put(0, 1)
        for symbol in range(alphabet):
            bits.put(symbol < 256, 1)

    bits.put(0x2F, 8)
    bits.put(side - 1, 14)
    bits.put(side - 1, 14)
    bits.put(0, 4)
    bits.put(0b100, 3)  # No transform, no cache, tables by area …
    bits.put(0, 3)      # … of 4 x 4 pixels.
    bits.put(0, 1)
    byte_code(280)
    byte_code(256)
    for _ in range(3):
        trivial()
    groups = (side // 4) ** 2
    for group in range(groups):
        for byte in (group & 255, group >> 8 & 255):
            bits.put(int(format(byte, '08b')[::-1], 2), 8)
    for _ in range(groups * 5):
        trivial()
    data = bits.bytes() + bytes(8)
    data += bytes(len(data) % 2)
    return b'RIFF' + struct.pack('<I', len(data) + 12) + b'WEBPVP8L' + struct.pack('<I', len(data)) + data


EXPENSIVE = {
    'empty segments': (lambda: empty_segments(4_000_000), 200),
    'arithmetic scans': (lambda: many_scans(5000, 90, True), 400),
    'Huffman scans': (lambda: many_scans(5000, 90, False), 400),
    'tables of WebP': (lambda: many_tables(1024), 400),
}


@pytest.mark.parametrize('kind', EXPENSIVE)
def test_cost_is_bounded(demo, kind):
    """At a cost that grows with the square of the size, or with scans times blocks, each took from 8 s to hours."""
    make, status = EXPENSIVE[kind]
    data = make()
    before = processor_seconds(demo.process.pid)
    response = demo.client.post_file('/test/file', data)
    assert response.status_code == status, response.text[:500]
    assert processor_seconds(demo.process.pid) - before < 4


def test_memory_of_webp_is_bounded(start, models):
    service = start(models, '--load', 'none')
    service.client.post_file('/test/file', empty_segments(1))
    before = memory(service.process.pid, 'VmHWM')
    assert 'tables' in error_of(service.client.post_file('/test/file', many_tables(1024)), 400)
    assert memory(service.process.pid, 'VmHWM') - before < 150


def test_many_at_once_do_not_exceed_the_memory_for_decoding(start, models):
    """Images that together need more than there is wait for each other, and all are answered."""
    service = start(models, '--cpu-threads', '4', '--max-decode-bytes', '100MiB')
    data = cv2.imencode('.jpg', np.zeros((5000, 5000, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert '--max-decode-bytes' in error_of(service.client.post_file('/test/file', data), 413)
    data = cv2.imencode('.jpg', np.zeros((5000, 5000, 3), np.uint8))[1].tobytes()

    def classify(_):
        client = service.connect()
        try:
            return client.post_file('/classify/file/digit_classifier', data).status_code
        finally:
            client.close()

    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        assert list(threads.map(classify, range(12))) == [200] * 12


def test_without_memory_the_answer_is_503_and_the_service_goes_on(start, models, tmp_path):
    """The address space is bounded on the running process, as by ulimit -v."""
    service = start(models, '--cpu-threads', '2', allow=[tmp_path])
    process = service.process.pid
    small = cv2.imencode('.jpg', np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
    assert service.client.post_file('/classify/file/digit_classifier', small).status_code == 200
    rng = np.random.default_rng(7)
    images = []
    for side in (300, 2600):
        picture = cv2.resize(rng.integers(0, 255, (20, 20, 3), np.uint8), (side, side))
        for suffix, flags in (('.jpg', ()), ('.jpg', (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)), ('.png', ()), ('.bmp', ()),
                              ('.webp', (cv2.IMWRITE_WEBP_QUALITY, 101)), ('.tiff', ()), ('.ppm', ())):
            images.append(cv2.imencode(suffix, picture, list(flags))[1].tobytes())
    statuses = set()
    for room in (5, 20, 50):
        used = int(memory(process, 'VmSize')) + room
        resource.prlimit(process, resource.RLIMIT_AS, (used << 20, resource.RLIM_INFINITY))
        for data in images:
            for call in ('/test/file', '/classify/file/digit_classifier'):
                response = service.client.post_file(call, data)
                statuses.add(response.status_code)
                assert response.status_code in (200, 503), response.text[:500]
                if response.status_code == 503:
                    assert int(response.headers['Retry-After']) >= 1
    assert 503 in statuses, 'the bound had no effect'
    resource.prlimit(process, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: service.client.post_file('/classify/file/digit_classifier', small).status_code == 200,
               service.log)
    assert array_of(service.client.post_file('/test/file', images[0])).shape == (300, 300, 3)
    assert service.process.poll() is None
