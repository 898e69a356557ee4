"""Who a client is, what a request may ask for by its headers, and what GET /stats says of it."""

import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from client import RawConnection, error_of, head, json_of
from conftest import MODELS
from service import BINARY, Service, run
from sharing import CALL, Busy, asking, begin_service, clients_of, completed, peer_name, stats, wait_stats
from simulated import Stick


@pytest.fixture
def begin(start, tmp_path):
    """begin(flags…, latency=…): a service with one model on a device that runs one inference at a time."""
    return functools.partial(begin_service, start, tmp_path)


# Who a client is.


@pytest.mark.smoke
def test_of_a_unix_socket_the_process(begin, digit):
    service = begin()
    for _ in range(3):
        assert service.client_over('unix').post_file(CALL, digit).status_code == 200
    entry = clients_of(stats(service))[peer_name(os.getpid()), None]
    assert entry['completed'] == 3
    assert entry['weight'] == 1
    assert entry['device_share'] > 0


@pytest.mark.smoke
@pytest.mark.parametrize('kept', [True, False], ids=['kept connections', 'a connection for each call'])
def test_two_processes_over_loopback_are_told_apart(begin, digit, kept):
    service = begin()
    with asking(service, digit, connections=16, kept=kept) as greedy, asking(service, digit, kept=kept) as modest:
        names = [peer_name(greedy), peer_name(modest)]
        current = wait_stats(service, lambda now: all(completed(now, name) >= 20 for name in names))
        wait_stats(service, lambda now: all(completed(now, name) >= completed(current, name) + 20 for name in names))
    assert {client for client, _ in clients_of(stats(service))} <= {*names, 'canary'}


def test_the_same_process_over_both_transports_is_one_client(begin, digit):
    service = begin()
    for transport in ('tcp', 'unix', 'tcp'):
        assert service.client_over(transport).post_file(CALL, digit).status_code == 200
    assert completed(stats(service), peer_name(os.getpid())) == 3


def test_where_processes_cannot_be_seen_users_are_told_apart(digit):
    """The service of a user without rights does not see what others' processes hold."""
    if os.geteuid() != 0 or not shutil.which('setpriv'):
        pytest.skip('only root can be two users')
    with tempfile.TemporaryDirectory(prefix='accelerd-') as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        stick = Stick(folder / 'stick', slots=1)
        for path in folder.iterdir():
            path.chmod(0o666)
        service = Service(folder / 'service', MODELS, '--device', stick.device, '--load', 'digit_classifier',
                          '--isolation', 'none')
        service.folder.chmod(0o777)
        as_nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
        if subprocess.run([*as_nobody, BINARY, 'version'], capture_output=True, check=False).returncode != 0:
            pytest.skip('another user cannot run the binary where it lies')
        service.command = [*as_nobody, *service.command]
        with service, asking(service, digit, connections=8), asking(service, digit, kept=False):
            wait_stats(service, lambda current: completed(current, 'uid 0') >= 50)
            assert {client for client, _ in clients_of(stats(service))} <= {'uid 0', 'canary'}


@pytest.mark.parametrize('transport', ['tcp', 'unix'])
def test_ids_are_part_of_the_client_that_names_them(begin, digit, transport):
    service = begin('--client', f'uid:{os.geteuid()} weight=2.5')
    for member in ('front door', 'garden'):
        answer = service.client_over(transport).post_file(CALL, digit, headers={'X-Client-Id': member})
        assert answer.status_code == 200
    name = peer_name(os.getpid())
    for member in ('front door', 'garden'):
        entry = clients_of(stats(service))[name, member]
        assert entry['completed'] == 1
        assert entry['weight'] == 2.5


