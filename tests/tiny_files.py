"""Model files written byte by byte: what the packages of the tests cannot make."""

import struct


def _varint(number):
    text = b''
    while number > 0x7f:
        text += bytes([number & 0x7f | 0x80])
        number >>= 7
    return text + bytes([number])


def number(field, value):
    """An integer field of protobuf."""
    return _varint(field << 3) + _varint(value)


def message(field, content):
    """A string or message field of protobuf."""
    content = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _value(name, shape):
    sizes = b''.join(message(1, number(1, size)) for size in shape)
    return message(1, name) + message(2, message(1, number(1, 1) + message(2, sizes)))


def _node(operation, inputs, output, attributes=b''):
    return (b''.join(message(1, name) for name in inputs) + message(2, output) + message(4, operation) + attributes)


def onnx(metadata=None, side=8):
    """An ONNX classifier of the colour, f32 [1,3,side,side]: softmax of the mean of each channel times 8."""
    axes = message(5, message(1, 'axes') + number(8, 2) + number(8, 3) + number(20, 7))
    keep = message(5, message(1, 'keepdims') + number(3, 0) + number(20, 2))
    eight = number(1, 1) + number(2, 1) + message(8, 'eight') + message(9, struct.pack('<f', 8))
    nodes = [_node('ReduceMean', ['image'], 'mean', axes + keep), _node('Mul', ['mean', 'eight'], 'logits'),
             _node('Softmax', ['logits'], 'scores')]
    graph = (b''.join(message(1, node) for node in nodes) + message(2, 'graph') + message(5, eight)
             + message(11, _value('image', (1, 3, side, side))) + message(12, _value('scores', (1, 3))))
    properties = b''.join(message(14, message(1, name) + message(2, text)) for name, text in (metadata or {}).items())
    return number(1, 8) + message(7, graph) + message(8, message(1, '') + number(2, 13)) + properties


def nested_onnx(levels):
    """An ONNX model whose If operations are nested; its size doubles with each level."""
    graph = message(1, _node('Relu', ['x'], 'y')) + message(2, 'g') + message(12, _value('y', (1,)))
    for _ in range(levels):
        branch = message(6, graph) + number(20, 5)
        branches = message(5, message(1, 'then_branch') + branch) + message(5, message(1, 'else_branch') + branch)
        graph = message(1, _node('If', ['c'], 'y', branches)) + message(2, 'g') + message(12, _value('y', (1,)))
    condition = message(1, 'c') + message(2, message(1, number(1, 9) + message(2, b'')))
    graph += message(11, _value('x', (1,))) + message(11, condition)
    return number(1, 8) + message(7, graph) + message(8, message(1, '') + number(2, 17))


def tflite(custom_operation):
    """A TensorFlow Lite model, f32 [1,4] to f32 [1,4], of one operation that is not TensorFlow Lite's own."""
    return _Flat().model(custom_operation)


class _Flat:
    """Just enough of FlatBuffers: every object is written behind the table that refers to it."""

    def __init__(self):
        self.bytes = bytearray(b'\0\0\0\0TFL3')

    def _align(self, size=4):
        self.bytes += bytes(-len(self.bytes) % size)

    def _refer(self, slot, target):
        struct.pack_into('<I', self.bytes, slot, target - slot)

    def table(self, fields):
        """Writes a table of 4-byte fields {index: number or None for a reference}; returns it and its slots."""
        self._align()
        count = max(fields, default=-1) + 1
        offsets = [0] * count
        for place, index in enumerate(sorted(fields)):
            offsets[index] = 4 + 4 * place
        vtable = len(self.bytes)
        self.bytes += struct.pack(f'<HH{count}H', 4 + 2 * count, 4 + 4 * len(fields), *offsets)
        self._align()
        at = len(self.bytes)
        self.bytes += struct.pack('<i', at - vtable)
        slots = {}
        for index in sorted(fields):
            slots[index] = len(self.bytes)
            self.bytes += struct.pack('<i', fields[index] or 0)
        return at, slots

    def vector(self, slot, numbers):
        self._align()
        self._refer(slot, len(self.bytes))
        self.bytes += struct.pack(f'<I{len(numbers)}i', len(numbers), *numbers)

    def string(self, slot, text):
        self._align()
        self._refer(slot, len(self.bytes))
        self.bytes += struct.pack('<I', len(text)) + text.encode() + b'\0'

    def tables(self, slot, count):
        """A vector of references; returns their slots."""
        self._align()
        self._refer(slot, len(self.bytes))
        self.bytes += struct.pack('<I', count)
        first = len(self.bytes)
        self.bytes += bytes(4 * count)
        return [first + 4 * i for i in range(count)]

    def model(self, operation):
        custom = 32
        root, model = self.table({0: 3, 1: None, 2: None, 4: None})
        self._refer(0, root)
        code, = self.tables(model[1], 1)
        at, slots = self.table({0: custom, 1: None, 2: 1, 3: custom})
        self._refer(code, at)
        self.string(slots[1], operation)
        graph, = self.tables(model[2], 1)
        at, slots = self.table({0: None, 1: None, 2: None, 3: None})
        self._refer(graph, at)
        for tensor, name in zip(self.tables(slots[0], 2), 'xy'):
            at, fields = self.table({0: None, 2: 0, 3: None})
            self._refer(tensor, at)
            self.vector(fields[0], [1, 4])
            self.string(fields[3], name)
        self.vector(slots[1], [0])
        self.vector(slots[2], [1])
        node, = self.tables(slots[3], 1)
        at, fields = self.table({0: 0, 1: None, 2: None})
        self._refer(node, at)
        self.vector(fields[1], [0])
        self.vector(fields[2], [1])
        buffer, = self.tables(model[4], 1)
        at, _ = self.table({})
        self._refer(buffer, at)
        return bytes(self.bytes)
