"""Every call of the original service: statuses, fields, .npy bodies, against the independent computation."""

import json

import numpy as np
import pytest

import reference
from client import array_of, error_of, json_of
from conftest import DEMO_MODELS, load

VARIANTS = ['file', 'path']
CALLS = ['inference', 'classify', 'detect', 'segment']
CHECKS = {'classify': reference.assert_same_classes, 'detect': reference.assert_same_boxes}


def image_for(task, digit, scene):
    return digit if task == 'classify' else scene


@pytest.mark.smoke
def test_root_answers_a_line_of_text(client):
    response = client.get('/')
    assert response.status_code == 200
    assert response.headers['Content-Type'].startswith('text/')
    assert response.text.strip() and '\n' not in response.text.strip()


@pytest.mark.smoke
def test_list_names_the_loaded_models(client):
    assert sorted(json_of(client.get('/list'))) == sorted(DEMO_MODELS.values())


@pytest.mark.smoke
@pytest.mark.parametrize('task', DEMO_MODELS)
def test_input_shape(client, references, task):
    assert json_of(client.get(f'/input/shape/{DEMO_MODELS[task]}')) == references[task].shape


def test_input_shape_of_an_unknown_model(client):
    response = client.get('/input/shape/absent')
    assert (response.status_code, response.text) == (400, 'model not found')
    assert response.headers['Content-Type'].startswith('text/')


@pytest.mark.smoke
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('task', ['classify', 'detect'])
def test_classify_and_detect(client, references, digit, scene, task, variant):
    path = image_for(task, digit, scene)
    answer = json_of(client.send(task, variant, DEMO_MODELS[task], path))
    expected = getattr(references[task], task)(load(path))
    assert expected, 'an image that shows nothing tests nothing'
    CHECKS[task](answer, expected)


@pytest.mark.smoke
@pytest.mark.parametrize('variant', VARIANTS)
def test_segment(client, references, scene, variant):
    mask = array_of(client.send('segment', variant, DEMO_MODELS['segment'], scene))
    expected = references['segment'].segment(load(scene))
    assert len(np.unique(expected)) > 2, 'an image that shows nothing tests nothing'
    reference.assert_same_mask(mask, expected)


@pytest.mark.smoke
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('task', DEMO_MODELS)
def test_inference_is_the_first_output_without_its_batch(client, references, digit, scene, task, variant):
    path = image_for(task, digit, scene)
    output = array_of(client.send('inference', variant, DEMO_MODELS[task], path))
    reference.assert_same_tensor(output, references[task].inference(load(path)))


@pytest.mark.smoke
@pytest.mark.parametrize('variant', VARIANTS)
def test_test_answers_the_decoded_image(client, scene, variant):
    post = {'file': client.post_file, 'path': client.post_path}[variant]
    pixels = array_of(post(f'/test/{variant}', scene))
    assert pixels.dtype == np.uint8 and not np.isfortran(pixels)
    np.testing.assert_array_equal(pixels, load(scene))


def test_every_demo_image_in_every_task(demo, references, demo_images):
    for path in demo_images:
        image = load(path)
        for task, model in DEMO_MODELS.items():
            response = demo.client.send(task, 'file', model, path)
            expected = getattr(references[task], task)(image)
            if task == 'segment':
                reference.assert_same_mask(array_of(response), expected)
            else:
                CHECKS[task](json_of(response), expected)


@pytest.mark.parametrize('call', [*(f'/{call}/path/digit_classifier' for call in CALLS), '/test/path'])
def test_a_missing_path_is_named(client, call):
    assert json_of(client.post(call, json={'file': 'x'}), 400) == {'missed': 'path'}


def test_load_names_what_is_missing(client):
    assert json_of(client.post('/load', json={'name': 'x'}), 400) == {'missed': 'path'}
    assert json_of(client.post('/load', json={'path': '/x'}), 400) == {'missed': 'name'}
    assert json_of(client.post('/load', json={}), 400) == {'missed': 'path'}


def test_load_of_a_loaded_model(client, models):
    response = client.post('/load', json={'path': str(models), 'name': 'digit_classifier'})
    assert json_of(response, 201) == {}


def test_load_of_an_absent_model(client, models):
    message = error_of(client.post('/load', json={'path': str(models), 'name': 'absent'}), 404)
    assert 'absent' in message and str(models) in message
    response = client.post('/load', json={'path': f'{models}/absent', 'name': 'digit_classifier'})
    assert f'{models}/absent' in error_of(response, 404)