@pytest.mark.smoke
def test_ids_of_a_trusted_client_are_clients(begin, digit):
    service = begin('--client', 'unix weight=2 trusted', '--client', 'id:camera weight=5 priority=realtime')
    gateway = service.client_over('unix')
    for member, priority, status in (('camera', 'realtime', 200), ('other', 'normal', 200), ('other', 'realtime', 403)):
        answer = gateway.post_file(CALL, digit, headers={'X-Client-Id': member, 'X-Priority': priority})
        assert answer.status_code == status, answer.text
    assert 'id:other priority=realtime' in answer.text
    assert gateway.post_file(CALL, digit).status_code == 200
    clients = clients_of(stats(service))
    assert clients['id camera', None]['weight'] == 5
    assert clients['id other', None]['weight'] == 2
    assert clients[peer_name(os.getpid()), None]['weight'] == 2
    # Over TCP nobody is trusted.
    assert service.client.post_file(CALL, digit, headers={'X-Client-Id': 'camera'}).status_code == 200
    assert completed(stats(service), peer_name(os.getpid()), 'camera') == 1
    assert completed(stats(service), 'id camera') == 1


# What a request may ask for.


def test_classes_up_to_the_one_that_is_granted(begin, digit):
    service = begin('--client', 'unix priority=realtime', '--client', 'address:127.0.0.0/8 priority=batch')
    expected = {'unix': {'realtime': 200, 'normal': 200, 'batch': 200}, 'tcp': {'realtime': 403, 'normal': 403, 'batch': 200}}
    for transport, statuses in expected.items():
        client = service.client_over(transport)
        for priority, status in statuses.items():
            answer = client.post_file(CALL, digit, headers={'X-Priority': priority})
            assert answer.status_code == status, (transport, priority, answer.text)
        assert client.post_file(CALL, digit).status_code == 200


@pytest.mark.smoke
def test_realtime_is_not_for_everybody(begin, digit):
    answer = begin().client.post_file(CALL, digit, headers={'X-Priority': 'realtime'})
    assert f'--client "uid:{os.geteuid()} priority=realtime"' in error_of(answer, 403)


BAD = [('X-Priority: urgent', 'realtime, normal or batch'), ('X-Timeout-Ms: 0', 'whole number of milliseconds'),
       ('X-Timeout-Ms: 1s', 'whole number of milliseconds'), ('X-Stream:', '1 to 64 printable'),
       ('X-Client-Id: ' + 65 * 'x', '1 to 64 printable'), ('X-Client-Id: caf\xe9', '1 to 64 printable'),
       ('X-Priority: batch\r\nX-Priority: batch', 'twice'), ('X-Timeout-Ms: 1\r\nX-Timeout-Ms: 2', 'twice')]


@pytest.mark.smoke
@pytest.mark.parametrize('call', ['/inference/file/m', '/classify/path/m', '/detect/file/m', '/segment/path/m', '/test/file'])
def test_bad_headers_are_answered_before_the_body(demo, call):
    for header, message in BAD:
        with RawConnection(demo.url) as connection:
            connection.send(head('POST', call, 'Content-Type: image/jpeg', 'Content-Length: 1000', header))
            status, _, body = connection.reply()
            assert (status, message in body.decode()) == (400, True), (header, status, body)


@pytest.mark.smoke
def test_one_stream_a_request(begin, digit):
    client = begin().client
    assert client.post_file(CALL + '?stream=cam', digit).status_code == 200
    assert client.post_file(CALL + '?stream=cam', digit, headers={'X-Stream': 'cam'}).status_code == 200
    for path, headers in ((CALL + '?stream=b', {'X-Stream': 'a'}), (CALL + '?stream=a&stream=b', {})):
        assert 'two streams, "a" and "b"' in error_of(client.post_file(path, digit, headers=headers), 400)
    assert '1 to 64 printable' in error_of(client.post_file(CALL + '?stream=', digit), 400)


