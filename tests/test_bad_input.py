"""What clients send wrong: a clear answer each time, and the service answers the next request as before."""

import json
import struct
import zlib

import pytest

import reference
from client import RawConnection, error_of, head, json_of, raw_error_of
from conftest import load
from service import Service

MODEL = 'digit_classifier'
BODY_LIMIT = 1 << 20


@pytest.fixture(scope='module')
def service(tmp_path_factory, models, digit):
    with Service(tmp_path_factory.mktemp('bad'), models, '--load', MODEL, '--max-body-bytes', BODY_LIMIT,
                 allow=[digit.parent]) as running:
        yield running


@pytest.fixture(autouse=True)
def answers_as_before(service, references, digit):
    """After each test, over a new connection."""
    yield
    client = service.connect()
    answer = json_of(client.post_file(f'/classify/file/{MODEL}', digit))
    reference.assert_same_classes(answer, references['classify'].classify(load(digit)))
    client.close()


def raw(service, data):
    """Sends bytes over a new connection; the reply."""
    with RawConnection(service.url) as connection:
        connection.send(data)
        return connection.reply()


def post(path, body, *headers):
    return head('POST', path, f'Content-Length: {len(body)}', *headers) + body


# Bodies.


@pytest.mark.smoke
@pytest.mark.parametrize('path', [f'/classify/file/{MODEL}', f'/classify/path/{MODEL}', '/test/file', '/test/path',
                                  '/load'])
@pytest.mark.parametrize('content_type', ['image/jpeg', 'application/json', 'multipart/form-data; boundary=x', None])
def test_an_empty_body(service, path, content_type):
    headers = {'Content-Type': content_type} if content_type else {}
    error_of(service.client.post(path, data=b'', headers=headers), 400)


@pytest.mark.parametrize('path', [f'/classify/file/{MODEL}', '/test/path'])
def test_no_body_at_all(service, path):
    actual = raw(service, head('POST', path))
    assert actual[0] in (400, 411)
    raw_error_of(actual, actual[0])


@pytest.mark.parametrize('data', [b'hello', b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n', b'BM', b'RIFF\0\0\0\0WEBP',
                                  b'\0' * 5000, b'GIF89a' + b'\0' * 100, b'<svg/>'], ids=lambda data: repr(data[:10]))
@pytest.mark.parametrize('path', ['/test/file', f'/classify/file/{MODEL}'])
def test_not_an_image(service, path, data):
    error_of(service.client.post_file(path, data), 400)


def png(cols, rows, data=b'', depth=8, kind=2, interlace=0):
    def chunk(name, content):
        return struct.pack('>I', len(content)) + name + content + struct.pack('>I', zlib.crc32(name + content))

    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', cols, rows, depth, kind, 0, 0, interlace))
            + chunk(b'IDAT', data) + chunk(b'IEND', b''))


def jpeg_header(cols, rows):
    return (b'\xff\xd8\xff\xc0' + struct.pack('>HBHHB', 17, 8, rows, cols, 3) + b'\x01\x22\0\x02\x11\x01\x03\x11\x01'
            + b'\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0' + b'\0' * 100)


def bmp_header(cols, rows):
    return (b'BM' + struct.pack('<IHHI', 154, 0, 0, 54)
            + struct.pack('<IiiHHIIiiII', 40, cols, rows, 1, 24, 0, 100, 0, 0, 0, 0) + bytes(100))


def webp_header(cols, rows):
    bits = (cols - 1) | (rows - 1) << 14
    data = b'\x2f' + struct.pack('<I', bits) + bytes(50)
    return b'RIFF' + struct.pack('<I', len(data) + 12) + b'WEBPVP8L' + struct.pack('<I', len(data)) + data


HOSTILE = {
    'png of 100,000 x 100,000': png(100_000, 100_000),
    'png of 2^31-1 x 2^31-1': png(2**31 - 1, 2**31 - 1),
    'png of 0 x 0': png(0, 0),
    'png of no bit depth': png(10, 10, depth=0),
    'png of too little data': png(100, 100, zlib.compress(b'\0' * 100)),
    'png of data that does not inflate': png(100, 100, b'\xff' * 100),
    'png without a palette': png(10, 10, zlib.compress(b'\0' * 110), kind=3),
    'png with a false checksum': png(2, 2, zlib.compress(b'\0' * 14))[:-5] + b'\0' * 5,
    'jpeg of 65,500 x 65,500': jpeg_header(65_500, 65_500),
    'jpeg of 0 x 0': jpeg_header(0, 0),
    'bmp of 60,000 x 60,000': bmp_header(60_000, 60_000),
    'bmp of negative width': bmp_header(-5, 5),
    'bmp of the least height': bmp_header(5, -2**31),
    'bmp of 100 x 100 without pixels': bmp_header(100, 100),
    'webp of 16,384 x 16,384': webp_header(16_384, 16_384),
}


