"""HTTP that is wrong, slow, cut off, or too much at once."""

import json
import socket
import threading

import numpy as np
import pytest

from client import RawConnection, array_of, head, json_of, raw_error_of
from conftest import load
from polling import wait_until
from service import Service

MODEL = 'digit_classifier'
MEBIBYTE = 1 << 20


@pytest.fixture(scope='module')
def service(tmp_path_factory, models):
    """Time-outs that no test reaches."""
    with Service(tmp_path_factory.mktemp('http'), models, '--load', MODEL, '--header-timeout', '10m',
                 '--body-timeout', '10m', '--idle-timeout', '10m', '--request-timeout', '10m') as running:
        yield running


@pytest.fixture(scope='module')
def impatient(tmp_path_factory, models):
    """Short time-outs, for clients that are to be too slow."""
    with Service(tmp_path_factory.mktemp('impatient'), models, '--load', 'none', '--header-timeout', '500ms',
                 '--body-timeout', '500ms', '--idle-timeout', '2s') as running:
        yield running


@pytest.fixture(scope='module')
def roomy(tmp_path_factory, models):
    """Long time-outs, and room for three bodies of a mebibyte of one client."""
    with Service(tmp_path_factory.mktemp('roomy'), models, '--load', 'none', '--max-body-bytes', '1MiB',
                 '--max-total-body-bytes', '4MiB', '--body-wait', '60s', '--body-timeout', '60s') as running:
        yield running


@pytest.fixture(autouse=True)
def answers_as_before(service, digit):
    """After each test, over a new connection."""
    yield
    client = service.connect()
    np.testing.assert_array_equal(array_of(client.post_file('/test/file', digit)), load(digit))
    client.close()


def raw(service, data):
    with RawConnection(service.url) as connection:
        connection.send(data)
        return connection.reply()


SMUGGLED = b'0\r\n\r\n'


@pytest.mark.smoke
@pytest.mark.parametrize('headers', [
    ['Content-Length: 5', 'Transfer-Encoding: chunked'], ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    ['Content-Length: 5', 'Content-Length: 6'], ['Content-Length: -1'], ['Content-Length: five'],
    ['Content-Length: 99999999999999999999999'], ['Content-Length: 5, 6'], ['Transfer-Encoding: gzip, chunked'],
    ['Transfer-Encoding: chunked, chunked'], ['Transfer-Encoding: gzip'], ['Bad Header: x'], [': x'],
    ['X: a\0b']], ids=lambda headers: ' + '.join(headers))
def test_a_header_that_cannot_be_trusted_ends_the_connection(service, headers):
    with RawConnection(service.url) as connection:
        connection.send(head('POST', '/test/file', 'Content-Type: image/jpeg', *headers) + SMUGGLED)
        reply = connection.reply()
        assert reply[0] in (400, 411, 413, 501), reply
        raw_error_of(reply, reply[0])
        assert connection.closed()


@pytest.mark.parametrize('data', [
    b'\0' * 100, b'hello\r\n\r\n', b'GET\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n',
    b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n',
    b'GET / HTTP/1.1\r\nno colon\r\n\r\n'], ids=lambda data: repr(data[:20]))
def test_what_is_not_http(service, data):
    with RawConnection(service.url) as connection:
        connection.send(data)
        received = connection.socket.recv(1000)
        assert received == b'' or received.startswith(b'HTTP/1.1 4') or received.startswith(b'HTTP/1.1 505')
        connection.socket.settimeout(60)
        while received:
            received = connection.socket.recv(1000)


@pytest.mark.parametrize('chunks', [b'zz\r\nhello\r\n', b'-5\r\nhello\r\n0\r\n\r\n', b'5\r\nhello5\r\n',
                                    b'ffffffffffffffffff\r\n'])
def test_broken_chunks(service, chunks):
    request = head('POST', '/test/file', 'Content-Type: image/jpeg', 'Transfer-Encoding: chunked')
    with RawConnection(service.url) as connection:
        connection.send(request + chunks)
        reply = connection.reply()
        assert reply[0] in (400, 408, 413), reply
        assert connection.closed()


def test_http_1_0(service):
    with RawConnection(service.url) as connection:
        connection.send(b'GET /list HTTP/1.0\r\n\r\n')
        assert connection.reply()[0] == 200
        assert connection.closed()


def test_connection_close(service):
    with RawConnection(service.url) as connection:
        connection.send(head('GET', '/list', 'Connection: close'))
        status, headers, _ = connection.reply()
        assert status == 200 and headers['connection'] == 'close'
        assert connection.closed()