def test_a_newer_frame_takes_the_place_of_one_that_waits(begin, digit):
    service = begin(latency='2s')
    running = Busy(service, digit)
    wait_stats(service, lambda current: current['running'] == 1)
    older = Busy(service, digit, path=CALL + '?stream=cam')
    wait_stats(service, lambda current: current['waiting'] == 1)
    other = Busy(service, digit, path=CALL + '?stream=cam', **{'X-Client-Id': 'another'})
    wait_stats(service, lambda current: current['waiting'] == 2)
    newer = Busy(service, digit, **{'X-Stream': 'cam'})
    answer = older.wait()
    assert not running.answered
    body = json_of(answer, 409)
    assert body['reason'] == 'superseded' and body['error'], body
    assert 'Retry-After' not in answer.headers
    assert [call.wait().status_code for call in (running, other, newer)] == [200, 200, 200]
    assert stats(service)['refused'] == {'superseded': 1}


@pytest.mark.smoke
def test_a_timeout_covers_the_queue(begin, digit):
    service = begin(latency='3s')
    running = Busy(service, digit)
    wait_stats(service, lambda current: current['running'] == 1)
    answer = service.client.post_file(CALL, digit, headers={'X-Timeout-Ms': '100'})
    assert not running.answered, 'it was answered with the end of the inference before it'
    body = json_of(answer, 503)
    assert body['reason'] in ('expired', 'too_late'), body
    assert int(answer.headers['Retry-After']) >= 1
    assert running.wait().status_code == 200


def test_a_timeout_never_lengthens(begin, digit):
    service = begin('--request-timeout', '500ms', latency='5s')
    running = Busy(service, digit)
    wait_stats(service, lambda current: current['running'] == 1)
    answer = service.client.post_file(CALL, digit, headers={'X-Timeout-Ms': '3600000'})
    assert not running.answered
    assert json_of(answer, 503)['reason'] in ('expired', 'too_late')
    assert running.wait().status_code == 200


# What is seen of it.


@pytest.mark.smoke
def test_stats_while_busy_and_while_draining(begin, digit):
    service = begin(latency='2s')
    kept = RawConnection(service.url)
    calls = [Busy(service, digit) for _ in range(3)]
    current = wait_stats(service, lambda now: (now['running'], now['waiting']) == (1, 2))
    assert not calls[0].answered or not calls[1].answered
    model = {entry['model']: entry for entry in current['models']}['digit_classifier']
    assert (model['running'], model['waiting']) == (1, 2)
    service.signal(signal.SIGTERM)
    service.wait_for_log('draining')
    kept.send(head('GET', '/stats'))
    status, _, body = kept.reply()
    assert status == 200
    assert json.loads(body)['running'] == 1
    assert not all(call.answered for call in calls), 'it waited for the inferences'
    assert [call.wait().status_code for call in calls] == [200, 200, 200]
    assert service.wait_exit() == 0
    kept.close()
    log = service.log()
    assert re.search(r'stats: in all: the device worked \d+\.\d s, [34] inferences, waited', log), log
    assert re.search(r'stats: model "digit_classifier": \d+\.\d % of the device', log), log
    assert re.search(rf'stats: client "uid {os.geteuid()}[^"]*": ', log), log


def test_shares_of_the_device_sum_up(begin, digit):
    service = begin()
    for member in ('a', 'b', 'c'):
        assert service.client.post_file(CALL, digit, headers={'X-Client-Id': member}).status_code == 200
    current = stats(service)
    for parts in (current['clients'], current['models']):
        assert sum(entry['device_share'] for entry in parts) == pytest.approx(1, abs=1e-3)
        assert sum(entry['device_seconds'] for entry in parts) == pytest.approx(current['device_seconds'], abs=1e-3)
        assert sum(entry['completed'] for entry in parts) == current['completed']


@pytest.mark.parametrize('rules, message', [
    (['uid:alice'], '"uid:alice" is not accepted: client takes a client'),
    (['any priority=high'], 'priority=realtime, normal or batch'),
    (['any', 'unix weight=2'], 'unix after any'),
    (['user:nobody-is-called-so'], 'there is no user'),
])
def test_rules_that_cannot_be(tmp_path, rules, message):
    arguments = [argument for rule in rules for argument in ('--client', rule)]
    result = run('serve', '--listen', f'unix:{tmp_path}/s', '--cache-dir', 'none', *arguments)
    assert result.returncode != 0
    assert message in result.stderr.decode()