# Those that are judged by the sizes in their headers.
TOO_LARGE = {'png of 100,000 x 100,000', 'jpeg of 65,500 x 65,500', 'bmp of 60,000 x 60,000', 'bmp of the least height',
             'webp of 16,384 x 16,384'}


@pytest.mark.smoke
@pytest.mark.parametrize('kind', HOSTILE)
def test_hostile_images(service, kind):
    too_large = kind in TOO_LARGE
    message = error_of(service.client.post_file('/test/file', HOSTILE[kind]), 413 if too_large else 400)
    assert not too_large or '--max-image-' in message, message


def part(data, *headers):
    return b'--b\r\n' + b''.join(header.encode() + b'\r\n' for header in headers) + b'\r\n' + data + b'\r\n'


FILE = 'Content-Disposition: form-data; name="file"; filename="x"'
BROKEN_MULTIPART = {
    'no end': lambda data: part(data, FILE),
    'cut in the header': lambda data: b'--b\r\nContent-Disp',
    'cut in the image': lambda data: part(data, FILE)[:500],
    'no part': lambda data: b'--b--\r\n',
    'no boundary': lambda data: b'x' + data,
    'another boundary': lambda data: part(data, FILE).replace(b'--b', b'--c') + b'--c--\r\n',
    'huge part header': lambda data: part(data, FILE, 'X-Huge: ' + 'x' * 100_000) + b'--b--\r\n',
    'many part headers': lambda data: part(data, FILE, *(f'X-{index}: x' for index in range(5000))) + b'--b--\r\n',
    'many parts': lambda data: part(b'', 'Content-Disposition: form-data; name="x"') * 10_000 + b'--b--\r\n',
    'two files': lambda data: part(data, FILE) * 2 + b'--b--\r\n',
    'no name': lambda data: part(data, 'Content-Disposition: form-data') + b'--b--\r\n',
    'two files of other names': lambda data: (part(data, FILE.replace('"file"', '"image"'))
                                              + part(data, FILE.replace('"file"', '"data"')) + b'--b--\r\n'),
    'no header': lambda data: part(data) + b'--b--\r\n',
    'an empty file': lambda data: part(b'', FILE) + b'--b--\r\n',
}


@pytest.mark.smoke
@pytest.mark.parametrize('kind', BROKEN_MULTIPART)
def test_broken_multipart(service, digit, kind):
    body = BROKEN_MULTIPART[kind](digit.read_bytes())
    raw_error_of(raw(service, post('/test/file', body, 'Content-Type: multipart/form-data; boundary=b')), 400)


BROKEN_JSON = [b'{', b'{"path": "/x"', b'nothing', b'"', b'{"path": "\xff\xfe"}', b'{"path": "/x"} x', b'[' * 60_000,
               b'{"path":' * 8000, b'{"a":' * 500 + b'1' + b'}' * 500 + b'x', b'\0']
WRONG_JSON = ['[]', '"path"', '1', 'null', 'true', '{"path": 1}', '{"path": null}', '{"path": ["/x"]}',
              '{"path": {"a": 1}}', '[' * 10_000 + ']' * 10_000]


@pytest.mark.smoke
@pytest.mark.parametrize('body', BROKEN_JSON, ids=lambda body: repr(body[:20]))
@pytest.mark.parametrize('path', ['/test/path', '/load'])
def test_broken_json(service, path, body):
    error_of(service.client.post(path, data=body, headers={'Content-Type': 'application/json'}), 400)


@pytest.mark.parametrize('body', WRONG_JSON, ids=lambda body: body[:20])
@pytest.mark.parametrize('path', ['/test/path', '/load', f'/classify/path/{MODEL}'])
def test_json_of_the_wrong_type(service, path, body):
    response = service.client.post(path, data=body, headers={'Content-Type': 'application/json'})
    assert response.status_code == 400
    assert set(response.json()) <= {'error', 'missed'} and response.json()


# Names.


@pytest.mark.parametrize('name', [
    '..', '%2e%2e', '..%2F..%2Fetc%2Fpasswd', '%2Fetc%2Fpasswd', 'a%00b', '%00', '%0d%0aX', 'x' * 10_000, '%c3%28',
    'a%20b', '.hidden', '%F0%9F%98%80'])
def test_names_of_models_in_urls(service, digit, name):
    data = digit.read_bytes()
    raw_error_of(raw(service, post(f'/classify/file/{name}', data, 'Content-Type: image/jpeg')), 400)
    status, headers, _ = raw(service, head('POST', f'/unload/{name}', 'Content-Length: 0'))
    assert status in (200, 400) and 'x' not in headers


@pytest.mark.parametrize('target', [
    '/classify/file/a/b', '/classify/file/', '/classify/file', '/absent', '/absent/', '/%2Flist', '/list/.',
    '/classify/other/x', '/LIST'])
