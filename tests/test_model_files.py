"""Files of models as users bring them: broken, foreign, half copied, linked, with knowledge of their own."""

import json
import os

import cv2
import numpy as np
import openvino as ov
import pytest

import made_models
import reference
import tiny_files
from client import error_of, json_of
from conftest import load
from reference import Card, Reference
from service import run

POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n'
DEEP_TOML = 'a.' * 99_999 + 'a = 1\n'


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'models'
    path.mkdir()
    made_models.save(made_models.classifier(1), path, 'good')
    return path


@pytest.fixture(scope='module')
def picture(digit):
    """A colourful image: the made models tell channels apart."""
    image = cv2.resize(load(digit), (90, 70))
    image[:, :45, 0] //= 4
    image[30:, :, 2] //= 3
    return image


def encoded(picture):
    return cv2.imencode('.png', picture)[1].tobytes()


def classes_of(service, name, picture):
    return json_of(service.client.post_file(f'/classify/file/{name}', encoded(picture)))


def load_error(service, folder, name):
    """What /load answers for a model that cannot be loaded."""
    response = service.client.post('/load', json={'path': str(folder), 'name': name})
    assert response.status_code in (400, 503), response.text
    return response.json()['error']


# Documents that are nested without end.


@pytest.mark.smoke
def test_a_deep_toml_is_an_error_of_its_model_alone(start, folder, picture):
    made_models.save(made_models.classifier(2), folder, 'deep')
    (folder / 'deep.toml').write_text(DEEP_TOML)
    service = start(folder)
    assert json_of(service.client.get('/list')) == ['good']
    assert 'deep.toml:1: a key has more than 32 parts' in load_error(service, folder, 'deep')
    assert classes_of(service, 'good', picture)


def test_a_deep_configuration_is_an_error(tmp_path):
    config = tmp_path / 'accelerd.toml'
    for text in (DEEP_TOML, 'listen = ' + '[' * 100_000, '[' + 'a.' * 100_000 + 'a]\n'):
        config.write_text(text)
        ended = run('serve', '--config', config)
        assert ended.returncode == 2
        assert 'accelerd.toml:1: ' in ended.stderr.decode()


@pytest.mark.parametrize('isolation', ['none', 'worker'])
def test_deep_graphs_are_errors_of_their_models(start, folder, isolation):
    text = (folder / 'good.xml').read_text()
    deep = '<a>' * 300_000 + '</a>' * 300_000
    for name, changed in (('rt_info', text.replace('<rt_info>', '<rt_info>' + deep)),
                          ('elements', text.replace('<layers>', deep + '<layers>', 1))):
        (folder / f'{name}.xml').write_text(changed)
        (folder / f'{name}.bin').write_bytes((folder / 'good.bin').read_bytes())
    (folder / 'graphs.onnx').write_bytes(tiny_files.nested_onnx(11))
    (folder / 'fewer_graphs.onnx').write_bytes(tiny_files.nested_onnx(2))
    service = start(folder, '--isolation', isolation)
    assert sorted(json_of(service.client.get('/list'))) == ['fewer_graphs', 'good']
    assert 'its rt_info is nested too deeply' in load_error(service, folder, 'rt_info')
    assert 'its elements are nested too deeply' in load_error(service, folder, 'elements')
    assert 'its graphs are nested deeper than the limit of 10 levels' in load_error(service, folder, 'graphs')


# What files state about their use.


def stated(model, **members):
    for name, text in members.items():
        model.set_rt_info(text, ['model_info', name])
    return model


@pytest.mark.smoke
@pytest.mark.parametrize('isolation', ['none', 'worker'])
def test_model_info_is_used_and_the_toml_overrides_it(start, folder, picture, isolation):
    info = {'scale_values': '0.5', 'mean_values': '30', 'reverse_input_channels': 'YES', 'labels': 'ape bee cat dog'}
    for name in ('stated', 'overridden', 'embedded', 'converted'):
        made_models.save(stated(made_models.classifier(7), **info), folder, name)
    (folder / 'overridden.toml').write_text('mean = 0\nscale = 1\ncolor_order = "bgr"\n')
    made_models.save(stated(made_models.classifier(7), embedded_processing='True', **info), folder, 'embedded')
    converted = stated(made_models.classifier(7), **info)
    converted.set_rt_info('0.5', ['conversion_parameters', 'scale_values'])
    converted.set_rt_info('30', ['conversion_parameters', 'mean_values'])
    made_models.save(converted, folder, 'converted')
    service = start(folder, '--isolation', isolation)
    for name, card in (('stated', Card(rgb=True, mean=30.0, scale=0.5)), ('overridden', Card()), ('embedded', Card()),
                       ('converted', Card(rgb=True))):
        expected = Reference(folder / f'{name}.xml', card).classify(picture)
        reference.assert_same_classes(classes_of(service, name, picture), expected)


