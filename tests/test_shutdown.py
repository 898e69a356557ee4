"""SIGTERM and SIGINT: accepted work finishes, new work is refused, the exit code tells."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

import made_models
from client import RawConnection, array_of, head, raw_error_of
from conftest import MODELS, load
from polling import GENEROUS, wait_until
from reference import Reference, assert_same_tensor
from service import run
from simulated import Stick


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A model that takes about half a second for an image."""
    path = tmp_path_factory.mktemp('slow')
    made_models.save(made_models.slow_to_run(layers=60), path, 'slow')
    return path


class Work:
    """Calls of the slow model in flight, each on a connection of its own."""

    def __init__(self, service, digit, count):
        self._threads = ThreadPoolExecutor(count)
        self.calls = [self._threads.submit(self._call, service, digit) for _ in range(count)]
        wait_until(lambda: any(call.done() for call in self.calls), 'the first answer')

    @staticmethod
    def _call(service, digit):
        client = service.connect()
        try:
            return client.post_file('/inference/file/slow', digit, timeout=10 * GENEROUS)
        finally:
            client.close()

    def results(self):
        return [call.result() for call in self.calls]


def refuses_connections(address):
    try:
        RawConnection(address).close()
    except (ConnectionError, FileNotFoundError):  # Reset when it was in the queue of the socket that is closed.
        return True
    return False


def image_request(digit):
    data = digit.read_bytes()
    return head('POST', '/inference/file/slow', 'Content-Type: image/jpeg', f'Content-Length: {len(data)}') + data


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_accepted_work_finishes_and_new_work_is_refused(start, folder, digit, number):
    service = start(folder, '--request-timeout', '30m', '--drain-timeout', '30m')
    addresses = [service.address('tcp'), service.address('unix')]
    kept = [RawConnection(address) for address in addresses]
    for connection in kept:
        connection.send(head('GET', '/list'))
        assert connection.reply()[0] == 200
    work = Work(service, digit, 12)
    service.signal(number)
    wait_until(lambda: all(map(refuses_connections, addresses)), 'new connections to be refused')
    for connection in kept:
        connection.send(image_request(digit))
        reply = connection.reply()
        raw_error_of(reply, 503)
        assert reply[1]['connection'] == 'close'
        assert connection.closed()
    assert service.process.poll() is None, 'the work ended too soon for this test'
    expected = Reference(folder / 'slow.xml').inference(load(digit))
    for response in work.results():
        assert_same_tensor(array_of(response), expected)
    assert service.wait_exit() == 0
    assert not service.socket.exists()


@pytest.mark.smoke
def test_health_answers_on_kept_connections_while_work_is_in_flight(start, tmp_path, digit):
    stick = Stick(tmp_path / 'stick')
    service = start(MODELS, '--device', stick.device, '--load', 'digit_classifier', '--run-timeout', '1h',
                    '--request-timeout', '1h', '--drain-timeout', '1h')
    kept = {target: RawConnection(service.address(transport)) for target, transport in [
        ('/health', 'tcp'), ('/health/live', 'unix'), ('/health/ready', 'tcp')]}
    for target, connection in kept.items():
        connection.send(head('GET', target))
        assert connection.reply()[0] == 200
    stick.fault('hang', during='run')
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(service.connect().post_file, '/classify/file/digit_classifier', digit)
        wait_until(lambda: stick.counter('faults') == 1, 'the inference to begin')
        service.signal(signal.SIGTERM)
        wait_until(lambda: refuses_connections(service.url), 'new connections to be refused')
        replies = {}
        for target, connection in kept.items():
            connection.send(head('GET', target))
            status, _, body = connection.reply()
            replies[target] = status, json.loads(body)
        assert not call.done(), 'the work ended too soon for this test'
        service.signal(signal.SIGTERM)
        assert service.wait_exit() in (143, -signal.SIGTERM)
        assert call.exception()
    stopping = 'the service is shutting down'
    assert replies['/health/live'] == (200, {'live': True})
    assert replies['/health/ready'] == (503, {'ready': False, 'reason': stopping})
    status, health = replies['/health']
    assert status == 200 and health['live'] and not health['ready'] and health['reason'] == stopping
    assert health['devices'][0]['state'] == 'READY'
    assert [(model['name'], model['state']) for model in health['models']] == [('digit_classifier', 'READY')]


@pytest.mark.smoke
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_an_idle_service_ends_at_once(start, models, number):
    service = start(models, '--load', 'none')
    kept = RawConnection(service.url)
    kept.send(head('GET', '/list'))
    assert kept.reply()[0] == 200
    service.signal(number)
    assert service.wait_exit() == 0
    assert kept.closed()


