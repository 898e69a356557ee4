"""Another client of the service: a process of its own, which holds connections open until it is told to end.

usage: other_client.py ADDRESS COUNT SENT ANNOUNCED [HEADER …]

Opens COUNT connections. On each it sends a POST of ANNOUNCED bytes of which only the first SENT go out. Prints "ready"
when they have left, as far as the service takes them, and ends when its standard input does.
"""

import contextlib
import subprocess
import sys
import threading

from client import RawConnection, head


class OtherClient(contextlib.AbstractContextManager):
    """Runs this file as a process."""

    def __init__(self, address, count, sent, announced, *headers):
        self._process = subprocess.Popen(
            [sys.executable, __file__, address, *map(str, (count, sent, announced)), *headers],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        assert self._process.stdout.readline() == b'ready\n'
        return self

    def __exit__(self, *_):
        self._process.communicate()


def _send(connection, data):
    connection.socket.settimeout(2)
    try:
        connection.socket.sendall(data)
    except OSError:
        pass  # The service does not read on, or closed the connection.


def main(address, count, sent, announced, *headers):
    framing = 'Transfer-Encoding: chunked' if announced == 'chunked' else f'Content-Length: {announced}'
    data = head('POST', '/test/file', framing, *headers)
    if announced == 'chunked':
        data += b'%x\r\n' % (32 << 20)
    data += bytes(int(sent))
    connections = [RawConnection(address) for _ in range(int(count))]
    threads = [threading.Thread(target=_send, args=(connection, data)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print('ready', flush=True)
    sys.stdin.read()


if __name__ == '__main__':
    main(*sys.argv[1:])
