"""Fixtures: services with the demo models, with the shared models, and folders to build others in."""

import os
import pathlib
import shutil

import cv2
import pytest

from checker import calls_of
from reference import Card, Reference
from service import BINARY, ROOT, Service
from simulated import SimulatedModel

MODELS = ROOT / 'models'
IMAGES = MODELS / 'images'
DEMO_MODELS = {'classify': 'digit_classifier', 'detect': 'digit_detector', 'segment': 'digit_segmenter'}


def pytest_configure(config):
    config.addinivalue_line('markers', 'smoke: the subset that sanitizer builds run')


def pytest_sessionstart(session):
    if not BINARY.exists():
        raise pytest.UsageError(f'{BINARY} is missing: build it, or name another one by ACCELERD_BINARY')


@pytest.fixture(scope='session')
def models():
    """The folder of the demo models."""
    return MODELS


@pytest.fixture(scope='session')
def digit():
    """An image of one digit, for the classifier."""
    return IMAGES / 'digit_5.jpg'


@pytest.fixture(scope='session')
def scene():
    """An image of several digits, for the detector and the segmenter."""
    return IMAGES / 'scene_1.jpg'


@pytest.fixture(scope='session')
def demo_images():
    """Every demo image."""
    return sorted(path for path in IMAGES.iterdir() if path.suffix in ('.jpg', '.png'))


@pytest.fixture(scope='session')
def demo(tmp_path_factory):
    """A service with the demo models that tests must leave as they found it."""
    with Service(tmp_path_factory.mktemp('demo'), MODELS, allow=[IMAGES]) as service:
        yield service


@pytest.fixture(params=['tcp', 'unix'])
def client(demo, request):
    """A client of that service, over TCP and over its Unix socket."""
    return demo.client_over(request.param)


@pytest.fixture(scope='session')
def references():
    """The independent computation of each demo model, by the name of its task."""
    return {task: Reference(MODELS / f'{name}.xml') for task, name in DEMO_MODELS.items()}


@pytest.fixture(scope='session')
def shared():
    """The folder of real models and images with known answers."""
    folder = os.environ.get('ACCELERD_TEST_DATA')
    if not folder:
        pytest.skip('ACCELERD_TEST_DATA names no folder of real models')
    return pathlib.Path(folder).resolve()


@pytest.fixture(scope='session')
def shared_service(shared, tmp_path_factory):
    """A service with the real models, and a TOML for the one that needs it."""
    folder = tmp_path_factory.mktemp('shared')
    models = folder / 'models'
    shutil.copytree(shared / 'models', models)
    (models / 'ultraface_rfb320.toml').write_text('color_order = "rgb"\nmean = [127.0]\nscale = [128.0]\n')
    with Service(folder / 'service', models, allow=[shared]) as service:
        yield service


@pytest.fixture(scope='session')
def ultraface(shared):
    """The independent computation of the ONNX model."""
    return Reference(shared / 'models/ultraface_rfb320.onnx', Card(rgb=True, mean=127.0, scale=128.0))


@pytest.fixture(scope='session')
def simulated_calls():
    """Calls of two demo models on a simulated device, with their answers."""
    classifier, detector = (SimulatedModel(MODELS / f'{DEMO_MODELS[task]}.xml') for task in ('classify', 'detect'))
    return calls_of(classifier, classify=True) + calls_of(detector)


@pytest.fixture
def copied_models(tmp_path):
    """A copy of the demo models that the test may change."""
    folder = tmp_path / 'models'
    folder.mkdir()
    for path in MODELS.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    return folder


@pytest.fixture
def start(tmp_path):
    """Starts services with start(models, flags…) that are stopped when the test ends."""
    services = []

    def start_service(folder, *arguments, ready=True, name=None, **options):
        service = Service(tmp_path / (name or f'service{len(services)}'), folder, *arguments, **options)
        services.append(service)
        service.start()
        return service.wait_ready() if ready else service

    yield start_service
    for service in services:
        service.stop()


def load(path):
    """An image as OpenCV reads it."""
    image = cv2.imread(str(path))
    assert image is not None, path
    return image
