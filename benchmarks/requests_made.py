"""The requests that the load generator sends, and the answers that it must get."""

import http.client
import io
import json

import cv2
import numpy as np

CALLS = ['classify/file', 'classify/path', 'test/file', 'test/path']
_BOUNDARY = 'b3f1c2d4e5a69788'


def _body(call, image):
    """Body and content type."""
    if call.endswith('path'):
        return json.dumps({'path': str(image)}).encode(), 'application/json'
    head = (f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{image.name}"\r\n'
            'Content-Type: image/jpeg\r\n\r\n')
    body = head.encode() + image.read_bytes() + f'\r\n--{_BOUNDARY}--\r\n'.encode()
    return body, f'multipart/form-data; boundary={_BOUNDARY}'


def _check(call, answer, image, model):
    """Whether the answer is right, as far as it can be told without the model; fails when not."""
    if call.startswith('inference'):
        assert np.load(io.BytesIO(answer)).size
        return
    if call.startswith('test'):
        np.testing.assert_array_equal(np.load(io.BytesIO(answer)), cv2.imread(str(image)))
        return
    classes = json.loads(answer)
    assert classes and all(set(item) == {'class', 'score'} for item in classes), answer[:200]
    scores = {item['class']: item['score'] for item in classes}
    first = _answers.setdefault(model, scores)
    for number in first.keys() | scores.keys():
        difference = first.get(number, 0) - scores.get(number, 0)
        assert abs(difference) <= 1, f'the services answer differently: {first}, {scores}'


_answers = {}
"""By model: the first service's."""


def write(folder, service, call, model, image):
    """Asks the service once and checks its answer; writes request and answer to files and returns their paths."""
    body, content_type = _body(call, image)
    target = f'/{call}' if call.startswith('test') else f'/{call}/{model}'
    connection = http.client.HTTPConnection('127.0.0.1', int(service.port), timeout=60)
    connection.request('POST', target, body, {'Content-Type': content_type})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f'{service.name} answers {target} with {response.status}: {answer[:500]}')
    _check(call, answer, image, model)
    name = f'{service.name}-{call.replace("/", "-")}'
    request_path, answer_path = folder / f'{name}.request', folder / f'{name}.answer'
    header = (f'POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n'
              f'Content-Length: {len(body)}\r\n\r\n')
    request_path.write_bytes(header.encode() + body)
    answer_path.write_bytes(answer)
    return request_path, answer_path
