"""How clients send images: any Content-Type, any field's name, or the path where the image is expected."""

import json

import numpy as np
import pytest

from client import RawConnection, array_of, error_of, head, raw_error_of
from conftest import load

TYPES = [None, '', 'image/jpeg', 'image/png', 'application/octet-stream', 'binary/octet-stream',
         'application/x-www-form-urlencoded', 'text/plain', 'text/plain; charset=utf-8', 'application/json',
         'application/x-binary', '*/*', 'nonsense', 'multipart/form-data', 'multipart/form-data; boundary=b',
         'multipart/mixed; boundary=b', 'multipart/form-data; boundary=' + 'x' * 300]


@pytest.mark.parametrize('content_type', TYPES)
@pytest.mark.parametrize('name', ['digit_5.jpg', 'scene_2.png'])
def test_an_image_is_read_whatever_its_content_type(demo, demo_images, content_type, name):
    path = next((path for path in demo_images if path.name == name), demo_images[-1])
    data = path.read_bytes()
    for framing, body in ((f'Content-Length: {len(data)}', data),
                          ('Transfer-Encoding: chunked', b'%x\r\n%b\r\n0\r\n\r\n' % (len(data), data))):
        headers = [framing] if content_type is None else [framing, f'Content-Type: {content_type}']
        with RawConnection(demo.url) as connection:
            connection.send(head('POST', '/test/file', *headers) + body)
            status, _, answer = connection.reply()
        assert status == 200, answer[:300]
        assert answer.endswith(load(path).tobytes())


@pytest.mark.parametrize('files', [
    {'image': 'x.jpg'}, {'data': 'x.jpg'}, {'upload': 'x.jpg'}, {'file[]': 'x.jpg'}, {'': 'x.jpg'}, {'FILE': 'x.jpg'},
    {'image': None}, {'file': None}, {'file': 'x.jpg', 'other': 'y.jpg'}], ids=str)
@pytest.mark.parametrize('fields', [{}, {'api_key': '1', 'min_confidence': '0.5'}], ids=['alone', 'with fields'])
def test_the_file_of_a_form(client, digit, files, fields):
    """`None`: the part has no file name; among other fields it is found by its own name alone."""
    data = digit.read_bytes()
    parts = {name: (filename, data if name in ('file', *list(files)[:1]) else b'other') for name, filename in
             files.items()}
    response = client.post('/test/file', files=parts, data=fields)
    if files == {'image': None} and fields:
        assert "'api_key', 'min_confidence', 'image'" in error_of(response, 400)
    else:
        np.testing.assert_array_equal(array_of(response), load(digit))


@pytest.mark.parametrize('files', [[('a', 'x.jpg'), ('b', 'y.jpg')], [('file', 'x.jpg'), ('file', 'y.jpg')]], ids=str)
def test_several_files_in_a_form(client, digit, files):
    data = digit.read_bytes()
    message = error_of(client.post('/test/file', files=[(name, (file, data)) for name, file in files]), 400)
    assert all(f"'{name}'" in message for name, _ in files) and 'send one' in message


def test_a_form_whose_content_type_was_set_by_hand(client, digit):
    """A mistake that is often made: without the boundary."""
    body = (b'--3f2a\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + digit.read_bytes()
            + b'\r\n--3f2a--\r\n')
    for content_type in ('multipart/form-data', 'application/json', 'image/jpeg'):
        response = client.post('/test/file', data=body, headers={'Content-Type': content_type})
        np.testing.assert_array_equal(array_of(response), load(digit))


@pytest.mark.parametrize('body, arrived', [
    (b'GIF89a' + bytes(50), 'a GIF image'), (b'<html><body>404</body></html>', 'an HTML page'),
    (b'iVBORw0KGgoAAAANSUhEUgAAAAUA' * 9, 'base64'), (b'data:image/png;base64,iVBORw0KGgo', 'a data URL'),
    (b'image=%FF%D8', 'fields of a form'), (b'@photo.jpg', 'path of a file'), (b'hello', 'text')],
    ids=lambda value: str(value)[:20])
@pytest.mark.parametrize('content_type', [None, 'application/x-www-form-urlencoded', 'application/octet-stream'])
def test_what_is_no_image_is_named(client, body, arrived, content_type):
    headers = {} if content_type is None else {'Content-Type': content_type}
    assert arrived in error_of(client.post('/test/file', data=body, headers=headers), 400)


@pytest.mark.parametrize('content_type', ['application/json', 'text/plain', 'application/x-www-form-urlencoded', None])
@pytest.mark.parametrize('call', ['/test/file', '/inference/file/digit_classifier'])
def test_a_path_on_a_call_by_file(client, digit, content_type, call):
    """The original's own client sends it so."""
    headers = {} if content_type is None else {'Content-Type': content_type}
    by_path = client.post(call, data=json.dumps({'path': str(digit)}).encode(), headers=headers)
    np.testing.assert_array_equal(array_of(by_path), array_of(client.post_file(call, digit)))
    outside = client.post(call, data=b'{"path": "/etc/passwd"}', headers=headers)
    assert error_of(outside, 403) == error_of(client.post(call.replace('file', 'path'), json={'path': '/etc/passwd'}), 403)
    missing = client.post(call, data=b'{}', headers=headers)
    assert (missing.status_code, missing.json()) == (400, {'missed': 'path'})
    error_of(client.post(call, data=b'{"path": "relative"}', headers=headers), 400)
    error_of(client.post(call, data=b'{"path": ' + b'[' * 10_000, headers=headers), 400)
    error_of(client.post(call, data=b'{"path": "' + b'/' * 100_000 + b'"}', headers=headers), 413)


@pytest.mark.parametrize('headers', [[], ['Content-Type: image/jpeg'], ['Content-Type: application/octet-stream']],
                         ids=str)
def test_an_image_on_a_call_by_path(demo, digit, headers):
    for size in (len(digit.read_bytes()), 100_000):
        body = digit.read_bytes().ljust(size, b'\0')
        for framing in (f'Content-Length: {size}', 'Transfer-Encoding: chunked'):
            with RawConnection(demo.url) as connection:
                connection.send(head('POST', '/test/path', framing, *headers)
                                + (b'%x\r\n' % size if 'chunked' in framing else b'') + body + b'\r\n0\r\n\r\n')
                message = raw_error_of(connection.reply(), 413 if size > 65536 else 400)
            assert "send an image itself to the call with 'file'" in message


