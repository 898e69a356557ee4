"""The command line: options from flags, environment and file, and the commands that only print."""

import json
import os
import resource
import socket
import tomllib

import pytest

from client import Client, array_of, error_of, json_of
from service import run

USAGE = 2


def text(output):
    return output.decode()


def check_config(*arguments, cwd=None, **variables):
    """The effective configuration that --check-config prints."""
    result = run('serve', *arguments, '--check-config', cwd=cwd, **variables)
    assert result.returncode == 0, text(result.stderr)
    return tomllib.loads(text(result.stdout))


@pytest.mark.smoke
def test_version():
    result = run('version')
    assert result.returncode == 0
    assert text(result.stdout).startswith('accelerd ') and 'OpenVINO' in text(result.stdout)


@pytest.mark.smoke
def test_devices():
    result = run('devices')
    assert result.returncode == 0
    assert any(line.split()[0] == 'CPU' for line in text(result.stdout).splitlines() if line.strip())


@pytest.mark.parametrize('arguments', [['--help'], ['serve', '--help'], ['list', '--help'], ['classify', '--help']])
def test_help(arguments):
    result = run(*arguments)
    assert result.returncode == 0 and 'sage' in text(result.stdout) and not result.stderr


@pytest.mark.parametrize('arguments', [
    [], ['absent'], ['serve', '--absent'], ['serve', 'absent'], ['serve', '--listen'], ['classify'],
    ['list', '--absent'], ['segment', 'model']])
def test_wrong_usage(arguments):
    result = run(*arguments)
    assert result.returncode == USAGE
    assert result.stderr and not result.stdout


def test_flags_over_environment_over_file_over_default(tmp_path):
    file = tmp_path / 'accelerd.toml'
    file.write_text('max-queue = 7\ndrain-timeout = "7s"\nbody-wait = "7s"\nallow-path = ["images"]\n')
    variables = {'ACCELERD_DRAIN_TIMEOUT': '8s', 'ACCELERD_BODY_WAIT': '8s', 'ACCELERD_LOAD': 'a,b',
                 'ACCELERD_MODELS': 'models'}
    for folder in ('images', 'models'):
        (tmp_path / folder).mkdir()
    for name in ('a', 'b'):
        (tmp_path / f'models/{name}.onnx').touch()
    effective = check_config('--config', file, '--body-wait', '9s', cwd=tmp_path, **variables)
    assert effective['max-queue'] == 7
    assert effective['drain-timeout'] == '8s'
    assert effective['body-wait'] == '9s'
    assert effective['idle-timeout'] == '75s'
    assert effective['allow-path'] == [str(tmp_path / 'images')]
    assert effective['models'] == str(tmp_path / 'models')
    assert effective['load'] == ['a', 'b']
    by_variable = check_config(ACCELERD_CONFIG=str(file))
    assert by_variable['max-queue'] == 7


def test_check_config_is_a_configuration_file(tmp_path):
    printed = run('serve', '--check-config', '--max-queue', '5').stdout
    file = tmp_path / 'accelerd.toml'
    file.write_bytes(printed)
    assert check_config('--config', file) == tomllib.loads(text(printed))


@pytest.mark.parametrize('content, place', [
    ('\n\nqueue = 1\n', ':3:'), ('max-queue = "x"\n', ':1:'), ('max-queue =\n', ':1:'),
    ('[[models]]\nname = "x"\n', ':1:'), ('max-queue = 0\n', ':1:')])
def test_a_wrong_file_is_an_error_with_its_line(tmp_path, content, place):
    file = tmp_path / 'accelerd.toml'
    file.write_text(content)
    for arguments in (['--check-config'], ['--listen', '127.0.0.1:0']):
        result = run('serve', '--config', file, *arguments)
        assert result.returncode == USAGE
        assert f'{file}{place}' in text(result.stderr)


@pytest.mark.parametrize('arguments', [['--max-queue', '0'], ['--listen', 'nowhere'], ['--listen', '127.0.0.1:99999'],
                                       ['--precision', 'f64'], ['--drain-timeout', 'soon'], ['--load', 'a'],
                                       ['--config', '/absent.toml'], ['--log-level', 'loud']])
def test_values_that_are_not_accepted(arguments):
    result = run('serve', *arguments)
    assert result.returncode == USAGE
    assert arguments[0].lstrip('-') in text(result.stderr) or arguments[1] in text(result.stderr)


@pytest.mark.parametrize('arguments', [
    ['--models', '/absent'], ['--allow-path', '/absent'], ['--allow-models', '/absent'], ['--device', 'FOO'], ['--device', 'AUTO:FOO,CPU'],
    ['--device', 'cpu'], ['--models', '/etc', '--load', 'absent']])