def ultralytics(names):
    return {'author': 'Ultralytics', 'task': 'classify', 'names': repr(dict(enumerate(names)))}


def bright_red():
    """A dark picture, in which red stands out by so little that only a scale of 255 keeps the scores apart from 1."""
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:] = (20, 30, 60)
    return picture


def test_metadata_of_ultralytics_is_used(start, folder):
    """In ONNX, and in metadata.yaml beside an IR: RGB from 0 to 1."""
    (folder / 'onnx.onnx').write_bytes(tiny_files.onnx(ultralytics(['red', 'green', 'blue'])))
    (folder / 'plain.onnx').write_bytes(tiny_files.onnx())
    export = folder / 'ir_openvino_model'
    export.mkdir()
    ov.save_model(ov.Core().read_model(folder / 'plain.onnx'), export / 'ir.xml', compress_to_fp16=False)
    metadata = {'description': 'Ultralytics model', 'task': 'classify', 'names': {0: 'red', 1: 'green', 2: 'blue'}}
    (export / 'metadata.yaml').write_text(json.dumps(metadata))
    service = start(folder)
    picture = bright_red()
    values = np.exp(picture[0, 0, ::-1] / 255 * 8)
    scores = {index: value for index, value in enumerate(values / values.sum())}
    for name in ('onnx', 'ir'):
        answer = {item['class']: item['score'] for item in classes_of(service, name, picture)}
        assert all(abs(answer[index] - 100 * score) <= 1 for index, score in scores.items()), name
    assert classes_of(service, 'plain', picture)[0]['score'] == 100
    assert 'plain.onnx: nothing states how its input is normalised' in service.log()
    assert 'onnx.onnx: nothing states' not in service.log().replace('plain.onnx', '')


def test_a_yaml_beside_several_models_is_not_theirs(start, folder, picture):
    (folder / 'metadata.yaml').write_text(json.dumps({'author': 'Ultralytics'}))
    service = start(folder)
    reference.assert_same_classes(classes_of(service, 'good', picture), Reference(folder / 'good.xml').classify(picture))


def test_tflite_metadata_is_used(shared, start, tmp_path):
    model = shared / 'vision/models/mobilenet_v1_025_meta/mobilenet_v1_025_meta.tflite'
    if not model.exists():
        pytest.skip('the folder of real models has no TFLite file with metadata')
    models = tmp_path / 'models'
    models.mkdir()
    (models / 'cat.tflite').write_bytes(model.read_bytes())
    service = start(models)
    expected = json.loads((shared / 'vision/expected/mobilenet_v1_025_meta.json').read_text())
    for image, answer in expected['images'].items():
        path = shared / 'vision/images' / image
        got = json_of(service.client.post_file('/classify/file/cat', path.read_bytes()))
        best = answer['classes'][0]
        assert got[0]['class'] == best['class'] and abs(got[0]['score'] - 100 * best['score']) <= 5, image
    assert 'cat.tflite: nothing states' not in service.log()


# What lies in the folder of models.


def test_what_is_not_served_is_said_once(start, folder, picture):
    (folder / 'NET.ONNX').write_bytes(tiny_files.onnx())
    for name in ('optimum', 'resnet/1', 'intel/facenet/FP16'):
        (folder / name).mkdir(parents=True)
    made_models.save(made_models.classifier(3), folder / 'optimum', 'openvino_model')
    made_models.save(made_models.classifier(3), folder / 'resnet/1', 'model')
    made_models.save(made_models.classifier(3), folder / 'intel/facenet/FP16', 'facenet')
    for name in ('yolov8n.pt', 'net.h5', 'frozen_inference_graph.pb'):
        (folder / name).write_bytes(b'x')
    upper = folder / 'upper'
    upper.mkdir()
    made_models.save(made_models.classifier(4), upper, 'UPPER')
    os.rename(upper / 'UPPER.xml', folder / 'UPPER.XML')
    os.rename(upper / 'UPPER.bin', folder / 'UPPER.BIN')
    service = start(folder)
    assert sorted(json_of(service.client.get('/list'))) == ['NET', 'UPPER', 'good', 'optimum']
    assert classes_of(service, 'optimum', picture)
    checked = run('serve', '--models', folder, '--check-config', '--lock-dir', folder)
    assert checked.returncode == 0, checked.stderr
    for text in ('yolov8n.pt is not served: it is a PyTorch model', 'net.h5 is not served: it is a Keras model',
                 'frozen_inference_graph.pb is not served: it is a TensorFlow graph',
                 'resnet/1 is not served: it is a folder of a version, with model.xml',
                 'intel/facenet/FP16 is not served: it is a folder that is not looked into, with facenet.xml'):
        assert service.log().count(text) == 1, text
        assert checked.stderr.decode().count(text) == 1, text
    assert service.log().count('is not served') == 5


