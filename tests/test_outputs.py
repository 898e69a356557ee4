"""What is answered from each kind of model, and what is refused because it cannot be told."""

import pathlib

import cv2
import numpy as np
import openvino as ov
import pytest

import output_models
from client import array_of, error_of, json_of
from made_models import save
from service import Service

ROWS, COLS = 48, 96

FIVE_COLUMNS = np.zeros((1, 10, 5), np.float32)
FIVE_COLUMNS[0, 0] = 8, 16, 24, 32, 0.9
ROWS_OF_SIX = np.zeros((1, 300, 6), np.float32)
ROWS_OF_SIX[0, 0] = 10, 10, 30, 30, 0.9, 16
YOLO = np.zeros((1, 84, 100), np.float32)
YOLO[0, :4, 0] = 16, 16, 8, 8
YOLO[0, 20, 0] = 0.9
NAN = np.full((1, 3), np.nan, np.float32)

BOXES = {
    'five_columns': {'boxes': FIVE_COLUMNS, 'labels': np.array([[1] + [0] * 9])},
    'five_columns_no_batch': {'labels': np.array([1] + [0] * 9), 'boxes': FIVE_COLUMNS[0]},
    'three_outputs': {'boxes': np.array([[8, 16, 24, 32], [3, 3, 5, 5]], np.float32), 'labels': np.array([1, 2]),
                      'scores': np.array([0.9, 0.001], np.float32)},
    'normalised': {'scores': np.array([[0.9]], np.float32), 'labels': np.array([[1]], np.int32),
                   'boxes': np.array([[[0.25, 0.5, 0.75, 1]]], np.float32)},
    'tensorflow': {'detection_boxes': np.array([[[0.5, 0.25, 1, 0.75]]], np.float32),
                   'detection_classes': np.array([[1]], np.float32),
                   'detection_scores': np.array([[0.9]], np.float32), 'num_detections': np.array([1], np.float32)},
}
NO_BOXES = {
    'yolo': {'output0': YOLO},
    'rows_of_six': {'output0': ROWS_OF_SIX},
    'rows_of_seven': {'output0': np.concatenate([ROWS_OF_SIX, ROWS_OF_SIX[:, :, :1]], 2)},
    'anchors': {'classificators': np.zeros((1, 896, 1), np.float32), 'regressors': np.zeros((1, 896, 16), np.float32)},
    'grid': {'grid': np.zeros((1, 85, 2, 2), np.float32)},
}


def models():
    """The models by name, with their TOML."""
    constants = output_models.constants
    classifier = output_models.channel_classifier
    made = {name: (constants(outputs), '') for name, outputs in (BOXES | NO_BOXES).items()}
    side = output_models.SIDE
    for name, element_type in {'f16': ov.Type.f16, 'bf16': ov.Type.bf16, 'f64': np.float64, 'i32': np.int32,
                               'i64': np.int64, 'u8': np.uint8}.items():
        made[name] = (classifier(element_type), '')
    made |= {
        'i8': (classifier(np.int8, shift=-128), ''),
        'i8_normalised': (classifier(np.int8, shift=-64), 'mean = [64, 64, 64]\n'),
        'u16': (classifier(np.uint16), ''),
        'hwc': (classifier(np.float32, (side, side, 3)), ''),
        'chw': (classifier(np.float32, (3, side, side)), ''),
        'grey': (output_models.grey_classifier((1, 28, 28)), ''),
        'grey_open': (output_models.grey_classifier((-1, 28, 28)), ''),
        'packed': (output_models.packed_segmenter(), ''),
        'undecided': (output_models.undecided_segmenter(), ''),
        'decided': (output_models.undecided_segmenter(), 'output_layout = "NHWC"\n'),
        'mask': (output_models.mask(), ''),
        'logits': (output_models.mask(sigmoid=False), ''),
        'logits_told': (output_models.mask(sigmoid=False), 'sigmoid = true\n'),
        'logits_wrong': (output_models.mask(sigmoid=False), 'sigmoid = false\n'),
        'info': (output_models.describing_inputs(['image_info']), ''),
        'paddle': (output_models.describing_inputs(['im_shape', 'scale_factor']), ''),
        'stranger': (output_models.describing_inputs(['im_shape', 'temperature']), ''),
        'faster_rcnn': (output_models.detector_with_info(), ''),
        'class_number': (output_models.class_number(), ''),
        'class_number_told': (output_models.class_number(), 'softmax = false\n'),
        'percent': (constants({'scores': np.array([[200, 10, 1]], np.float32)}), 'softmax = false\n'),
        'nan': (constants({'scores': NAN}), ''),
        'nan_rows': (constants({'rows': np.full((1, 1, 4, 7), np.nan, np.float32)}), ''),
        'percent_rows': (constants({'rows': np.array([0, 1, 90, 0, 0, 1, 1], np.float32).reshape(1, 1, 1, 7)}), ''),
        'ssd': (constants({'rows': np.array([[0, 1, .9, .25, .5, .75, 1]] * 2, np.float32).reshape(1, 2, 7)}),
                'decoder = "ssd"\n'),
    }
    return made


