#!/usr/bin/env python3
"""A worker whose device computes one layer: the matrix product of an OpenVINO IR that holds nothing else.

    accelerd serve --models DIR --device linear --worker-command "python3 examples/worker/linear_worker.py"

With --makes-outputs it says that the size of its output is not known beforehand, and makes the output itself. Needs
numpy. It shows what a worker has to do, and is no use beyond that.
"""

import hashlib
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np

import accelerd_worker as transport


class LinearModel(transport.Model):
    """outputs[0] = inputs[0] @ weights."""

    def __init__(self, shape, weights, makes_outputs, files, content):
        self._weights = weights
        output = [-1 if makes_outputs else size for size in (*shape[:-1], weights.shape[1])]
        self.info = {
            "inputs": [{"name": "image", "type": "f32", "shape": shape, "layout": "NCHW"}],
            "outputs": [{"name": "product", "type": "f32", "shape": output}],
            "slots": 4,
            "content_hash": content,
            "files": files,
            "runtime": f"numpy {np.__version__}",
        }

    def run(self, inputs, outputs):
        values = np.frombuffer(inputs[0].memory, np.float32).reshape(inputs[0].shape)
        if not values.any():
            raise transport.WorkerError(transport.INVALID_ARGUMENT, "the image is black, which this device refuses")
        product = np.matmul(values, self._weights)
        if outputs[0].memory is None:
            outputs[0] = transport.Tensor("f32", product.shape, memoryview(product).cast("B"))
        else:
            np.frombuffer(outputs[0].memory, np.float32)[:] = product.ravel()


class LinearRuntime(transport.Runtime):
    """A device that needs no hardware."""

    names = [f"numpy {np.__version__}"]

    def __init__(self, makes_outputs):
        self._makes_outputs = makes_outputs

    def open(self, device, cache_directory):
        print(f"opened {device}")  # Standard output is the daemon's log.

    def compile(self, request):
        if request["format"] != "openvino-ir":
            raise transport.WorkerError(transport.INVALID_ARGUMENT, f"{request['format']} is not supported; use an IR")
        # The weights lie beside the .xml, under the same name.
        files = [request["file"], request["file"][: -len(".xml")] + ".bin"]
        network, weights = (transport.read_file(request, file) for file in files)
        content = hashlib.sha256(network + weights).hexdigest()
        layers = list(ElementTree.fromstring(network).iter("layer"))
        if sorted(layer.get("type") for layer in layers) != ["Const", "MatMul", "Parameter", "Result"]:
            raise transport.WorkerError(transport.INVALID_ARGUMENT, "this device computes one MatMul and nothing else")
        data = {layer.get("type"): layer.find("data") for layer in layers}
        shape = [int(size) for size in data["Parameter"].get("shape").split(",")]
        matrix = [int(size) for size in data["Const"].get("shape").split(",")]
        offset = int(data["Const"].get("offset"))
        values = np.frombuffer(weights, np.float32, matrix[0] * matrix[1], offset).reshape(matrix)
        return LinearModel(shape, values, self._makes_outputs, files, content)


if __name__ == "__main__":
    transport.serve(LinearRuntime(makes_outputs="--makes-outputs" in sys.argv[1:]))
