"""A worker that loses its device: the example's worker, whose models named bad… cannot be served.

    losing_worker.py STAGE COUNTERS

STAGE says when the device is lost: "compile"; "answered", with the answer to compile; "run", which the first canary is;
or "error", which is a compile that fails with another code than that of a device. Each load is a line of COUNTERS.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'examples/worker'))

import accelerd_worker as transport  # noqa: E402
import linear_worker  # noqa: E402

STAGE, COUNTERS = sys.argv[1:]


class LosingRuntime(linear_worker.LinearRuntime):
    def compile(self, request):
        with open(COUNTERS, 'a', encoding='utf-8') as counters:
            counters.write(request['name'] + '\n')
        if not request['name'].startswith('bad'):
            return super().compile(request)
        if STAGE in ('compile', 'error'):
            self.lost('X_LINK_ERROR: reset')
            code = transport.UNAVAILABLE if STAGE == 'compile' else transport.INVALID_ARGUMENT
            raise transport.WorkerError(code, 'NC_ERROR')
        model = super().compile(request)
        if STAGE == 'answered':
            self.lost('X_LINK_ERROR: reset')
            return model

        def run(inputs, outputs):
            self.lost('X_LINK_ERROR: reset')
            raise transport.WorkerError(transport.UNAVAILABLE, 'NC_ERROR')

        model.run = run
        return model


if __name__ == '__main__':
    transport.serve(LosingRuntime(makes_outputs=False))