# Files that cannot be what they are called.


def test_each_broken_file_is_explained(start, folder):
    weights = (folder / 'good.bin').read_bytes()
    text = (folder / 'good.xml').read_text()
    (folder / 'old.xml').write_text('<?xml version="1.0"?>\n<net name="old" version="6" batch="1"><layers/></net>')
    (folder / 'old.bin').write_bytes(b'')
    (folder / 'half.xml').write_text(text)
    (folder / 'half.bin').write_bytes(weights[:len(weights) // 2])
    (folder / 'lfs_weights.xml').write_text(text)
    (folder / 'lfs_weights.bin').write_text(POINTER)
    for name in ('lfs_ir.xml', 'lfs.onnx', 'lfs_lite.tflite'):
        (folder / name).write_text(POINTER)
    for name, labels in (('lfs_card', None), ('lfs_labels', 'labels = "names.txt"\n')):
        made_models.save(made_models.classifier(1), folder, name)
        (folder / f'{name}.toml').write_text(labels or POINTER)
    (folder / 'names.txt').write_text(POINTER)
    for name, operation in (('detector', 'TFLite_Detection_PostProcess'), ('x_edgetpu', 'edgetpu-custom-op'),
                            ('own', 'MyOwnOperation')):
        (folder / f'{name}.tflite').write_bytes(tiny_files.tflite(operation))
    service = start(folder)
    assert json_of(service.client.get('/list')) == ['good']
    size = len(weights)
    for name, message in {
            'old': 'it is an OpenVINO IR of version 6 (2018-2019); versions 10 and 11 are read',
            'half': f'half.bin has {size // 2} bytes, and {folder}/half.xml asks for {size}',
            'lfs_weights': 'lfs_weights.bin is a Git LFS pointer', 'lfs_ir': 'lfs_ir.xml is a Git LFS pointer',
            'lfs': 'lfs.onnx is a Git LFS pointer', 'lfs_lite': 'lfs_lite.tflite is a Git LFS pointer',
            'lfs_card': 'lfs_card.toml is a Git LFS pointer', 'lfs_labels': 'names.txt is a Git LFS pointer',
            'detector': 'OpenVINO has no TFLite_Detection_PostProcess; use the model\'s ONNX file',
            'x_edgetpu': 'it is compiled for the Edge TPU; use the file without _edgetpu',
            'own': 'MyOwnOperation'}.items():
        assert message in load_error(service, folder, name)
        assert message in service.log()


# Links.


@pytest.mark.parametrize('isolation', ['none', 'worker'])
def test_a_set_of_links_into_one_folder_loads(start, tmp_path, isolation):
    store, models = tmp_path / 'store', tmp_path / 'models'
    store.mkdir()
    models.mkdir()
    (store / 'net.onnx').write_bytes(tiny_files.onnx())
    (store / 'net.toml').write_text('labels = "net.txt"\nscale = 255\ncolor_order = "rgb"\n')
    (store / 'net.txt').write_text('red\ngreen\nblue\n')
    for name in ('net.onnx', 'net.toml', 'net.txt'):
        (models / name).symlink_to(f'../store/{name}')
    (models / 'stray.onnx').symlink_to('../store/net.onnx')
    (tmp_path / 'stray.toml').write_text('scale = 255\n')
    (models / 'stray.toml').symlink_to('../stray.toml')
    service = start(models, '--isolation', isolation)
    assert json_of(service.client.get('/list')) == ['net']
    assert 'stray.toml leads out of its folder' in service.log()
    response = service.client.post_file('/classify/file/net?labels=1', encoded(bright_red()))
    best = json_of(response)[0]
    assert best['class'] == 0 and best['label'] == 'red' and best['score'] < 90
    # What a client loads is confined further: to the folder that permits it.
    response = service.client.post('/load', json={'path': str(models), 'name': 'stray'})
    assert 'stray.onnx leads out' in error_of(response, 403)
