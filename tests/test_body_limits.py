"""The room for request bodies is shared: one client that takes all it can get locks out nobody."""

import contextlib
import socket
import threading
import time

import pytest

import reference
from client import RawConnection, head, json_of, raw_error_of
from conftest import load
from other_client import OtherClient, unfinished_body
from polling import wait_until
from service import Service

MODEL = 'digit_classifier'
MEBIBYTE = 1 << 20
LARGEST = 32 * MEBIBYTE


@pytest.fixture(scope='module')
def service(tmp_path_factory, models):
    """The limits are the defaults."""
    with Service(tmp_path_factory.mktemp('bodies'), models, '--load', MODEL) as running:
        yield running


@pytest.fixture(autouse=True)
def answers_as_before(service, references, digit):
    yield
    _is_served(service, references, digit)


def _is_served(service, references, image, calls=3):
    """A small classification is answered each time, over new connections."""
    expected = references['classify'].classify(load(image))
    for _ in range(calls):
        client = service.connect()
        reference.assert_same_classes(json_of(client.post_file(f'/classify/file/{MODEL}', image)), expected)
        client.close()


# One client, with as much as it likes.
GREED = {
    'eight bodies without their last bytes': (8, LARGEST - 10, LARGEST),
    'forty bodies without their last bytes': (40, LARGEST - 10, LARGEST),
    'bodies of half the size': (40, LARGEST // 2, LARGEST),
    'chunked bodies': (12, LARGEST - 10, 'chunked'),
    'many small bodies': (300, MEBIBYTE - 1, MEBIBYTE),
    'many bodies that hardly begin': (300, 1, LARGEST),
}


@pytest.mark.parametrize('kind', GREED)
@pytest.mark.parametrize('transport', ['tcp', 'unix'])
def test_a_client_that_holds_all_it_can_locks_out_nobody(service, references, digit, kind, transport):
    count, sent, announced = GREED[kind]
    with OtherClient(service.address(transport), count, unfinished_body(sent, announced)):
        _is_served(service, references, digit)
        # Over a Unix socket a process is known at once; over TCP a busy machine may not tell it from the other in time.
        large = head('POST', '/test/file', f'Content-Length: {8 * MEBIBYTE}') + bytes(8 * MEBIBYTE)
        with RawConnection(service.address('unix')) as connection:
            connection.send(large)
            raw_error_of(connection.reply(), 400)  # It was read, and is no image.


def test_nor_do_many_clients_together(service, references, digit):
    others = [OtherClient(service.address(('tcp', 'unix')[number % 2]), 4, unfinished_body(LARGEST - 10, LARGEST))
              for number in range(9)]
    with contextlib.ExitStack() as running:
        for other in others:
            running.enter_context(other)
        _is_served(service, references, digit)


def test_nor_does_the_client_itself(service, references, digit):
    """Its small calls go on while its own large bodies wait."""
    announced = head('POST', '/test/file', f'Content-Length: {LARGEST}')
    holders = [RawConnection(service.url) for _ in range(8)]
    threads = [threading.Thread(target=holder.send, args=(announced + bytes(LARGEST - 10),)) for holder in holders]
    for thread in threads:
        thread.start()
    _is_served(service, references, digit)
    for holder in holders:
        holder.socket.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    for holder in holders:
        holder.close()


def test_an_unfinished_body_gives_its_room_to_a_client_that_waits(start, models):
    """All of the room belongs to one body that never ends."""
    size = 100_000
    service = start(models, '--load', 'none', '--max-body-bytes', size, '--max-total-body-bytes', size,
                    '--body-wait', '60s', '--body-timeout', '600s')
    with OtherClient(service.address('unix'), 1, unfinished_body(size - 1, size)):
        with RawConnection(service.address('unix')) as connection:
            connection.send(head('POST', '/test/file', f'Content-Length: {size}') + bytes(size))
            raw_error_of(connection.reply(), 400)


def test_a_body_is_refused_by_what_it_announces(service):
    for call, framing in (('/test/path', 'Content-Length: 4294967296'), ('/test/file', 'Content-Length: 4294967296'),
                          ('/load', 'Content-Length: 65537'), ('/list', 'Content-Length: 1')):
        with RawConnection(service.url) as connection:
            connection.send(head('GET' if call == '/list' else 'POST', call, framing))
            raw_error_of(connection.reply(), 413)
            assert connection.closed()
    for call, chunks in (('/test/path', b'100000000\r\n'), ('/test/file', b'100000000\r\n'), ('/load', b'10001\r\n'),
                         ('/load', b'8000\r\n' + bytes(0x8000) + b'\r\n8001\r\n'), ('/list', b'1\r\n')):
        with RawConnection(service.url) as connection:
            connection.send(head('GET' if call == '/list' else 'POST', call, 'Transfer-Encoding: chunked') + chunks)
            raw_error_of(connection.reply(), 413)


def test_framing_without_end_is_refused(service):
    chunked = head('POST', '/test/file', 'Transfer-Encoding: chunked')
    for endless in (b'1;' + b'e' * 3000 + b'\r\nx\r\n', b'5;' + b'e' * 10_000, b'0\r\nX: ' + b'y' * 10_000,
                    b'0\r\n' + b'X: y\r\n' * 2000):
        with RawConnection(service.url) as connection:
            connection.send(chunked + endless * 20)
            raw_error_of(connection.reply(), 400)


def test_a_slow_steady_body_is_read(start, models, digit):
    """It takes three times as long as a body may pause."""
    service = start(models, '--load', MODEL, '--body-timeout', '2s', '--min-rate', '1')
    data = digit.read_bytes()
    with RawConnection(service.url) as connection:
        connection.send(head('POST', f'/classify/file/{MODEL}', 'Content-Type: image/jpeg',
                             f'Content-Length: {len(data)}'))
        begin, sent = time.monotonic(), 0
        while sent < len(data):
            # As many bytes as are due; a busy machine may make a pause.
            due = min(len(data), 1 + int(len(data) * (time.monotonic() - begin) / 6))
            connection.send(data[sent:due])
            sent = due
            time.sleep(0.05)
        assert connection.reply()[0] == 200


def test_a_body_of_a_byte_now_and_then_is_not(start, models):
    service = start(models, '--load', 'none', '--body-timeout', '500ms')
    with RawConnection(service.url) as connection:
        connection.send(head('POST', '/test/file', 'Content-Length: 100000') + bytes(90_000))
        connection.socket.settimeout(0.1)

        def answer():
            connection.send(b'x')
            try:
                return connection.socket.recv(12)
            except TimeoutError:
                return None

        assert wait_until(answer, 'the service to lose patience') == b'HTTP/1.1 408'
