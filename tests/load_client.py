"""One client process of the load test: mixed calls, every answer checked.

usage: load_client.py ADDRESS CALLS SEED EXPECTED.pickle

EXPECTED holds (task, model, path of an image, answer) for each call. Exits 1 with the reason at the first answer that
is wrong.
"""

import pickle
import random
import sys

import reference
from client import Client, array_of, json_of

CHECKS = {
    'classify': lambda response, expected: reference.assert_same_classes(json_of(response), expected),
    'detect': lambda response, expected: reference.assert_same_boxes(json_of(response), expected),
    'segment': lambda response, expected: reference.assert_same_mask(array_of(response), expected),
    'inference': lambda response, expected: reference.assert_same_tensor(array_of(response), expected),
}


def main(address, count, seed, expected_path):
    with open(expected_path, 'rb') as file:
        calls = pickle.load(file)
    client = Client(address)
    choice = random.Random(int(seed))
    for _ in range(int(count)):
        task, model, image, expected = choice.choice(calls)
        variant = choice.choice(['file', 'path'])
        response = client.send(task, variant, model, image)
        CHECKS[task](response, expected)


if __name__ == '__main__':
    main(*sys.argv[1:])
