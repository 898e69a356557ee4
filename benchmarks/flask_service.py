"""A Flask service of the original's design, to compare with: multipart to numpy to OpenCV to OpenVINO's Python API.

usage: flask_service.py MODEL.xml

It serves /classify/{file,path} and /test/{file,path} with a thread for each connection, at the same precision and
performance hint as the in-process limit, and prints its port. As the original it runs on Flask's own server, which ends
a connection after each answer.
"""

import contextlib
import io
import logging
import queue
import sys

import cv2
import flask
import numpy as np
import openvino as ov
import werkzeug.serving


class Classifier:
    """A compiled model and its infer requests, as many as the device wants."""

    def __init__(self, path):
        compiled = ov.Core().compile_model(path, 'CPU', {'PERFORMANCE_HINT': 'THROUGHPUT',
                                                         'INFERENCE_PRECISION_HINT': 'f32'})
        _, _, self._height, self._width = compiled.inputs[0].shape
        self._free = queue.LifoQueue()
        for _ in range(compiled.get_property('OPTIMAL_NUMBER_OF_INFER_REQUESTS')):
            self._free.put(compiled.create_infer_request())

    @contextlib.contextmanager
    def _request(self):
        request = self._free.get()
        try:
            yield request
        finally:
            self._free.put(request)

    def classify(self, image):
        resized = cv2.resize(image, (self._width, self._height))
        tensor = resized.transpose(2, 0, 1)[np.newaxis].astype(np.float32)
        with self._request() as request:
            scores = request.infer([tensor])[0][0].copy()
        classes = []
        while scores[best := int(scores.argmax())] >= 0.01:
            classes.append({'class': best, 'score': int(100 * scores[best])})
            scores[best] = 0
        return classes


class Http11(werkzeug.serving.WSGIRequestHandler):
    protocol_version = 'HTTP/1.1'


def image_of_file():
    return cv2.imdecode(np.frombuffer(flask.request.files['file'].read(), np.uint8), cv2.IMREAD_COLOR)


def image_of_path():
    return cv2.imread(flask.request.get_json()['path'])


def array_response(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return flask.Response(stream.getvalue(), mimetype='application/octet-stream')


def make_app(classifier):
    app = flask.Flask(__name__)
    for variant, image in (('file', image_of_file), ('path', image_of_path)):
        app.add_url_rule(f'/classify/{variant}/<model>', f'classify_{variant}', methods=['POST'],
                         view_func=lambda model, image=image: flask.jsonify(classifier.classify(image())))
        app.add_url_rule(f'/test/{variant}', f'test_{variant}', methods=['POST'],
                         view_func=lambda image=image: array_response(image()))
    return app


def main(model):
    cv2.setNumThreads(1)
    logging.getLogger('werkzeug').setLevel(logging.ERROR)
    server = werkzeug.serving.make_server('127.0.0.1', 0, make_app(Classifier(model)), threaded=True,
                                          request_handler=Http11)
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main(sys.argv[1])
