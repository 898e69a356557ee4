"""The client commands against a running service: tables, JSON, files, standard input, exit codes."""

import json

import cv2
import numpy as np
import pytest

import reference
from conftest import load
from service import run

OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3


@pytest.fixture(params=['tcp', 'unix'])
def command(demo, request):
    """Runs a client command against the service with the demo models."""

    def run_command(name, *arguments, stdin=b''):
        return run(name, '--url', demo.address(request.param), *arguments, stdin=stdin)

    return run_command


def ok(result):
    assert result.returncode == OK, result.stderr.decode()
    return result.stdout.decode()


@pytest.mark.smoke
def test_list(command):
    names = ['digit_classifier', 'digit_detector', 'digit_segmenter']
    assert [line.split()[0] for line in ok(command('list')).splitlines() if 'digit' in line] == names
    assert json.loads(ok(command('list', '--json'))) == names


def test_shape(command, references):
    shape = references['classify'].shape
    printed = ok(command('shape', 'digit_classifier'))
    assert all(str(size) in printed for size in shape)
    assert json.loads(ok(command('shape', '--json', 'digit_classifier'))) == shape


@pytest.mark.smoke
def test_stats(command, digit):
    ok(command('classify', 'digit_classifier', digit))
    printed = ok(command('stats'))
    assert printed.splitlines()[0].startswith('device ')
    assert any(line.startswith('digit_classifier ') for line in printed.splitlines()), printed
    current = json.loads(ok(command('stats', '--json')))
    assert current['last_60s']['completed'] > 0
    assert command('stats', '--watch', '--interval', '0').returncode == USAGE


def results(printed):
    """The result of each file that --json prints."""
    return {answer['file']: answer['result'] for answer in json.loads(printed)}


@pytest.mark.smoke
@pytest.mark.parametrize('call', ['classify', 'detect'])
def test_classify_and_detect_as_json_and_as_a_table(command, references, digit, scene, call):
    path, model = {'classify': (digit, 'digit_classifier'), 'detect': (scene, 'digit_detector')}[call]
    expected = getattr(references[call], call)(load(path))
    printed = results(ok(command(call, '--json', model, path)))[str(path)]
    check = {'classify': reference.assert_same_classes, 'detect': reference.assert_same_boxes}[call]
    check(printed, expected)
    table = ok(command(call, model, path))
    for item in printed:
        assert any(str(item['class']) in line.split() for line in table.splitlines()), table


@pytest.mark.smoke
def test_standard_input(command, references, digit):
    printed = ok(command('classify', '--json', 'digit_classifier', '-', stdin=digit.read_bytes()))
    reference.assert_same_classes(results(printed)['-'], references['classify'].classify(load(digit)))


def test_several_files(command, references, demo_images):
    files = demo_images[:3]
    table = ok(command('classify', 'digit_classifier', *files))
    answers = results(ok(command('classify', '--json', 'digit_classifier', *files)))
    assert list(answers) == [str(path) for path in files]
    for path in files:
        assert str(path) in table
        reference.assert_same_classes(answers[str(path)], references['classify'].classify(load(path)))


def test_a_file_by_its_path_on_the_service(command, references, digit):
    printed = ok(command('classify', '--json', '--path', 'digit_classifier', digit))
    reference.assert_same_classes(results(printed)[str(digit)], references['classify'].classify(load(digit)))


def test_several_files_of_which_one_fails(command, digit, tmp_path):
    bad = tmp_path / 'bad.jpg'
    bad.write_bytes(b'not an image')
    result = command('classify', 'digit_classifier', digit, bad, digit.parent / 'absent.jpg')
    assert result.returncode == FAILED
    assert digit.name in result.stdout.decode()
    assert 'bad.jpg' in result.stderr.decode() and 'absent.jpg' in result.stderr.decode()


@pytest.mark.smoke
def test_segment_to_a_mask(command, references, scene, tmp_path):
    ok(command('segment', '-o', tmp_path / 'mask.png', 'digit_segmenter', scene))
    mask = cv2.imread(str(tmp_path / 'mask.png'), cv2.IMREAD_UNCHANGED)
    expected = references['segment'].segment(load(scene))
    assert mask.shape[:2] == expected.shape
    if mask.ndim == 2:
        reference.assert_same_mask(mask.astype(np.int32), expected)
    else:
        colors = {index: {tuple(color) for color in np.unique(mask[expected == index], axis=0)}
                  for index in np.unique(expected)}
        assert len(set().union(*colors.values())) >= len(colors)


def test_infer(command, references, digit, tmp_path):
    ok(command('infer', '-o', tmp_path / 'out.npy', 'digit_classifier', digit))
    reference.assert_same_tensor(np.load(tmp_path / 'out.npy'), references['classify'].inference(load(digit)))


@pytest.mark.smoke
def test_requests_that_fail(command, digit):
    for arguments in (['classify', 'absent', digit], ['shape', 'absent'], ['detect', 'digit_classifier', digit]):
        result = command(*arguments)
        assert result.returncode == FAILED
        assert arguments[1] in result.stderr.decode() or 'not found' in result.stderr.decode()


@pytest.mark.smoke
@pytest.mark.parametrize('url', ['http://127.0.0.1:1', 'unix:/absent/socket'])
def test_an_unreachable_service(digit, url):
    for arguments in (['list'], ['classify', 'digit_classifier', digit]):
        result = run(arguments[0], '--url', url, *arguments[1:])
        assert result.returncode == UNREACHABLE
        assert url.removeprefix('http://') in result.stderr.decode()


def test_the_url_from_the_environment(demo):
    result = run('list', ACCELERD_URL=demo.url)
    assert 'digit_classifier' in ok(result)


def test_load_and_unload(start, models):
    service = start(models, '--load', 'none')
    ok(run('load', '--url', service.url, 'digit_classifier', models))
    assert 'digit_classifier' in ok(run('list', '--url', service.url))
    ok(run('unload', '--url', service.url, 'digit_classifier'))
    assert 'digit_classifier' not in ok(run('list', '--url', service.url))
    result = run('unload', '--url', service.url, 'digit_classifier')
    assert result.returncode == FAILED and b'no model of this name' in result.stderr
    result = run('load', '--url', service.url, 'absent', models)
    assert result.returncode == FAILED and 'absent' in result.stderr.decode()
