"""What the service's user may not do is said by --check-config, with what to do."""

import os
import subprocess

import pytest

from polling import GENEROUS
from service import BINARY, environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='only root can become another user')


def _check_config_as_nobody(*arguments, **variables):
    """Runs --check-config as a user without a group and without a home."""
    return subprocess.run([BINARY, 'serve', '--check-config', *arguments], user='nobody', group='nogroup',
                         extra_groups=[], capture_output=True, timeout=GENEROUS, text=True, check=False,
                         env=environment(**variables), cwd='/')


@pytest.fixture(autouse=True)
def _readable_for_nobody():
    try:
        subprocess.run([BINARY, 'version'], user='nobody', group='nogroup', extra_groups=[], capture_output=True,
                       timeout=GENEROUS, check=True, cwd='/')
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip(f'nobody cannot run {BINARY}')


def test_a_group_that_the_user_is_not_in():
    run = _check_config_as_nobody('--socket-group', 'audio', '--cache-dir', 'none', '--state-dir', 'none')
    assert run.returncode == 1
    assert 'socket-group: the user nobody is not a member of the group "audio"' in run.stderr
    assert 'usermod --append --groups audio nobody' in run.stderr


def test_a_group_that_does_not_exist():
    run = _check_config_as_nobody('--socket-group', 'no-such-group', '--cache-dir', 'none', '--state-dir', 'none')
    assert run.returncode == 1
    assert 'there is no group "no-such-group"; create it with: groupadd --system no-such-group' in run.stderr


def test_a_home_that_does_not_exist():
    run = _check_config_as_nobody(HOME='/nonexistent')
    assert run.returncode == 1
    for option, folder in (('cache-dir', '.cache'), ('state-dir', '.local/state')):
        assert f'{option}: /nonexistent/{folder}/accelerd does not exist and cannot be created in /' in run.stderr
        assert f'--{option} none' in run.stderr
