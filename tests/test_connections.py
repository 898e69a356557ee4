"""Connections: who has how many when there are not enough, and where the service listens."""

import contextlib
import json
import os
import pathlib
import select
import shutil
import socket
import subprocess
import sys
import tempfile

import pytest

from client import RawConnection, head
from conftest import MODELS
from polling import GENEROUS, wait_until
from service import BINARY, environment, run
from sharing import CALL, Busy, begin_service, stats, wait_stats
from simulated import Stick

# Keeps connections in a state that takes places, and opens another one for each that the service closes.
ATTACKER = '''
import select, socket, sys, time
port, count, first, drip = int(sys.argv[1]), int(sys.argv[2]), bytes.fromhex(sys.argv[3]), bytes.fromhex(sys.argv[4])
connections = {}
events = select.poll()
waiting = select.poll()
waiting.register(sys.stdin, select.POLLIN | select.POLLHUP)

def open_one():
    connection = socket.create_connection(('127.0.0.1', port))
    connection.setblocking(False)
    try:
        connection.send(first)
    except OSError:
        pass
    connections[connection.fileno()] = connection
    events.register(connection, select.POLLRDHUP)

for _ in range(count):
    open_one()
print('begun', flush=True)
while not waiting.poll(20):
    for descriptor, _ in events.poll(0):
        events.unregister(descriptor)
        connections.pop(descriptor).close()
        open_one()
    for connection in list(connections.values()):
        try:
            connection.send(drip)
        except OSError:
            pass
'''


@contextlib.contextmanager
def attacked(service, count, first, drip=b''):
    """A process that keeps `count` connections, on each of which it sends `first` once and `drip` now and then."""
    command = [sys.executable, '-c', ATTACKER, service.url.rsplit(':', 1)[1], str(count), first.hex(), drip.hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b'begun\n'
            yield process.pid
        finally:
            process.kill()


def raw(address, data):
    with RawConnection(address) as connection:
        connection.send(data)
        return connection.reply()


PLACES = 64
BODY = head('POST', CALL, 'Content-Type: image/jpeg', 'Content-Length: 1000000')
LOAD = b'{"path": "%s", "name": "digit_detector"}' % str(MODELS).encode()
ATTACKS = {
    'unfinished bodies': (BODY, b''),
    'bodies that trickle': (BODY, b'x'),
    'unfinished chunked bodies': (head('POST', '/load', 'Transfer-Encoding: chunked') + b'5\r\n', b''),
    'unfinished headers': (b'GET /list HTTP/1.1\r\nHost: local', b''),
    'headers that trickle': (b'GET /list HTTP/1.1\r\nHost: local', b'x'),
    'nothing': (b'', b''),
    'loads of an absent device': (head('POST', '/load', f'Content-Length: {len(LOAD)}') + LOAD, b''),
    'inferences on an absent device': (head('POST', CALL, 'Content-Type: image/jpeg', 'Content-Length: 1') + b'x', b''),
}


@pytest.mark.parametrize('attack', ATTACKS)
def test_one_client_does_not_keep_others_out(start, tmp_path, attack):
    """However it fills its connections, and although it opens another one for each that is closed."""
    stick = Stick(tmp_path / 'stick')
    if 'absent' in attack:
        stick.unplug()
    service = start(MODELS, '--device', stick.device, '--load', 'digit_classifier', '--max-connections', PLACES,
                    '--device-wait', '60s', '--header-timeout', '600s', '--body-timeout', '600s', ready='absent' not in attack)
    kept = service.connect()
    assert kept.get('/list').status_code == 200
    with attacked(service, 2 * PLACES, *ATTACKS[attack]):
        for _ in range(20):
            assert raw(service.url, head('GET', '/health/live'))[0] == 200
            for address in (service.url, service.address('unix')):
                # Over TCP this process counts for its user until it is searched for, which may take two attempts.
                wait_until(lambda address=address: raw(address, head('GET', '/list'))[0] == 200, 'a place for a newcomer')
        assert kept.get('/list').status_code == 200
    kept.close()


def test_a_modest_client_loses_no_inference_to_a_greedy_one(start, tmp_path, digit):
    service = begin_service(start, tmp_path, '--max-connections', '32', latency='3s')
    calls = [Busy(service, digit, transport) for transport in ('tcp', 'unix')]
    wait_stats(service, lambda current: current['running'] + current['waiting'] == 2)
    with attacked(service, 64, BODY, b'x'):
        assert [call.wait().status_code for call in calls] == [200, 200]


def test_who_has_most_loses_its_last_request_to_a_newcomer(start, tmp_path):
    """When every place is taken by requests that are served: 429, and the first ones go on."""
    stick = Stick(tmp_path / 'stick')
    stick.unplug()
    service = start(MODELS, '--device', stick.device, '--load', 'none', '--max-connections', '8', ready=False)
    greedy = []
    for _ in range(8):
        greedy.append(RawConnection(service.address('unix')))
        greedy[-1].send(head('POST', '/load', f'Content-Length: {len(LOAD)}', 'Expect: 100-continue'))
        assert b'100 Continue' in greedy[-1].socket.recv(100)
        greedy[-1].send(LOAD)
    wait_until(lambda: raw(service.address('unix'), head('GET', '/list'))[0] == 503, 'all places to be taken')
    script = f'import http.client; c = http.client.HTTPConnection("127.0.0.1", {service.url.rsplit(":", 1)[1]}); ' \
             'c.request("GET", "/list"); print(c.getresponse().status)'
    assert subprocess.run([sys.executable, '-c', script], capture_output=True, check=True).stdout == b'200\n'
    answered, _, _ = select.select([connection.socket for connection in greedy], [], [], GENEROUS)
    assert len(answered) == 1
    [loser] = [connection for connection in greedy if connection.socket in answered]
    status, headers, body = loser.reply()
    assert (status, json.loads(body)['reason'], headers['retry-after']) == (429, 'client_connections', '1')
    for connection in greedy:
        connection.close()


# Who sees whom in GET /stats.

STATS_OF = 'import json, urllib.request; print(json.dumps([entry["client"] for entry in json.load(urllib.request.urlopen' \
           '("http://127.0.0.1:{}/stats"))["clients"]]))'


def test_users_see_the_names_of_their_own_processes(start, tmp_path, digit):
    if os.geteuid() != 0 or not shutil.which('setpriv'):
        pytest.skip('only root can be two users')
    service = begin_service(start, tmp_path)
    assert service.client.post_file(CALL, digit, headers={'X-Client-Id': 'secret'}).status_code == 200
    command = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', sys.executable, '-c',
               STATS_OF.format(service.url.rsplit(':', 1)[1])]
    result = subprocess.run(command, capture_output=True, check=False)
    if result.returncode != 0 and b'Permission denied' in result.stderr:
        pytest.skip('another user cannot run this Python')
    names = json.loads(result.stdout)
    assert 'other 1' in names and set(names) <= {'other 1', 'canary', ''}, names
    assert 'secret' not in result.stdout.decode()
    assert any(f'pid {os.getpid()}' in entry['client'] for entry in stats(service)['clients'])


