"""Another client of the service: a process of its own, which holds connections open until it is told to end.

usage: other_client.py ADDRESS COUNT REQUEST

Opens COUNT connections and sends the bytes of the file REQUEST on each. Prints "ready" when they have left, as far as
the service takes them, and ends when its standard input does. It reads no answers.
"""

import contextlib
import pathlib
import subprocess
import sys
import tempfile
import threading

from client import RawConnection, head


class OtherClient(contextlib.AbstractContextManager):
    """Runs this file as a process."""

    def __init__(self, address, count, request):
        self._file = tempfile.NamedTemporaryFile()
        self._file.write(request)
        self._file.flush()
        self._process = subprocess.Popen([sys.executable, __file__, address, str(count), self._file.name],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        assert self._process.stdout.readline() == b'ready\n'
        self._file.close()
        return self

    def __exit__(self, *_):
        self._process.communicate()


def unfinished_body(sent, announced):
    """A request with a body of `announced` bytes ('chunked': of one large chunk) of which only the first `sent` come."""
    if announced == 'chunked':
        return head('POST', '/test/file', 'Transfer-Encoding: chunked') + b'%x\r\n' % (32 << 20) + bytes(sent)
    return head('POST', '/test/file', f'Content-Length: {announced}') + bytes(sent)


def _send(connection, data):
    connection.socket.settimeout(2)
    try:
        connection.socket.sendall(data)
    except OSError:
        pass  # The service does not read on, or closed the connection.


def main(address, count, request):
    data = pathlib.Path(request).read_bytes()
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