@pytest.mark.parametrize('number, code', [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_it_at_once(start, folder, digit, number, code):
    service = start(folder)
    work = Work(service, digit, 24)
    service.signal(number)
    wait_until(lambda: refuses_connections(service.url), 'new connections to be refused')
    service.signal(number)
    assert service.wait_exit() in (code, -number)
    assert any(call.exception() for call in work.calls), 'all work was finished'


def test_work_beyond_the_drain_timeout_is_refused(start, folder, digit):
    service = start(folder, '--drain-timeout', '700ms')
    work = Work(service, digit, 30)
    service.signal(signal.SIGTERM)
    codes = [response.status_code for response in work.results()]
    assert set(codes) == {200, 503}, codes
    assert service.wait_exit() == 0
    assert 'did not finish within' in service.log()


def test_a_load_in_progress_does_not_hold_up_the_end(start, tmp_path):
    models = tmp_path / 'models'
    models.mkdir()
    made_models.save(made_models.slow_to_compile(), models, 'slow')
    service = start(models, '--drain-timeout', '500ms', ready=False, cache=False)
    service.signal(signal.SIGTERM)
    assert service.wait_exit() == 0


@pytest.mark.smoke
def test_a_service_whose_device_never_came_was_never_ready(start, models, tmp_path):
    stick = tmp_path / 'stick.json'
    assert run('simulate', stick, 'unplug').returncode == 0
    service = start(models, '--device', f'SIMULATED:{stick}', ready=False)
    service.signal(signal.SIGTERM)
    assert service.wait_exit() == 0
    assert 'ready' not in service.log()


def test_the_drain_delay_keeps_accepting(start, models):
    service = start(models, '--load', 'none', '--drain-delay', '30s')
    service.signal(signal.SIGTERM)
    service.wait_for_log(r'draining')
    assert not refuses_connections(service.url)
    service.signal(signal.SIGTERM)
    assert service.wait_exit() in (143, -signal.SIGTERM)


@pytest.mark.smoke
def test_work_of_clients_that_left_ends_before_the_service_does(start, models):
    service = start(models, '--load', 'digit_classifier')
    large = cv2.imencode('.png', np.zeros((6000, 6000, 3), np.uint8))[1].tobytes()
    request = head('POST', '/classify/file/digit_classifier', 'Content-Type: image/png',
                   f'Content-Length: {len(large)}') + large
    load_request = json.dumps({'path': str(models), 'name': 'digit_detector'}).encode()
    load_request = head('POST', '/load', f'Content-Length: {len(load_request)}') + load_request
    for data in [request] * 6 + [load_request]:
        connection = RawConnection(service.url)
        connection.send(data)
        connection.close()
    assert service.client.get('/list').status_code == 200
    service.signal(signal.SIGTERM)
    assert service.wait_exit() == 0


@pytest.mark.smoke
def test_what_is_not_whole_is_refused_and_does_not_hold_up_the_end(start, models):
    """With the default time-outs: neither 10 s for a header nor 30 s for a body are waited for."""
    service = start(models, '--load', 'none', '--drain-timeout', '1h', '--header-timeout', '1h', '--body-timeout', '1h')
    image = ('POST', '/test/file', 'Content-Type: image/jpeg')
    requests = [head(*image, 'Content-Length: 1000') + b'half', head(*image, 'Content-Length: 1000'),
                head(*image, 'Transfer-Encoding: chunked') + b'5\r\nhal', head(*image)[:-2],
                b'GET /list HTTP/1.1\r\nHost: lo']
    unfinished = [RawConnection(service.address(transport)) for transport in ('tcp', 'unix') for _ in requests]
    for connection, request in zip(unfinished, requests * 2):
        connection.send(request)
    waiting = RawConnection(service.url)
    waiting.send(head(*image, 'Content-Length: 1000', 'Expect: 100-continue'))
    assert waiting.socket.recv(100) == b'HTTP/1.1 100 Continue\r\n\r\n', 'the others were read by now'
    service.signal(signal.SIGTERM)
    for connection in [*unfinished, waiting]:
        reply = connection.reply()
        assert 'shutting down' in raw_error_of(reply, 503)
        assert reply[1]['connection'] == 'close' and int(reply[1]['retry-after']) >= 1
        assert connection.closed()
    assert service.wait_exit() == 0


@pytest.mark.smoke
def test_the_socket_of_a_dead_service_is_replaced(start, models):
    service = start(models, '--load', 'none')
    service.process.kill()
    service.process.wait()
    assert service.socket.exists()
    service.start().wait_ready()
    assert service.client_over('unix').get('/list').status_code == 200


def test_the_socket_of_a_live_service_is_left_alone(start, models):
    running = start(models, '--load', 'none')
    second = run('serve', '--listen', f'unix:{running.socket}', '--models', models, '--load', 'none',
                        '--cache-dir', 'none')
    assert second.returncode not in (0, None)
    assert str(running.socket) in second.stderr.decode()
    assert running.client_over('unix').get('/list').status_code == 200


def test_the_mode_of_the_socket(start, models):
    service = start(models, '--load', 'none', '--socket-mode', '0600')
    assert service.socket.stat().st_mode & 0o777 == 0o600
    assert service.client_over('unix').get('/').status_code == 200