def test_check_config_names_what_is_not_there(arguments):
    result = run('serve', '--check-config', *arguments)
    assert result.returncode == 1
    option, value = arguments[-2:]
    message = text(result.stderr)
    assert option.lstrip('-') in message and (value in message or '"FOO"' in message), message
    assert tomllib.loads(text(result.stdout)), 'the configuration all the same'


@pytest.mark.smoke
@pytest.mark.parametrize('device', ['cpu', 'Cpu', 'usb', '/dev/apex_0', 'MYRIAD', 'TPU', 'AUTO:usb', 'AUTO:TPU,CPU', 'CPU,GPU',
                                    'BATCH:', 'SIMULATED:', 'gpu.1', 'GPU 1', '0'])
def test_a_name_that_can_never_be_a_device_is_refused_at_once(device):
    """The message names those that exist."""
    result = run('serve', '--listen', '127.0.0.1:0', '--device', device)
    assert result.returncode == USAGE
    message = text(result.stderr)
    assert f'"{device}"' in message or '"TPU"' in message or '"MYRIAD"' in message or '"usb"' in message, message
    assert all(f'{name}' in message for name in ('CPU', 'GPU', 'NPU', 'AUTO', 'SIMULATED:FILE')), message
    if device.lower() in ('cpu', 'gpu.1'):
        assert f'did you mean {device.upper()}?' in message
    checked = run('serve', '--check-config', '--device', device)
    assert checked.returncode != 0 and message.splitlines()[0].split('; ')[0].removeprefix('accelerd: ') in text(checked.stderr)


@pytest.mark.parametrize('device', ['NPU', 'GPU.1', 'AUTO:GPU,CPU', 'HETERO:NPU,CPU'])
def test_a_device_that_may_come_is_waited_for(start, models, device):
    service = start(models, '--load', 'none', '--device', device, ready=False)
    service.wait_for_log('the device cannot be opened|the device is open')
    assert service.client.get('/health/live').status_code == 200


def test_a_configuration_that_is_no_file_is_refused_at_once(tmp_path):
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    result = run('serve', '--config', fifo)
    assert result.returncode == USAGE and 'regular file' in text(result.stderr)


def test_the_limit_of_open_files_is_raised(start, models):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        service = start(models, '--load', 'none')
        crowded = start(models, '--load', 'none', '--max-connections', '1000000')
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    if hard < 1_000_000:
        crowded.wait_for_log(rf'warning .*may open {hard} files.*--max-connections')


@pytest.mark.smoke
def test_a_port_in_use(models, tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        address = '127.0.0.1:%d' % listener.getsockname()[1]
        result = run('serve', '--listen', address, '--models', models, '--load', 'none', '--cache-dir', 'none',
                     '--state-dir', 'none', '--lock-dir', tmp_path)
    assert result.returncode not in (0, USAGE)
    assert address in text(result.stderr) and 'in use' in text(result.stderr)


def test_the_models_folder_must_exist(tmp_path):
    result = run('serve', '--listen', '127.0.0.1:0', '--models', tmp_path / 'absent', '--cache-dir', 'none',
                 '--state-dir', 'none', '--lock-dir', tmp_path)
    assert result.returncode not in (0, None)
    assert str(tmp_path / 'absent') in text(result.stderr)


def test_a_device_that_is_not_there_is_named_and_everything_else_is_served(start, models, digit):
    service = start(models, '--device', 'NPU', ready=False)
    line = service.wait_for_log(r'.* (warning|error) device: .*NPU.*').group()
    assert 'CPU' in line, 'the devices there are'
    error_of(service.client.post_file('/classify/file/digit_classifier', digit), 503)
    array_of(service.client.post_file('/test/file', digit))


def test_ipv6(start, models):
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(('::1', 0))
        except OSError:
            pytest.skip('this machine has no IPv6')
    service = start(models, '--load', 'none', '--listen', '[::1]:0')
    port = service.wait_for_log(r'listening on \[::1\]:(\d+)').group(1)
    assert json_of(Client(f'http://[::1]:{port}').get('/list')) == []


def test_everything_from_a_file(start, models, tmp_path):
    file = tmp_path / 'accelerd.toml'
    file.write_text(f'listen = ["127.0.0.1:0"]\nmodels = {json.dumps(str(models))}\nload = ["digit_classifier"]\n'
                    'cache-dir = "cache"\nstate-dir = "none"\nlock-dir = "."\n')
    service = start(None, '--config', file, defaults=False)
    assert json_of(service.client.get('/list')) == ['digit_classifier']
    assert (tmp_path / 'cache').is_dir()
