"""The examples of docs/clients.md do what they say."""

import re
import shutil
import subprocess
import sys

import pytest

from polling import GENEROUS
from service import ROOT, environment

_BLOCK = re.compile(r'^```(\w+)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_INTERPRETERS = {'python': [sys.executable, '-'], 'javascript': ['node', '-'], 'sh': ['sh', '-eu']}


def _examples():
    text = (ROOT / 'docs/clients.md').read_text()
    blocks = _BLOCK.findall(text)
    assert blocks, 'docs/clients.md has no examples'
    return [pytest.param(language, code, id=f'{language}-{number}') for number, (language, code) in enumerate(blocks)]


@pytest.mark.parametrize('language, code', _examples())
def test_an_example_runs_and_prints_what_it_says(demo, language, code):
    command = _INTERPRETERS[language]
    if not shutil.which(command[0]):
        pytest.skip(f'{command[0]} is not installed')
    run = subprocess.run(command, input=code.replace('http://127.0.0.1:5001', demo.url), text=True, cwd=ROOT,
                         capture_output=True, timeout=GENEROUS, check=False, env=environment())
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip(), run.stderr
    # A comment behind print(…) is what is printed.
    expected = re.search(r'print\(.*\)  # (.*)', code)
    if expected:
        assert run.stdout.strip() == expected.group(1)