@pytest.fixture(scope='module')
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp('outputs')
    (folder / 'models').mkdir()
    for name, (model, card) in models().items():
        save(model, folder / 'models', name)
        if card:
            (folder / 'models' / f'{name}.toml').write_text(card)
    with Service(folder / 'service', folder / 'models') as running:
        yield running


def picture(folder, color, name='a.png'):
    """A picture of one colour (blue, green, red)."""
    path = pathlib.Path(folder) / name
    cv2.imwrite(str(path), np.full((ROWS, COLS, 3), color, np.uint8))
    return path


@pytest.fixture
def red(tmp_path):
    return picture(tmp_path, (0, 0, 255))


@pytest.fixture
def ask(service, red):
    """Sends the red picture."""

    def send(call, model):
        return service.client.send(call, 'file', model, red)

    return send


@pytest.mark.parametrize('model', [*BOXES, 'ssd'])
def test_boxes_of_every_kind(ask, model):
    [box] = json_of(ask('detect', model))
    assert box == {'class': 1, 'score': 90 if box['score'] != 89 else 89, 'x': 24, 'y': 24, 'w': 48, 'h': 24}


@pytest.mark.parametrize('model', BOXES)
@pytest.mark.parametrize('call', ['classify', 'segment'])
def test_boxes_are_neither_classes_nor_pixels(ask, call, model):
    for output in ('', *(f'?output={name}' for name in BOXES[model])):
        assert 'use detect' in error_of(ask(call, model + output), 400)


@pytest.mark.parametrize('model', NO_BOXES)
@pytest.mark.parametrize('call', ['classify', 'detect', 'segment'])
def test_what_no_task_is_sure_of(ask, call, model):
    for output in ('', *(f'?output={name}' for name in NO_BOXES[model])):
        assert ', use ' not in error_of(ask(call, model + output), 400)


@pytest.mark.parametrize('model', ['f16', 'bf16', 'f64', 'i32', 'i64', 'u8', 'i8', 'i8_normalised', 'hwc', 'chw'])
def test_every_type_and_layout_of_inputs(ask, model):
    scores = {item['class']: item['score'] for item in json_of(ask('classify', model))}
    # The softmax of (0, 0, 4), in the order of blue, green and red.
    assert scores == {2: 96, 0: 1, 1: 1}


def test_a_type_that_is_no_image_is_said_at_load_and_on_call(service, ask):
    assert 'u16' in error_of(ask('classify', 'u16'), 400)
    assert 'u16.xml: images cannot be sent to this model' in service.log()


@pytest.mark.parametrize('model', ['grey', 'grey_open'])
def test_grey_images_of_three_dimensions(service, tmp_path, model):
    for level in (0, 255):
        answer = json_of(service.client.send('classify', 'file', model, picture(tmp_path, (level,) * 3)))
        assert answer == [{'class': 1 if level else 0, 'score': 100}]


def test_classes_of_pixels_on_the_last_axis(service, tmp_path):
    for channel in range(3):
        color = [255 if index == channel else 0 for index in range(3)]
        mask = array_of(service.client.send('segment', 'file', 'packed', picture(tmp_path, color)))
        assert mask.shape == (ROWS, COLS) and set(mask.flat) == {channel + 1}


def test_an_axis_that_cannot_be_told_is_asked_for(ask):
    assert 'output_layout' in error_of(ask('segment', 'undecided'), 400)
    assert array_of(ask('segment', 'decided')).shape == (ROWS, COLS)


@pytest.mark.parametrize('model', ['mask', 'logits_told'])
def test_masks_of_one_channel(service, tmp_path, model):
    for blue, expected in ((255, 1), (140, 1), (120, 0), (0, 0)):
        mask = array_of(service.client.send('segment', 'file', model, picture(tmp_path, (blue, 0, 0))))
        assert mask.dtype == np.int32 and set(mask.flat) == {expected}, blue


def test_a_mask_that_may_lack_its_sigmoid_is_asked_for(ask):
    assert 'sigmoid = true' in error_of(ask('segment', 'logits'), 400)
    assert 'sigmoid = true' in error_of(ask('segment', 'logits_wrong'), 400)


def test_inputs_that_describe_the_image(ask):
    np.testing.assert_array_equal(array_of(ask('inference', 'info')), [24, 40, 1])
    np.testing.assert_allclose(array_of(ask('inference', 'paddle')), [24, 40, 24 / ROWS, 40 / COLS])
    [box] = json_of(ask('detect', 'faster_rcnn'))
    assert (box['class'], box['x'], box['y'], box['w'], box['h']) == (1, 24, 12, 24, 24)
    assert '"temperature"' in error_of(ask('inference', 'stranger'), 400)


@pytest.mark.parametrize('model', ['class_number', 'class_number_told'])
def test_a_class_number_is_no_score(ask, model):
    assert '?output=probabilities' in error_of(ask('classify', model), 400)
    best = json_of(ask('classify', f'{model}?output=probabilities'))[0]
    assert best['class'] == 2
    assert array_of(ask('inference', model)).shape == ()


def test_scores_that_cannot_be_are_never_answered(ask):
    for call, model, word in (('classify', 'percent', 'softmax'), ('detect', 'percent_rows', 'output_scale')):
        assert word in error_of(ask(call, model), 400)
    for call, model in (('classify', 'nan'), ('detect', 'nan_rows')):
        error_of(ask(call, model), 500)