def test_pipelined_requests_are_answered_in_order(service, digit):
    data = digit.read_bytes()
    image = head('POST', '/test/file', 'Content-Type: image/jpeg', f'Content-Length: {len(data)}') + data
    with RawConnection(service.url) as connection:
        connection.send(image + head('GET', '/list') + head('GET', '/absent') + head('GET', f'/input/shape/{MODEL}'))
        assert [connection.reply()[0] for _ in range(4)] == [200, 200, 404, 200]


# Forms of a request that are unusual, and right.


@pytest.mark.smoke
@pytest.mark.parametrize('data', [
    head('GET', '//list'), head('GET', '/list/'), head('GET', '/list?'), head('GET', '/list/?x'), head('GET', '/%6cist'),
    head('GET', 'http://localhost/list'), head('GET', 'HTTP://localhost:5001//list/'),
    b'GET /list HTTP/1.0\r\n\r\n', b'\r\n\r\nGET /list HTTP/1.1\r\nhost: localhost\r\n\r\n',
    b'GET /list HTTP/1.1\r\nHOST:localhost \t\r\nContent-Length: 0 \r\n\r\n',
    head('GET', '/list', 'Transfer-Encoding: chunked') + b'0\r\n\r\n',
    head('GET', '/list', 'Transfer-Encoding: Chunked ') + b'00;a=b\r\nX: y\r\n\r\n',
    head('GET', '/list', 'Expect: 100-continue'), head('GET', '/list', 'Content-Length: 0', 'Expect: 100-continue'),
    head('GET', '/list', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__')],
    ids=lambda data: repr(data[:60]))
def test_unusual_requests_are_served(service, data):
    status, _, body = raw(service, data)
    assert (status, json.loads(body)) == (200, [MODEL])


def test_head(service):
    with RawConnection(service.url) as connection:
        connection.send(head('HEAD', '/list') + head('GET', '/list'))
        received = b''
        while not received.endswith(b']'):
            received += connection.socket.recv(1000)
    first, second, body = received.split(b'\r\n\r\n')
    assert first.startswith(b'HTTP/1.1 200') and b'\r\nContent-Length: %d' % len(body) in first, first
    assert second.startswith(b'HTTP/1.1 200'), 'an answer to HEAD has no body'


@pytest.mark.smoke
@pytest.mark.parametrize('target, allow', [('/', 'GET, HEAD'), ('/list', 'GET, HEAD'), ('/list/', 'GET, HEAD'),
                                           ('/test/file', 'POST'), (f'/classify/file/{MODEL}', 'POST'),
                                           ('*', 'GET, HEAD, POST'), ('http://localhost/list', 'GET, HEAD')])
def test_options_names_the_methods(service, target, allow):
    with RawConnection(service.url) as connection:
        for _ in range(2):
            connection.send(head('OPTIONS', target))
            status, headers, body = connection.reply()
            assert status == 204 and body == b''
            assert headers['allow'] == f'{allow}, OPTIONS'
            assert 'content-length' not in headers and 'content-type' not in headers
    raw_error_of(raw(service, head('OPTIONS', '/absent')), 404)


def test_a_check_of_a_proxy(service):
    """What HAProxy sends by `option httpchk`."""
    with RawConnection(service.url) as connection:
        connection.send(b'OPTIONS / HTTP/1.0\r\n\r\n')
        assert connection.reply()[0] == 204
        assert connection.closed()


def test_keep_alive_of_http_1_0(service):
    with RawConnection(service.url) as connection:
        for _ in range(2):
            connection.send(b'GET /list HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
            status, headers, _ = connection.reply()
            assert status == 200 and headers['connection'] == 'keep-alive'


# Forms of a request that are not spoken here.


@pytest.mark.parametrize('data, status', [
    (b'CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n', 501),
    (b'GET /list HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n', 400)], ids=['connect', 'folded'])
def test_forms_that_are_refused(service, data, status):
    raw_error_of(raw(service, data), status)


def test_lines_that_end_with_lf_alone_are_refused_at_once(roomy):
    """A wait for the time-out would end in 408."""
    raw_error_of(raw(roomy, b'GET /list HTTP/1.1\nHost: localhost\n\n'), 400)


# Web pages.


def test_pages_of_other_sites_and_names_of_others_are_refused(service, start, models):
    for headers in (['Origin: http://evil.example'], ['Origin: null']):
        raw_error_of(raw(service, head('GET', '/list', *headers)), 403)
    raw_error_of(raw(service, b'GET /list HTTP/1.1\r\nHost: evil.example:5001\r\n\r\n'), 403)
    open_to = start(models, '--load', 'none', '--allow-origin', 'https://robot.example', '--allow-host', 'robot.example')
    status, headers, _ = raw(open_to, head('GET', '/list', 'Origin: https://robot.example'))
    assert status == 200 and headers['access-control-allow-origin'] == 'https://robot.example'
    assert 'Retry-After' in headers['access-control-expose-headers']
    assert raw(open_to, b'GET /list HTTP/1.1\r\nHost: robot.example:5001\r\n\r\n')[0] == 200


def test_names_are_judged_on_the_loopback_wherever_else_it_listens(start, models):
    service = start(models, '--load', 'none', '--listen', '0.0.0.0:0')
    port = service.wait_for_log(r'listening on 0\.0\.0\.0:(\d+)').group(1)
    rebound = b'GET /list HTTP/1.1\r\nHost: evil.example:5001\r\n\r\n'
    for address in (service.url, f'http://127.0.0.1:{port}'):
        with RawConnection(address) as connection:
            connection.send(rebound)
            raw_error_of(connection.reply(), 403)
    if outward := _outward_address():
        with RawConnection(f'http://{outward}:{port}') as connection:
            connection.send(rebound)
            assert connection.reply()[0] == 200


def _outward_address():
    """An address of this machine that others may reach, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))  # Sends nothing: it chooses a way.
        except OSError:
            return None
        return probe.getsockname()[0]


# Clients that close their side.


@pytest.mark.parametrize('transport', ['tcp', 'unix'])
def test_a_client_that_has_said_all_gets_its_answer(service, digit, transport):
    data = digit.read_bytes()
    with RawConnection(service.address(transport)) as connection:
        connection.send(head('POST', f'/classify/file/{MODEL}', 'Content-Type: image/jpeg', 'Connection: close',
                             f'Content-Length: {len(data)}') + data)
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.reply()[0] == 200


# Slow clients.


@pytest.mark.smoke
def test_a_header_that_does_not_end(impatient):
    with RawConnection(impatient.url) as connection:
        connection.send(b'GET /list HTTP/1.1\r\nX: ')
        _ends(connection)


def test_a_header_that_comes_byte_by_byte(impatient):
    with RawConnection(impatient.url) as connection:
        connection.socket.settimeout(0.05)

        def ended():
            connection.send(b'x')
            try:
                return connection.socket.recv(1000) == b'' or True
            except TimeoutError:
                return False
            except ConnectionResetError:
                return True

        connection.send(b'GET /list HTTP/1.1\r\nX: ')
        wait_until(ended, 'the service to lose patience')


@pytest.mark.smoke
def test_a_body_that_does_not_come(impatient):
    with RawConnection(impatient.url) as connection:
        connection.send(head('POST', '/test/file', 'Content-Type: image/jpeg', 'Content-Length: 1000') + b'half')
        _ends(connection)


def _ends(connection):
    """The service answers 408 or nothing, and closes."""
    received = b''
    while data := connection.socket.recv(1000):
        received += data
    assert received == b'' or received.startswith(b'HTTP/1.1 408'), received


def test_a_kept_connection_without_requests(impatient):
    with RawConnection(impatient.url) as connection:
        connection.send(head('GET', '/list'))
        assert connection.reply()[0] == 200
        assert connection.closed()
    with RawConnection(impatient.url) as connection:
        assert connection.closed()


@pytest.mark.parametrize('sent', [b'', b'GET', head('POST', '/test/file', 'Content-Type: image/jpeg',
                                                    'Content-Length: 1000'),
                                  head('POST', '/test/file', 'Content-Type: image/jpeg', 'Content-Length: 1000')
                                  + b'half'], ids=['nothing', 'a word', 'the header', 'half the body'])
def test_a_client_that_leaves_before_its_request_is_whole(service, sent):
    for _ in range(20):
        with RawConnection(service.url) as connection:
            connection.send(sent)


@pytest.mark.smoke
def test_clients_that_leave_without_their_answers(service, digit):
    data = digit.read_bytes()
    request = head('POST', f'/classify/file/{MODEL}', 'Content-Type: image/jpeg', f'Content-Length: {len(data)}') + data
    for _ in range(50):
        with RawConnection(service.url) as connection:
            connection.send(request)


# Too much at once.


def test_bodies_wait_for_room(roomy, digit):
    """Three unfinished bodies take all the room of their client; the fourth is read when one of them is done."""
    header = head('POST', '/test/file', 'Content-Type: image/jpeg', f'Content-Length: {MEBIBYTE}')
    holders = [RawConnection(roomy.url) for _ in range(3)]
    for holder in holders:
        holder.send(header + bytes(MEBIBYTE // 2))
    answer = []
    waiting = threading.Thread(target=lambda: answer.append(raw(roomy, header + bytes(MEBIBYTE))))
    waiting.start()
    assert json_of(roomy.client.get('/list')) == [], 'calls without a body go on'
    waiting.join(0.5)
    assert not answer, 'the fourth body was read without room for it'
    holders[0].send(bytes(MEBIBYTE // 2))
    raw_error_of(holders[0].reply(), 400)
    waiting.join(60)
    raw_error_of(answer[0], 400)
    for holder in holders[1:]:
        holder.send(bytes(MEBIBYTE // 2))
        raw_error_of(holder.reply(), 400)
        holder.close()


def test_bodies_that_are_announced_and_not_sent_take_no_room(start, models, digit):
    service = start(models, '--load', 'none', '--body-wait', '1s')
    announced = head('POST', '/test/file', 'Content-Type: image/jpeg', f'Content-Length: {32 * MEBIBYTE}')
    silent = [RawConnection(service.url) for _ in range(50)]
    for number, connection in enumerate(silent):
        connection.send(announced + bytes(number * 1000))
    raw_error_of(raw(service, announced + bytes(32 * MEBIBYTE)), 400)
    array_of(service.client.post_file('/test/file', digit))
    for connection in silent:
        connection.close()


def test_room_that_does_not_come_is_503(start, models):
    service = start(models, '--load', 'none', '--max-body-bytes', '1MiB', '--max-total-body-bytes', '1MiB',
                    '--body-wait', '200ms', '--body-timeout', '60s')
    header = head('POST', '/test/file', 'Content-Type: image/jpeg', f'Content-Length: {MEBIBYTE}')
    with RawConnection(service.url) as holder:
        holder.send(header + bytes(MEBIBYTE // 2))
        reply = _refused_for_room(service, header)
        raw_error_of(reply, 503)
        assert int(reply[1]['retry-after']) >= 1
        holder.send(bytes(MEBIBYTE // 2))
        raw_error_of(holder.reply(), 400)
    wait_until(lambda: raw(service, header + bytes(MEBIBYTE))[0] == 400, 'the room of the first body')


def _refused_for_room(service, header):
    """The reply to a second body: the first one's header may still be on its way when the second one comes."""
    return wait_until(lambda: next((reply for reply in [raw(service, header + bytes(MEBIBYTE))]
                                    if reply[0] == 503), None), '503 for want of room')


def test_connections_over_the_limit(start, models):
    """Idle ones make room; without any the new one is refused."""
    service = start(models, '--load', 'none', '--max-connections', '4', '--body-timeout', '60s')

    def status_of_a_new_one():
        return raw(service, head('GET', '/list'))[0]

    busy = [RawConnection(service.url) for _ in range(4)]
    for connection in busy:
        connection.send(head('POST', '/test/file', 'Content-Type: image/jpeg', 'Content-Length: 2',
                             'Expect: 100-continue'))
        assert b'100 Continue' in connection.socket.recv(100)
    with RawConnection(service.url) as fifth:
        fifth.send(head('GET', '/list'))
        raw_error_of(fifth.reply(), 503)
        assert fifth.closed()
    busy[0].send(b'xx')
    raw_error_of(busy[0].reply(), 400)
    wait_until(lambda: status_of_a_new_one() == 200, 'the place of a connection that is idle')
    assert busy[0].closed()
    for connection in busy[1:]:
        connection.send(b'xx')
        raw_error_of(connection.reply(), 400)
        connection.close()


def test_idle_connections_keep_nobody_out(start, models):
    """Whether they say nothing, begin a header, or keep a connection that served."""
    service = start(models, '--load', 'none', '--max-connections', '30', '--idle-timeout', '600s', '--header-timeout',
                    '600s')
    with RawConnection(service.address('unix')) as quiet:
        quiet.send(head('GET', '/list'))
        assert quiet.reply()[0] == 200
        idle = []
        for number in range(100):
            idle.append(RawConnection(service.url))
            idle[-1].send([b'', b'GET /li', head('GET', '/list')][number % 3])
            if number % 3 == 2:
                assert idle[-1].reply()[0] == 200, number
        assert raw(service, head('GET', '/list'))[0] == 200
        quiet.send(head('GET', '/list'))
        assert quiet.reply()[0] == 200, 'a client lost its one connection to another client that has many'
        for connection in idle:
            connection.close()