# Names.


@pytest.mark.parametrize('name', ['localhost.', 'LOCALHOST:1', 'app.localhost', 'ip6-localhost', 'ip6-loopback:80',
                                  socket.gethostname(), socket.gethostname().upper() + '.:80', '127.0.0.1', '[::1]:5001'])
def test_names_that_no_stranger_owns(demo, name):
    assert raw(demo.url, f'GET /list HTTP/1.1\r\nHost: {name}\r\n\r\n'.encode())[0] == 200


@pytest.mark.parametrize('name', ['localhost.evil.example', 'evillocalhost', 'robot.local', 'host.docker.internal'])
def test_names_that_a_stranger_may_own(demo, name):
    assert raw(demo.url, f'GET /list HTTP/1.1\r\nHost: {name}\r\n\r\n'.encode())[0] == 403


# Where it listens.

LOOPBACK_UP = 'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 1))'


def in_a_network_of_its_own(tmp_path, script, ipv6=True, hosts='127.0.0.1 localhost\n::1 localhost\n'):
    """Runs a shell script, in which `accelerd` is a command, where only the loopback interface is."""
    (tmp_path / 'hosts').write_text(hosts)
    (tmp_path / 'begin').write_text(f'''set -e
cd {tmp_path}
accelerd() {{ "{BINARY}" "$@"; }}
serve() {{
  "{BINARY}" serve --load none --cache-dir none --state-dir none --lock-dir {tmp_path} "$@" > log 2>&1 & service=$!
  until grep -q 'serve: ready' log; do kill -0 $service || {{ wait $service; }}; sleep 0.05; done
}}
mount --bind {tmp_path}/hosts /etc/hosts
{sys.executable} -c '{LOOPBACK_UP}'
echo {0 if ipv6 else 1} > /proc/sys/net/ipv6/conf/all/disable_ipv6
''')
    (tmp_path / 'script').write_text(f'. {tmp_path}/begin\n{script}\n')
    command = ['unshare', '--net', '--mount', 'sh', str(tmp_path / 'script')]
    if os.geteuid() != 0 or subprocess.run([*command[:3], 'sh', str(tmp_path / 'begin')], capture_output=True,
                                           check=False).returncode != 0:
        pytest.skip('no network namespace with a hosts file of its own can be made here')
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), timeout=GENEROUS)


