"""The checker of answers itself: each way in which a service may fail a client is seen."""

import socket
import threading

import numpy as np
import pytest

from checker import CORRECT, LOST, REFUSED, WRONG, Call, Checker

CALL = Call('classify', 'm', b'image', [{'class': 3, 'score': 50}])
RIGHT = b'[{"class":3,"score":50}]'


def reply(status, body, *headers):
    lines = [f'HTTP/1.1 {status} Reason', f'Content-Length: {len(body)}', *headers, '', '']
    return '\r\n'.join(lines).encode() + body


CASES = {
    'right': (reply(200, RIGHT), [CORRECT, CORRECT]),
    'honest': (reply(503, b'{"error":"away"}', 'Retry-After: 1'), [REFUSED, REFUSED]),
    'another class': (reply(200, b'[{"class":4,"score":50}]'), [WRONG, WRONG]),
    'no time to come back': (reply(503, b'{"error":"away"}'), [LOST, LOST]),
    'no reason': (reply(503, b'{"error":""}', 'Retry-After: 1'), [LOST, LOST]),
    'no JSON': (reply(503, b'away', 'Retry-After: 1'), [LOST, LOST]),
    'another status': (reply(500, b'{"error":"internal"}'), [LOST, LOST]),
    'the end of the connection': (b'', [LOST, LOST]),
    'half an answer': (reply(200, RIGHT)[:-5], [LOST, LOST]),
    'two answers': (2 * reply(200, RIGHT), [CORRECT, LOST]),
}


@pytest.fixture
def server():
    """Starts a server that answers each request with these bytes, and ends a connection after an incomplete answer."""
    listener = socket.create_server(('127.0.0.1', 0))
    request = CALL.request()

    def serve(answer, ends):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while connection.recv(len(request), socket.MSG_WAITALL):
                    connection.sendall(answer)
                    if ends:
                        break

    def start(answer, ends):
        threading.Thread(target=serve, args=[answer, ends], daemon=True).start()
        return f'http://127.0.0.1:{listener.getsockname()[1]}'

    yield start
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.smoke
@pytest.mark.parametrize('case', CASES)
def test_what_a_service_may_do(server, case):
    answer, expected = CASES[case]
    address = server(answer, ends=case in ('the end of the connection', 'half an answer'))
    with Checker(address, [CALL], 0) as checker:
        assert [checker.ask_each()[0].outcome for _ in range(2)] == expected
    assert len(checker.violations()) == sum(outcome in (WRONG, LOST) for outcome in expected)


def test_a_second_answer_is_seen_at_the_end(server):
    with Checker(server(2 * reply(200, RIGHT), ends=False), [CALL], 0) as checker:
        assert checker.ask_each()[0].outcome == CORRECT
    with pytest.raises(AssertionError):
        checker.assert_honest()


def test_arrays_are_compared_to_the_last_bit(tmp_path):
    array = np.linspace(0, 1, 7, dtype=np.float32)
    call = Call('inference', 'm', b'image', array)
    for actual, is_right in ((array, True), (np.nextafter(array, 2), False), (array.astype(np.float64), False)):
        np.save(tmp_path / 'array.npy', actual)
        assert call.is_answered_by((tmp_path / 'array.npy').read_bytes()) is is_right
