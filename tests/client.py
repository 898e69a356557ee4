"""HTTP over TCP, over a Unix socket, and byte by byte."""

import http.client
import json
import pathlib
import socket
import urllib.parse

import requests

import npy

TIMEOUT = 120.0


class UnixConnection(http.client.HTTPConnection):
    """http.client over a Unix socket."""

    def __init__(self, path, timeout=TIMEOUT):
        super().__init__('localhost', timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class UnixAdapter(requests.adapters.BaseAdapter):
    """Lets `requests` send what it prepared over a Unix socket; one connection for all."""

    def __init__(self, path):
        super().__init__()
        self._path = path
        self._connection = UnixConnection(path)

    def send(self, request, **_):
        target = urllib.parse.urlsplit(request.url)._replace(scheme='', netloc='').geturl()
        try:
            reply = self._ask(request, target)
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            # The service closed the connection while it was idle. A client over TCP connects anew, too.
            self._connection.close()
            reply = self._ask(request, target)
        response = requests.Response()
        response.status_code = reply.status
        response.headers = requests.structures.CaseInsensitiveDict(reply.getheaders())
        response.url = request.url
        response.request = request
        response._content = reply.read()
        return response

    def _ask(self, request, target):
        self._connection.request(request.method, target, request.body, dict(request.headers))
        return self._connection.getresponse()

    def close(self):
        self._connection.close()


class Client:
    """Calls the service at `address`: 'http://HOST:PORT' or 'unix:PATH'. One thread at a time."""

    def __init__(self, address):
        self.address = address
        self.session = requests.Session()
        self.session.trust_env = False
        self._base = address
        if address.startswith('unix:'):
            self._base = 'http://localhost'
            self.session.mount('http://', UnixAdapter(address.removeprefix('unix:')))

    def request(self, method, path, **arguments):
        arguments.setdefault('timeout', TIMEOUT)
        return self.session.request(method, self._base + path, **arguments)

    def get(self, path, **arguments):
        return self.request('GET', path, **arguments)

    def post(self, path, **arguments):
        return self.request('POST', path, **arguments)

    def post_file(self, path, image, **arguments):
        """Posts an image, a file's path or its bytes, as the multipart field that the original takes."""
        data = image if isinstance(image, bytes) else pathlib.Path(image).read_bytes()
        return self.post(path, files={'file': ('image', data)}, **arguments)

    def post_path(self, path, image, **arguments):
        """Posts the path of an image on the service's machine."""
        return self.post(path, json={'path': str(image)}, **arguments)

    def send(self, call, variant, model, image, **arguments):
        """One call of a model in one of its variants, 'file' or 'path'."""
        post = {'file': self.post_file, 'path': self.post_path}[variant]
        return post(f'/{call}/{variant}/{model}', image, **arguments)

    def close(self):
        self.session.close()


class _KeptFile:
    """A socket's input as HTTPResponse wants it, which outlives the response: the next one may be in its buffer."""

    def __init__(self, file):
        self.read, self.readline, self.readinto = file.read, file.readline, file.readinto
        self.read1, self.peek = file.read1, file.peek

    def makefile(self, *_):
        return self

    def flush(self):
        """Nothing to do for an input."""

    def close(self):
        """The connection closes it."""


class RawConnection:
    """A connection whose bytes the test chooses itself."""

    def __init__(self, address, timeout=TIMEOUT):
        if address.startswith('unix:'):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            target = address.removeprefix('unix:')
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            url = urllib.parse.urlsplit(address)
            target = (url.hostname, url.port)
        self.socket.settimeout(timeout)
        self.socket.connect(target)
        self._file = self.socket.makefile('rb')
        self._input = _KeptFile(self._file)

    def send(self, data):
        """Sends all of it; a server that answered early and closed is no error."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def reply(self):
        """Reads one reply: status, headers (names in lower case) and body."""
        response = http.client.HTTPResponse(self._input)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read()

    def closed(self):
        """Waits for the end of file that the server sends; false when bytes come instead."""
        try:
            return self._input.read(1) == b''
        except ConnectionResetError:
            return True

    def close(self):
        self._file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def head(method, path, *headers):
    """The bytes of a request's header."""
    lines = [f'{method} {path} HTTP/1.1', 'Host: localhost', *headers, '', '']
    return '\r\n'.join(lines).encode('latin-1')


def array_of(response):
    """The .npy body of a response that succeeded."""
    assert response.status_code == 200, (response.status_code, response.text[:500])
    assert response.headers['Content-Type'] == 'application/octet-stream'
    return npy.read(response.content)


def json_of(response, status=200):
    """The JSON body of a response with this status."""
    assert response.status_code == status, (response.status_code, response.text[:500])
    assert response.headers['Content-Type'].startswith('application/json')
    return response.json()


def error_of(response, status):
    """The message of {"error": message}, and nothing else, in a response with this status."""
    body = json_of(response, status)
    assert list(body) in (['error'], ['error', 'reason']) and body['error'], body
    return body['error']


def raw_error_of(reply, status):
    """The same for what RawConnection.reply() gives."""
    actual, headers, body = reply
    assert actual == status, (actual, body[:500])
    assert headers['content-type'].startswith('application/json')
    content = json.loads(body)
    assert list(content) in (['error'], ['error', 'reason']) and content['error'], content
    return content['error']