def test_unload_of_an_absent_model_answers_its_name(client):
    response = client.post('/unload/absent')
    assert (response.status_code, response.text) == (200, 'absent')


@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('call', CALLS)
def test_an_unknown_model(client, scene, call, variant):
    assert 'absent' in error_of(client.send(call, variant, 'absent', scene), 400)


@pytest.mark.parametrize('content_type', ['image/jpeg', 'image/x-anything', 'application/octet-stream'])
def test_a_raw_body_in_place_of_multipart(client, references, digit, content_type):
    response = client.post('/classify/file/digit_classifier', data=digit.read_bytes(),
                           headers={'Content-Type': content_type})
    reference.assert_same_classes(json_of(response), references['classify'].classify(load(digit)))


def test_a_chunked_body(demo, digit):
    data = digit.read_bytes()
    chunks = (data[start:start + 1000] for start in range(0, len(data), 1000))
    response = demo.client.post('/test/file', data=chunks, headers={'Content-Type': 'image/jpeg'})
    assert response.request.headers['Transfer-Encoding'] == 'chunked'
    np.testing.assert_array_equal(array_of(response), load(digit))


def test_an_image_with_other_parts_and_an_odd_file_name(client, digit):
    files = {'comment': (None, 'hello'), 'file': ('a"b;c.txt', digit.read_bytes(), 'text/plain')}
    np.testing.assert_array_equal(array_of(client.post('/test/file', files=files)), load(digit))


def test_json_is_taken_whatever_its_content_type_says(client, digit):
    response = client.post('/test/path', data=json.dumps({'path': str(digit)}),
                           headers={'Content-type': 'application/json; charset=utf-8'})
    np.testing.assert_array_equal(array_of(response), load(digit))


def test_head_has_the_header_of_get_alone(client):
    response = client.request('HEAD', '/list')
    assert response.status_code == 200 and response.content == b''


def test_a_connection_serves_many_requests(demo, digit):
    session = demo.connect()
    for _ in range(5):
        array_of(session.post_file('/test/file', digit))
    pools = session.session.get_adapter(demo.url).poolmanager.pools
    assert pools.get(next(iter(pools.keys()))).num_connections == 1
    session.close()


@pytest.mark.smoke
@pytest.mark.parametrize('threshold', [0.01, 0.3, 0.9])
def test_all_boxes_from_a_score_on(client, references, scene, threshold):
    expected = references['detect'].detect_all(load(scene), threshold)
    best = json_of(client.send('detect', 'file', f'digit_detector?threshold={threshold}', scene))
    boxes = json_of(client.send('detect', 'file', f'digit_detector?threshold={threshold}&all=1', scene))
    assert len(expected) > len(best) > 0, 'a scene without two digits alike tests nothing'
    assert len(boxes) == len(expected)
    for ours, theirs in zip(boxes, expected):
        assert all(abs(ours[field] - theirs[field]) <= 1 for field in theirs), (boxes, expected)
    assert [box for box in boxes if box in best] == best and min(box['score'] for box in boxes) >= int(100 * threshold)


def test_classes_from_a_score_on(client, digit):
    every = json_of(client.send('classify', 'file', 'digit_classifier?threshold=0', digit))
    assert len(every) == 10
    for threshold in (0.001, 0.5):
        some = json_of(client.send('classify', 'file', f'digit_classifier?threshold={threshold}', digit))
        assert 0 < len(some) < 10 and some == every[:len(some)]


@pytest.mark.parametrize('query', ['threshold=2', 'threshold=nan', 'threshold=', 'all=yes'])
def test_a_parameter_that_cannot_be(client, scene, query):
    assert query.split('=')[0] in error_of(client.send('detect', 'file', f'digit_detector?{query}', scene), 400)


@pytest.mark.parametrize('task', ['classify', 'detect'])
def test_labels_where_they_are_asked_for(client, models, digit, scene, task):
    model = DEMO_MODELS[task]
    names = (models / f'{model}.labels.txt').read_text().splitlines()
    path = image_for(task, digit, scene)
    plain = json_of(client.send(task, 'file', model, path))
    labelled = json_of(client.send(task, 'file', f'{model}?labels=1', path))
    assert labelled == [{**item, 'label': names[item['class']]} for item in plain]
