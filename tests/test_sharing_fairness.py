"""What greedy, urgent, late and vanishing clients do to the others."""

import functools
import os
import threading

import pytest
import requests

from checker import Checker, calls_of
from client import RawConnection, head
from conftest import MODELS
from processes import signal_worker, wait_worker
from sharing import CALL, Busy, asking, begin_service, clients_of, peer_name, stats, wait_stats
from simulated import SimulatedModel


@pytest.fixture
def begin(start, tmp_path):
    return functools.partial(begin_service, start, tmp_path)


def device_seconds(current, name, member=None):
    return clients_of(current).get((name, member), {}).get('device_seconds', 0.0)


def shares(service, *clients, seconds=1.0):
    """What each client, a name or a pair of name and id, gets of the device until it has worked for `seconds`."""
    clients = [client if isinstance(client, tuple) else (client, None) for client in clients]
    begin = wait_stats(service, lambda now: all(device_seconds(now, *client) > 0 for client in clients))
    end = wait_stats(service, lambda now: now['device_seconds'] >= begin['device_seconds'] + seconds)
    return [device_seconds(end, *client) - device_seconds(begin, *client) for client in clients]


# Each bound is far from the half that is expected, and farther from what the order of arrival would give: a sixty-fourth.


@pytest.mark.smoke
def test_a_greedy_process_leaves_its_part_to_a_modest_one(begin, digit):
    service = begin(latency='5ms')
    with asking(service, digit, connections=64) as greedy, asking(service, digit) as modest:
        much, little = shares(service, peer_name(greedy), peer_name(modest), seconds=2)
    assert little >= 0.15 * much


def test_a_greedy_id_leaves_its_part_to_a_modest_one_of_the_same_process(begin, digit):
    service = begin(latency='5ms')
    name = peer_name(os.getpid())
    stop = threading.Event()

    def ask(member):
        session = requests.Session()
        while not stop.is_set():
            session.post(service.url + CALL, data=digit.read_bytes(),
                         headers={'Content-Type': 'image/jpeg', 'X-Client-Id': member})

    threads = [threading.Thread(target=ask, args=[member]) for member in [*['greedy'] * 32, 'modest']]
    for thread in threads:
        thread.start()
    much, little = shares(service, (name, 'greedy'), (name, 'modest'))
    stop.set()
    for thread in threads:
        thread.join()
    assert little >= 0.15 * much


def test_an_id_for_each_request_gains_nothing(begin, digit):
    service = begin(latency='5ms')

    def total(current, name):
        return sum(entry['device_seconds'] for (client, _), entry in clients_of(current).items() if client == name)

    with (asking(service, digit, connections=8, **{'X-Client-Id': 'request #'}) as many,
          asking(service, digit, connections=8) as one):
        names = [peer_name(many), peer_name(one)]
        first = wait_stats(service, lambda now: all(total(now, name) > 0 for name in names))
        last = wait_stats(service, lambda now: now['device_seconds'] > first['device_seconds'] + 1)
    of_many, of_one = (total(last, name) - total(first, name) for name in names)
    assert of_one >= 0.5 * of_many


def test_a_class_goes_before_the_lower_ones_and_leaves_them_something(begin, digit):
    service = begin(latency='5ms')
    with (asking(service, digit, connections=16) as normal,
          asking(service, digit, connections=16, **{'X-Priority': 'batch'}) as batch):
        above, below = shares(service, peer_name(normal), peer_name(batch), seconds=3)
    assert 0.02 * above <= below <= 0.2 * above


@pytest.mark.smoke
def test_overload_is_refused_at_once_and_the_device_goes_on(begin, digit):
    service = begin('--max-queue', '16', latency='5ms')
    headers = {'X-Timeout-Ms': '100'}
    with (asking(service, digit, connections=40, **headers) as one, asking(service, digit, connections=40, **headers) as other):
        much, little = shares(service, peer_name(one), peer_name(other), seconds=2)
        for _ in range(20):
            answer = service.client.post_file(CALL, digit, headers=headers)
            assert answer.status_code in (200, 429, 503), answer.text
            if answer.status_code != 200:
                assert int(answer.headers['Retry-After']) >= 1
                assert answer.json()['reason'] in ('queue_full', 'client_queue_full', 'too_late', 'expired')
    assert little >= 0.5 * much and much >= 0.5 * little
    refused = stats(service)['refused']
    assert refused.get('client_queue_full', 0) > 0
    # Asked without a pause, the refusals are many times the answers; none of it reached the device.
    assert stats(service)['completed'] * 0.005 <= stats(service)['device_seconds'] * 1.5


def test_a_modest_client_has_room_in_a_full_queue(begin, digit):
    service = begin('--max-queue', '8', latency='5ms')
    with asking(service, digit, connections=32) as greedy:
        wait_stats(service, lambda now: now['refused'].get('queue_full', 0) > 0)
        for _ in range(10):
            assert service.client.post_file(CALL, digit).status_code == 200
        assert clients_of(stats(service))[peer_name(greedy), None]['refused'].get('client_queue_full', 0) > 0


@pytest.mark.parametrize('state', ['running', 'waiting'])
def test_who_vanishes_leaves_nothing_behind(begin, digit, state):
    service = begin(latency='1s')
    running = Busy(service, digit) if state == 'waiting' else None
    if running:
        wait_stats(service, lambda now: now['running'] == 1)
    connections = [RawConnection(service.url) for _ in range(5)]
    for connection in connections:
        body = digit.read_bytes()
        connection.send(head('POST', CALL, 'Content-Type: image/jpeg', f'Content-Length: {len(body)}') + body)
    wait_stats(service, lambda now: now['running'] + now['waiting'] == 5 + (running is not None))
    for connection in connections:
        connection.close()
    gone = wait_stats(service, lambda now: now['waiting'] == 0 and now['cancelled'] == 5)
    assert gone['running'] <= 1
    assert service.client.post_file(CALL, digit).status_code == 200
    if running:
        assert running.wait().status_code == 200


def test_every_request_is_answered_while_its_device_is_lost_again_and_again(begin, digit):
    service = begin(latency='2ms', isolation='worker')
    model = SimulatedModel(MODELS / 'digit_classifier.xml')
    frames = {'X-Stream': 'camera', 'X-Client-Id': 'camera'}
    with (asking(service, digit, connections=16), asking(service, digit, connections=4, **frames),
          asking(service, digit, connections=4, **{'X-Priority': 'batch', 'X-Timeout-Ms': '300'}),
          Checker(service.url, calls_of(model, classify=True), clients=4) as checker):
        worker = wait_worker(service)
        for _ in range(5):
            signal_worker(service)
            worker = wait_worker(service, other_than=worker)
            before = stats(service)['completed']
            wait_stats(service, lambda now, before=before: now['completed'] > before + 50)
    checker.assert_honest()
    wait_stats(service, lambda now: now['running'] + now['waiting'] == 0)