def test_unknown_urls(service, target):
    for method in ('GET', 'POST'):
        raw_error_of(raw(service, head(method, target, 'Content-Length: 0')), 404)


@pytest.mark.parametrize('target', ['/classify/file/%', '/classify/file/%zz', '/classify/file/%1', 'list', '*'])
def test_malformed_targets(service, target):
    status = raw(service, head('POST', target, 'Content-Length: 0'))[0]
    assert status in (400, 404), status


@pytest.mark.parametrize('name', ['..', '../digit_detector', 'a/b', '/etc/passwd', '', 'a\0b', 'x' * 10_000, '.hidden',
                                  'a\nb', 'absent'])
def test_names_of_models_in_load(service, models, name):
    response = service.client.post('/load', json={'path': str(models), 'name': name})
    assert response.status_code in (400, 404, 503), response.text
    error_of(response, response.status_code)
    assert json_of(service.client.get('/list')) == [MODEL]


def test_control_characters_do_not_forge_log_lines(service, models):
    forged = 'x\n2026-01-01 00:00:00.000 error serve: forged'
    service.client.post('/load', json={'path': str(models), 'name': forged})
    service.client.post('/test/path', json={'path': '/' + forged})
    assert not any(line.endswith('serve: forged') and line.startswith('2026-01-01') for line in
                   service.log().splitlines())


# Methods.


@pytest.mark.smoke
@pytest.mark.parametrize('method, path, allow', [
    ('GET', f'/classify/file/{MODEL}', 'POST'), ('PUT', '/test/file', 'POST'), ('DELETE', '/load', 'POST'),
    ('POST', '/list', 'GET'), ('POST', '/', 'GET'), ('GET', f'/unload/{MODEL}', 'POST'),
    ('PATCH', f'/input/shape/{MODEL}', 'GET'), ('BREW', '/list', 'GET')])
def test_a_wrong_method(service, method, path, allow):
    response = service.client.request(method, path)
    error_of(response, 405)
    assert allow in [name.strip() for name in response.headers['Allow'].split(',')]


def test_a_task_that_does_not_fit_the_model(service, digit):
    for call in ('detect', 'segment'):
        message = error_of(service.client.post_file(f'/{call}/file/{MODEL}', digit), 400)
        assert call in message and MODEL in message


# Sizes.


@pytest.mark.smoke
@pytest.mark.parametrize('expect', [[], ['Expect: 100-continue']])
def test_a_body_over_the_limit_is_not_read(service, expect):
    request = head('POST', '/test/file', 'Content-Type: image/jpeg', f'Content-Length: {100 * BODY_LIMIT}', *expect)
    raw_error_of(raw(service, request), 413)


def test_a_body_at_the_limit_is_read(service):
    raw_error_of(raw(service, post('/test/file', bytes(BODY_LIMIT), 'Content-Type: image/jpeg')), 400)
    request = head('POST', '/test/file', 'Content-Type: image/jpeg', f'Content-Length: {BODY_LIMIT + 1}')
    raw_error_of(raw(service, request), 413)


def test_a_chunked_body_over_the_limit(service):
    with RawConnection(service.url) as connection:
        connection.send(head('POST', '/test/file', 'Content-Type: image/jpeg', 'Transfer-Encoding: chunked'))
        chunk = b'10000\r\n' + bytes(0x10000) + b'\r\n'
        connection.send(chunk * (2 * BODY_LIMIT // 0x10000))
        raw_error_of(connection.reply(), 413)


def test_expect_continue(service, digit):
    data = digit.read_bytes()
    with RawConnection(service.url) as connection:
        connection.send(head('POST', f'/classify/file/{MODEL}', 'Content-Type: image/jpeg',
                             f'Content-Length: {len(data)}', 'Expect: 100-continue'))
        assert connection.socket.recv(100) == b'HTTP/1.1 100 Continue\r\n\r\n'
        connection.send(data)
        assert connection.reply()[0] == 200


def test_calls_without_a_body_refuse_one(service):
    request = head('GET', '/list', f'Content-Length: {100 * BODY_LIMIT}')
    assert raw(service, request)[0] in (400, 413)


def test_a_huge_header(service):
    for request in (head('GET', '/list', 'X-Huge: ' + 'x' * 100_000), head('GET', '/' + 'x' * 100_000),
                    head('GET', '/list', *(f'X-{index}: x' for index in range(20_000)))):
        status = raw(service, request)[0]
        assert status in (400, 414, 431), status


def test_error_messages_do_not_repeat_kilobytes(service, models):
    response = service.client.post('/load', json={'path': str(models), 'name': 'x' * 100_000})
    assert len(response.content) < 2000
    assert json.loads(response.content)['error']
