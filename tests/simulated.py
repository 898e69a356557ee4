"""A simulated stick, changed as its owner would change it, and what a model on it must answer.

docs/simulated-device.md documents both; the function of the outputs is run from there.
"""

import functools
import hashlib
import json
import pathlib
import re

import numpy as np
import openvino as ov

from reference import classes_of
from service import ROOT, run

_DOCUMENT = ROOT / 'docs/simulated-device.md'


@functools.cache
def _documented():
    """The names that the document's Python defines."""
    [text] = re.findall(r'^```python\n(.*?)^```', _DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    names = {}
    exec(compile(text, _DOCUMENT, 'exec'), names)
    return names


def simulated_outputs(content_hash, inputs, outputs, wrong=False):
    """The outputs of a model on the stick, as the document computes them."""
    return _documented()['simulated_outputs'](content_hash, inputs, outputs, wrong)


def content_hash(path):
    """Of an IR, by its .xml."""
    digest = hashlib.sha256()
    for file in (path, path.with_suffix('.bin')):
        data = file.read_bytes()
        digest.update(len(data).to_bytes(8, 'little') + data)
    return digest.hexdigest()


class SimulatedModel:
    """An IR with one NCHW input on a simulated stick: what its calls answer for images of exactly its input's size."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.name = self.path.stem
        model = ov.Core().read_model(self.path)
        self.rows, self.cols = list(model.inputs[0].shape)[2:]
        self._outputs = [(list(output.shape), output.element_type.to_dtype()) for output in model.outputs]
        self._hash = content_hash(self.path)

    def inference(self, image, wrong=False):
        """The first output without its batch dimension."""
        assert image.shape == (self.rows, self.cols, 3), image.shape
        tensor = np.ascontiguousarray(image.transpose(2, 0, 1)[np.newaxis].astype(np.float32))
        return simulated_outputs(self._hash, [tensor], self._outputs, wrong)[0][0]

    def classify(self, image):
        return classes_of(self.inference(image).astype(np.float64))


class Stick:
    """`--device` of a service: a stick that lives in a file."""

    def __init__(self, path, **settings):
        self.path = pathlib.Path(path)
        self.device = f'SIMULATED:{path}'
        self.set(**({'latency': '3ms', 'allow_process_crash': 'true'} | settings))

    def command(self, *arguments):
        result = run('simulate', self.path, *arguments)
        assert result.returncode == 0, (arguments, result.stderr.decode())
        return result.stdout.decode()

    def set(self, **settings):
        self.command('set', *(f'{name}={value}' for name, value in settings.items()))

    def fault(self, kind, **options):
        """fault('hang', during='open', after_runs=3): flags as `accelerd simulate FILE fault` takes them."""
        flags = []
        for name, value in options.items():
            flags += ['--' + name.replace('_', '-'), value]
        self.command('fault', kind, *flags)

    def unplug(self):
        self.command('unplug')

    def unplug_for(self, duration):
        """Unplugs the stick; it comes back by itself."""
        self.unplug()
        self.command('fault', 'replug', '--in', duration)

    def replug(self):
        self.command('replug')

    def clear(self):
        """Drops the faults that are due."""
        self.command('clear')

    def show(self):
        return json.loads(self.command('show', '--json'))

    def state(self):
        """The state without `owned`, which costs no process."""
        return json.loads(self.path.read_text())

    def counter(self, name):
        return self.state()['counters'][name]
