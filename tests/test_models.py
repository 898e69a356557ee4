"""Models as users have them: other layouts and types, several outputs, TOML beside them, broken files."""

import json

import cv2
import numpy as np
import pytest

import made_models
import reference
from client import array_of, error_of, json_of
from conftest import load
from reference import Card, Reference
from service import Service

CARDS = {
    'nhwc_u8': Card(nhwc=True),
    'rgb': Card(rgb=True),
    'normalised': Card(mean=30.0, scale=0.5),
    'logits': Card(softmax=True),
    'logits_softmax': Card(softmax=True),
    'u8': Card(output_scale=1 / 255),
}
TOMLS = {
    'rgb': 'color_order = "rgb"\n',
    'normalised': 'mean = [30.0]\nscale = [0.5]\n',
    'logits_softmax': 'softmax = true\n',
    'logits_plain': 'softmax = false\n',
    'hidden_probabilities': 'softmax = false\n',
    'labelled': 'labels = "names.txt"\ntask = "classify"\n',
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A models folder with one of each kind, and two broken ones."""
    path = tmp_path_factory.mktemp('made')
    made = {
        'plain': made_models.classifier(1),
        'nhwc_u8': made_models.nhwc_u8_classifier(2),
        'dynamic_batch': made_models.classifier(3, batch=-1),
        'two': made_models.two_outputs(4),
        'u8': made_models.u8_scores(5),
        'map_i32': made_models.class_map(np.int32),
        'map_i64': made_models.class_map(np.int64),
        'rgb': made_models.classifier(6),
        'normalised': made_models.classifier(7),
        'logits': made_models.classifier(8, softmax=False),
        'logits_softmax': made_models.classifier(8, softmax=False),
        'logits_plain': made_models.classifier(8, softmax=False),
        'hidden_probabilities': made_models.hidden_probabilities(8),
        'labelled': made_models.classifier(9),
        'truncated': made_models.classifier(10),
    }
    for name, model in made.items():
        made_models.save(model, path, name)
    for name, text in TOMLS.items():
        (path / f'{name}.toml').write_text(text)
    (path / 'names.txt').write_text('ape\nbee\ncat\ndog\n')
    weights = (path / 'truncated.bin').read_bytes()
    (path / 'truncated.bin').write_bytes(weights[:len(weights) // 2])
    (path / 'garbage.xml').write_text('<net name="nothing"')
    (path / 'garbage.bin').write_bytes(b'')
    (path / 'binary.onnx').write_bytes(bytes(range(256)))
    (path / 'card.toml').write_text('colour = "RGB"\n')
    made_models.save(made_models.classifier(11), path, 'card')
    return path


@pytest.fixture(scope='module')
def service(folder, tmp_path_factory):
    with Service(tmp_path_factory.mktemp('service'), folder) as running:
        yield running


@pytest.fixture(scope='module')
def picture(digit):
    """A colourful image: the made models tell channels apart."""
    image = cv2.resize(load(digit), (90, 70))
    image[:, :45, 0] //= 4
    image[30:, :, 2] //= 3
    return image


@pytest.fixture(scope='module')
def encoded(picture):
    return cv2.imencode('.png', picture)[1].tobytes()


def expected(folder, name):
    return Reference(folder / f'{name}.xml', CARDS.get(name, Card()))


@pytest.mark.smoke
@pytest.mark.parametrize('name', ['plain', 'nhwc_u8', 'dynamic_batch', 'two', 'u8', 'rgb', 'normalised',
                                  'logits', 'logits_softmax', 'labelled'])
def test_classify(service, folder, picture, encoded, name):
    answer = json_of(service.client.post_file(f'/classify/file/{name}', encoded))
    reference.assert_same_classes(answer, expected(folder, name).classify(picture))


@pytest.mark.smoke
@pytest.mark.parametrize('name', ['plain', 'nhwc_u8', 'dynamic_batch', 'two', 'u8', 'rgb', 'normalised', 'logits',
                                  'logits_softmax', 'map_i32', 'map_i64'])
def test_inference(service, folder, picture, encoded, name):
    output = array_of(service.client.post_file(f'/inference/file/{name}', encoded))
    reference.assert_same_tensor(output, expected(folder, name).inference(picture))


@pytest.mark.parametrize('name', ['map_i32', 'map_i64'])
def test_a_map_of_classes_is_a_segmentation_already(service, folder, picture, encoded, name):
    mask = array_of(service.client.post_file(f'/segment/file/{name}', encoded))
    wanted = expected(folder, name).segment(picture)
    assert len(np.unique(wanted)) > 1
    reference.assert_same_mask(mask, wanted)


@pytest.mark.parametrize('name, shape', [('plain', [1, 3, 8, 8]), ('nhwc_u8', [1, 3, 8, 8]),
                                         ('dynamic_batch', [1, 3, 8, 8])])
def test_input_shape_is_nchw_whatever_the_layout(service, name, shape):
    assert json_of(service.client.get(f'/input/shape/{name}')) == shape


@pytest.mark.parametrize('output', ['scores', 'features'])
def test_an_output_by_name(service, folder, picture, encoded, output):
    answer = array_of(service.client.post_file(f'/inference/file/two?output={output}', encoded))
    reference.assert_same_tensor(answer, expected(folder, 'two').inference(picture, output))


def test_classify_by_the_name_of_an_output(service, folder, picture, encoded):
    answer = json_of(service.client.post_file('/classify/file/two?output=scores', encoded))
    reference.assert_same_classes(answer, expected(folder, 'two').classify(picture))


def test_an_unknown_output_is_refused_with_the_names_there_are(service, encoded):
    message = error_of(service.client.post_file('/inference/file/two?output=absent', encoded), 400)
    assert 'absent' in message and 'scores' in message and 'features' in message


def test_a_toml_may_say_that_scores_are_probabilities(service, folder, picture, encoded):
    answer = json_of(service.client.post_file('/classify/file/hidden_probabilities', encoded))
    reference.assert_same_classes(answer, expected(folder, 'hidden_probabilities').classify(picture))


def test_scores_that_are_no_probabilities_although_the_toml_says_so(service, encoded):
    assert 'softmax = true' in error_of(service.client.post_file('/classify/file/logits_plain', encoded), 400)


@pytest.mark.parametrize('call, name', [('detect', 'plain'), ('segment', 'plain'), ('classify', 'map_i32'),
                                        ('detect', 'map_i32'), ('detect', 'labelled')])
def test_a_task_that_the_model_is_not_made_for(service, encoded, call, name):
    message = error_of(service.client.post_file(f'/{call}/file/{name}', encoded), 400)
    assert name in message and call in message


@pytest.mark.smoke
def test_broken_models_are_reported_and_the_others_serve(service):
    loaded = json_of(service.client.get('/list'))
    assert 'plain' in loaded and not {'truncated', 'garbage', 'binary', 'card'} & set(loaded)
    for name in ('truncated', 'garbage', 'binary', 'card'):
        assert any(name in line and (' error ' in line or ' warning ' in line) for line in service.log().splitlines())
    assert 'card.toml' in service.log() and 'colour' in service.log()


@pytest.mark.parametrize('name', ['truncated', 'garbage', 'binary', 'card'])
def test_a_broken_model_cannot_be_loaded_or_used(service, folder, encoded, name):
    assert name in error_of(service.client.post('/load', json={'path': str(folder), 'name': name}), 503)
    response = service.client.post_file(f'/inference/file/{name}', encoded)
    assert response.status_code in (400, 503) and name in response.json()['error']


def test_folders_formats_and_their_order(start, tmp_path, encoded):
    models = tmp_path / 'models'
    for name in ('alone', 'exported_openvino_model'):
        (models / name).mkdir(parents=True)
    made_models.save(made_models.classifier(1), models / 'alone', 'alone')
    made_models.save(made_models.classifier(2), models / 'exported_openvino_model', 'exported')
    made_models.save(made_models.classifier(3), models, 'both')
    (models / 'both.onnx').write_bytes(b'not looked at')
    (models / 'readme.txt').write_text('not a model')
    service = start(models)
    assert sorted(json_of(service.client.get('/list'))) == ['alone', 'both', 'exported']
    assert any(' warning ' in line and 'both.onnx' in line for line in service.log().splitlines())


def test_load_names_chosen_models(start, models):
    service = start(models, '--load', 'digit_classifier', '--load', 'digit_detector')
    assert sorted(json_of(service.client.get('/list'))) == ['digit_classifier', 'digit_detector']


# Real models with known answers.


@pytest.fixture(scope='module')
def answers(shared):
    return json.loads((shared / 'expected/answers.json').read_text())


# mobilenet_v2 is quantised: a processor without VNNI computes scores that are a few percent off those of one with it.
QUANTISED_SCORE = 5


def test_the_known_answers(shared, shared_service, answers):
    """As the original service answers: exactly as far as this processor computes alike, which Python tells."""
    classifier, detector, segmenter = (Reference(shared / f'models/{name}.xml')
                                       for name in ('mobilenet_v2', 'face_ssd', 'deeplab_pascal'))
    for name, answer in answers.items():
        path = shared / 'images' / name
        image = load(path)
        for variant in ('file', 'path'):
            classes = json_of(shared_service.client.send('classify', variant, 'mobilenet_v2', path))
            reference.assert_same_classes(classes, classifier.classify(image))
            reference.assert_same_classes(classes, answer['classify/mobilenet_v2'], QUANTISED_SCORE)
            boxes = json_of(shared_service.client.send('detect', variant, 'face_ssd', path))
            reference.assert_same_boxes(boxes, detector.detect(image))
            reference.assert_same_boxes(boxes, answer['detect/face_ssd'])
            mask = array_of(shared_service.client.send('segment', variant, 'deeplab_pascal', path))
            reference.assert_same_mask(mask, segmenter.segment(image))
            known = answer['segment/deeplab_pascal']
            assert list(mask.shape) == known['shape']
            counts = dict(zip(*np.unique(mask, return_counts=True)))
            for index in counts.keys() | map(int, known['pixels per class']):
                difference = abs(counts.get(index, 0) - known['pixels per class'].get(str(index), 0))
                assert difference < 0.005 * mask.size, (name, index)


def test_a_quantised_tflite_model_without_a_toml(shared, shared_service, answers):
    classifier = Reference(shared / 'models/mobilenet_v1_025_quant.tflite',
                           Card(rgb=True, nhwc=True, output_scale=1 / 256))
    for name, answer in answers.items():
        path = shared / 'images' / name
        classes = json_of(shared_service.client.send('classify', 'file', 'mobilenet_v1_025_quant', path))
        best = answer['best of mobilenet_v1_025_quant']
        top = max(item['score'] for item in classes)
        assert abs(next(item['score'] for item in classes if item['class'] == best['class']) - top) <= 1, name
        assert abs(top - 100 * best['uint8'] / 256) < 2, name
        reference.assert_same_classes(classes, classifier.classify(load(path)))


@pytest.mark.parametrize('output', ['scores', 'boxes'])
def test_an_onnx_model_with_a_toml(shared, shared_service, ultraface, output):
    for name in ('crowd.jpg', 'face.jpg'):
        path = shared / 'images' / name
        response = shared_service.client.send('inference', 'file', f'ultraface_rfb320?output={output}', path)
        reference.assert_same_tensor(array_of(response), ultraface.inference(load(path), output))