REACH_BOTH = '''
accelerd list --url http://127.0.0.1:5001
accelerd list --url 'http://[::1]:5001'
kill $service; wait $service
'''


@pytest.mark.parametrize('flags', ['', '--listen localhost:5001', "--listen '[::]:5001'",
                                   "--listen 0.0.0.0:5001 --listen '[::]:5001'"], ids=lambda flags: flags or 'default')
def test_both_loopback_addresses(tmp_path, flags):
    result = in_a_network_of_its_own(tmp_path, f'serve {flags}' + REACH_BOTH)
    assert result.returncode == 0, (result.stderr, (tmp_path / 'log').read_text())


def test_without_ipv6_the_default_is_ipv4(tmp_path):
    script = 'serve\naccelerd list --url http://127.0.0.1:5001\nkill $service; wait $service\n'
    result = in_a_network_of_its_own(tmp_path, script, ipv6=False)
    assert result.returncode == 0, (result.stderr, (tmp_path / 'log').read_text())
    assert '[::1]' not in (tmp_path / 'log').read_text()


@pytest.mark.parametrize('flags', ["--listen '[::1]:5001'", '--listen localhost:5001',
                                   "--listen 127.0.0.1:5001 --listen '[::1]:5001'"])
def test_without_ipv6_what_was_asked_for_is_an_error(tmp_path, flags):
    script = f'set +e\naccelerd serve --load none --cache-dir none --state-dir none --lock-dir . {flags}\necho "code $?"\n'
    result = in_a_network_of_its_own(tmp_path, script, ipv6=False)
    assert 'code 1\n' in result.stdout and '[::1]:5001' in result.stderr, (result.stdout, result.stderr)


@pytest.mark.parametrize('flags', ['', '--listen localhost:5001'], ids=lambda flags: flags or 'default')
@pytest.mark.parametrize('taken', ['127.0.0.1', '::1'])
def test_a_port_that_is_taken_at_one_address_is_an_error(tmp_path, flags, taken):
    taker = f'import os, socket, time; os.close(1); os.close(2); s = socket.create_server(("{taken}", 5001), family=socket.AF_INET{6 if ":" in taken else ""}); ' \
            'open("taken", "w").close(); time.sleep(100)'
    script = f"""{sys.executable} -c '{taker}' & taker=$!
until [ -e taken ]; do sleep 0.05; done
set +e
accelerd serve --load none --cache-dir none --state-dir none --lock-dir . {flags}
echo "code $?"
kill $taker
"""
    result = in_a_network_of_its_own(tmp_path, script)
    assert 'code 1\n' in result.stdout and 'address already in use' in result.stderr, (result.stdout, result.stderr)
    assert taken in result.stderr


# A Unix socket that goes.


def test_a_deleted_socket_is_made_again(start):
    service = start(MODELS, '--load', 'none', '--probe-interval', '50ms', '--socket-mode', '0640')
    before = service.client_over('unix')
    assert before.get('/list').status_code == 200
    service.socket.unlink()
    service.wait_for_log(r'unix:\S+ was deleted or replaced; listening on it again')
    assert service.socket.stat().st_mode & 0o777 == 0o640
    assert service.connect('unix').get('/list').status_code == 200
    assert before.get('/list').status_code == 200, 'connections live on'


def test_the_socket_of_another_service_is_not_taken_back(start):
    service = start(MODELS, '--load', 'none', '--probe-interval', '50ms')
    service.socket.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        # Bound elsewhere and moved, so that it is there at once.
        other.bind(str(service.socket) + '2')
        other.listen()
        os.rename(str(service.socket) + '2', service.socket)
        service.wait_for_log(r'clients cannot reach it: .*address already in use')
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(service.socket))
            assert other.accept()
        assert service.client.get('/list').status_code == 200
    service.wait_for_log(r'listening on it again')
    assert service.connect('unix').get('/list').status_code == 200


def test_the_client_says_what_keeps_it_from_a_socket():
    if os.geteuid() != 0 or not shutil.which('setpriv'):
        pytest.skip('only root can be two users')
    with tempfile.TemporaryDirectory(prefix='accelerd-') as name:
        path = pathlib.Path(name) / 's'
        pathlib.Path(name).chmod(0o755)
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
            bound.listen()
            path.chmod(0o660)
            as_nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', str(BINARY)]
            if subprocess.run([*as_nobody, 'version'], capture_output=True, check=False).returncode != 0:
                pytest.skip('another user cannot run the binary where it lies')
            result = subprocess.run([*as_nobody, 'list', '--url', f'unix:{path}'], capture_output=True, text=True, check=False)
        assert result.returncode == run('list', '--url', 'unix:/absent').returncode
        for hint in ('Permission denied', '--socket-mode', '--socket-group', '0660', 'user root'):
            assert hint in result.stderr, result.stderr
