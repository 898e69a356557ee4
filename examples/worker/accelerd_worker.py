"""The whole transport of an accelerd worker in Python: docs/worker-protocol.md is the specification.

A worker owns one device for the daemon. A program becomes one by passing a Runtime to serve():

    import accelerd_worker

    class MyRuntime(accelerd_worker.Runtime):
        ...

    accelerd_worker.serve(MyRuntime())

    accelerd serve --device mine --worker-command "python3 my_worker.py"

Needs Python 3.9 and Linux, and nothing else.
"""

import concurrent.futures
import ctypes
import dataclasses
import fcntl
import json
import mmap
import os
import socket
import struct
import sys
import threading
import time
import zlib

PROTOCOL = 2

# Types of messages from the daemon, and to it.
HELLO, OPEN, REGION, FORGET, COMPILE, START, DROP, PROBE, STOP = range(1, 10)
ANSWER, ERROR, DONE, LOST = range(64, 68)

# Codes of errors.
INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, OUT_OF_MEMORY, WRONG_VERSION, INTERNAL, UNAVAILABLE = 3, 5, 7, 8, 9, 13, 14

# Element types, as the messages number them, with their sizes in bytes.
TYPES = ["boolean", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f16", "bf16", "f32", "f64"]
SIZES = [1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8]

HEADER = struct.Struct("=HHIQQ")
MAGIC = 0xACCE
IN_DESCRIPTOR = 1  # Flag of a message: its body is in the descriptor.
MAX_PACKET_BODY = 65536
MAX_TEXT = 4096
ALIGNMENT = 64


class WorkerError(Exception):
    """What a runtime raises when a question or a run fails."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


@dataclasses.dataclass
class Tensor:
    """An input or an output of a run."""

    type: str  # One of TYPES.
    shape: tuple
    memory: memoryview  # Its bytes. None for an output whose size is not known beforehand: the runtime makes that one.


class Model:
    """A model that is compiled for the device."""

    info = {}  # The answer to `compile`: inputs, outputs, slots, content_hash, files.

    def run(self, inputs, outputs):
        """Reads the inputs and writes the outputs in place; as many threads call it at once as the model has slots.

        inputs, outputs: lists of Tensor in the model's order. Where an output's memory is None, the runtime replaces
        the element of the list by a Tensor of its own. Raises WorkerError if the run fails. An error of the device is
        not an error of the run: the runtime calls `lost` for it.
        """
        raise NotImplementedError


class Runtime:
    """Drives the device. All calls but Model.run come one after the other, on one thread."""

    names = []  # Name and version of what drives the device, for people.
    lost = None  # A function that serve() sets: lost("the reason") tells the daemon that the device is lost.

    def open(self, device, cache_directory):
        """Opens the device. Raises WorkerError(UNAVAILABLE, …) if it is not there or another process owns it."""

    def compile(self, request):
        """Returns a Model. `request` is the body of `compile`; the files are to be read by read_file."""
        raise NotImplementedError

    def probe(self):
        """Looks whether the device still answers. Raises WorkerError if it does not."""

    def close(self):
        """Closes the device, within 2 seconds."""


def read_file(request, path):
    """Returns the bytes of a file of a model, and opens nothing outside the folder that permits it."""
    root = request["root"]
    if not root:
        with open(path, "rb") as file:
            return file.read()
    if not path.startswith(root.rstrip("/") + "/"):
        raise WorkerError(PERMISSION_DENIED, f"{path} is not beneath {root}")
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptor = _open_beneath(folder, path[len(root.rstrip("/")) + 1 :])
    finally:
        os.close(folder)
    with open(descriptor, "rb") as file:
        return file.read()


def _open_beneath(folder, path):
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    how = struct.pack("=QQQ", flags, 0, 0x08 | 0x02)  # RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(437, folder, os.fsencode(path), how, len(how))  # openat2
    if descriptor >= 0:
        return descriptor
    error = ctypes.get_errno()
    code = NOT_FOUND if error == 2 else PERMISSION_DENIED
    raise WorkerError(code, f"{path}: {os.strerror(error)}")


class _Regions:
    """The shared memory that tensors lie in. Only the thread that reads messages uses it."""

    def __init__(self):
        self._mappings = {}

    def add(self, body, descriptor):
        region = json.loads(body)
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if region["writable"] else 0)
        mapping = mmap.mmap(descriptor, region["bytes"], prot=protection)
        os.close(descriptor)
        self._mappings[region["region"], region["writable"]] = memoryview(mapping)

    def forget(self, body):
        number = json.loads(body)["region"]
        for writable in (False, True):
            self._mappings.pop((number, writable), None)

    def find(self, number, writable, offset, size):
        memory = self._mappings[number, writable]
        if offset + size > len(memory):
            raise WorkerError(INVALID_ARGUMENT, "a tensor lies outside its region")
        return memory[offset : offset + size]

    def tensors(self, body):
        """The model's number, the inputs and the outputs of a start."""
        model, inputs, outputs = struct.unpack_from("=IHH", body)
        at, found = 8, []
        for i in range(inputs + outputs):
            region, offset, size, kind, rank = struct.unpack_from("=QQQII", body, at)
            shape = struct.unpack_from(f"={rank}q", body, at + 32)
            at += 32 + 8 * rank
            memory = self.find(region, i >= inputs, offset, size) if region else None
            found.append(Tensor(TYPES[kind], shape, memory))
        return model, found[:inputs], found[inputs:]


def _done_body(nanoseconds, error, outputs, in_place):
    """The body of `done`. `in_place` says of each output whether the daemon provided its memory."""
    text = str(error).encode()[:MAX_TEXT] if error else b""
    made = [] if error else [tensor for tensor, placed in zip(outputs, in_place) if not placed]
    checksum = 0
    for tensor, placed in zip(outputs, in_place):
        if placed and not error:
            checksum = zlib.crc32(tensor.memory, checksum)
    code = error.code if error else 0
    body = bytearray(struct.pack("=qIIQQ", nanoseconds, code, len(text), len(made), checksum))
    end = len(body) + len(text) + sum(32 + 8 * len(tensor.shape) for tensor in made)
    for tensor in made:
        offset = -(-end // ALIGNMENT) * ALIGNMENT
        body += struct.pack("=QQQII", 0, offset, len(tensor.memory), TYPES.index(tensor.type), len(tensor.shape))
        body += struct.pack(f"={len(tensor.shape)}q", *tensor.shape)
        end = offset + len(tensor.memory)
    body += text
    for tensor in made:
        body += bytes(-len(body) % ALIGNMENT)
        body += tensor.memory
    return bytes(body)


class _Worker:
    def __init__(self, runtime):
        self._runtime = runtime
        self._socket = socket.socket(fileno=3)
        self._sending = threading.Lock()
        self._regions = _Regions()
        self._models = {}
        self._device = concurrent.futures.ThreadPoolExecutor(1)  # Questions, one after the other.
        self._runs = concurrent.futures.ThreadPoolExecutor(16)
        self._hello = {}
        runtime.lost = self._send_lost

    def serve(self):
        while True:
            kind, sequence, body, descriptor = self._receive()
            if kind == REGION:
                self._regions.add(body, descriptor)
            elif kind == FORGET:
                self._regions.forget(body)
            elif kind == START:
                self._start(sequence, body)
            elif kind == DROP:
                self._device.submit(self._models.pop, json.loads(body)["model"], None)
            elif kind == STOP:
                self._device.submit(self._stop)
            elif kind in (HELLO, OPEN, COMPILE, PROBE):
                self._device.submit(self._reply, kind, sequence, json.loads(body))
            else:
                sys.exit(f"the message type {kind} is unknown")

    def _receive(self):
        space = socket.CMSG_SPACE(4)
        packet, ancillary, _, _ = self._socket.recvmsg(HEADER.size + MAX_PACKET_BODY, space, socket.MSG_CMSG_CLOEXEC)
        if not packet:
            os._exit(0)  # The daemon is gone. Nothing is waited for, whatever the driver is doing.
        _, kind, flags, length, sequence = HEADER.unpack_from(packet)
        descriptor = struct.unpack("i", ancillary[0][2][:4])[0] if ancillary else -1
        body = packet[HEADER.size :]
        if flags & IN_DESCRIPTOR:
            with mmap.mmap(descriptor, length, prot=mmap.PROT_READ) as mapping:
                body = mapping[:]
            os.close(descriptor)
        return kind, sequence, body, descriptor

    def _send(self, kind, sequence, body):
        try:
            with self._sending:
                if len(body) <= MAX_PACKET_BODY:
                    self._socket.send(HEADER.pack(MAGIC, kind, 0, len(body), sequence) + body)
                else:
                    self._send_in_descriptor(kind, sequence, body)
        except BrokenPipeError:
            os._exit(0)

    def _send_in_descriptor(self, kind, sequence, body):
        memory = os.memfd_create("accelerd-message", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with open(memory, "wb", closefd=False) as file:
            file.write(body)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
        socket.send_fds(self._socket, [HEADER.pack(MAGIC, kind, IN_DESCRIPTOR, len(body), sequence)], [memory])
        os.close(memory)

    def _send_error(self, kind, sequence, code, message):
        text = str(message).encode()[:MAX_TEXT].decode(errors="ignore")
        self._send(kind, sequence, json.dumps({"code": code, "message": text}).encode())

    def _send_lost(self, reason):
        self._send_error(LOST, 0, UNAVAILABLE, reason)

    def _reply(self, kind, sequence, body):
        try:
            value = {HELLO: self._say_hello, OPEN: self._open, COMPILE: self._compile, PROBE: self._probe}[kind](body)
        except WorkerError as error:
            self._send_error(ERROR, sequence, error.code, error)
        except FileNotFoundError as error:
            self._send_error(ERROR, sequence, NOT_FOUND, error)
        except MemoryError:
            self._send_error(ERROR, sequence, OUT_OF_MEMORY, "there is not enough memory")
        except Exception as error:  # A defect of the runtime must not end the thread, or nobody would answer any more.
            self._send_error(ERROR, sequence, INTERNAL, repr(error))
        else:
            self._send(ANSWER, sequence, json.dumps(value).encode())

    def _say_hello(self, body):
        if body["protocol"] != PROTOCOL:
            raise WorkerError(WRONG_VERSION, f"this worker speaks version {PROTOCOL} of the protocol")
        self._hello = body
        return {"protocol": PROTOCOL, "runtimes": self._runtime.names}

    def _open(self, _):
        self._runtime.open(self._hello["device"], self._hello["cache_directory"])
        return {}

    def _compile(self, body):
        model = self._runtime.compile(body)
        self._models[body["model"]] = model
        return model.info

    def _probe(self, _):
        self._runtime.probe()
        return {}

    def _stop(self):
        self._models.clear()
        self._runtime.close()
        os._exit(0)

    def _start(self, sequence, body):
        number, inputs, outputs = self._regions.tensors(body)
        self._runs.submit(self._run, sequence, number, inputs, outputs)

    def _run(self, sequence, number, inputs, outputs):
        in_place = [tensor.memory is not None for tensor in outputs]
        error = None
        begin = time.monotonic_ns()
        try:
            self._models[number].run(inputs, outputs)
        except WorkerError as failure:
            error = failure
        except MemoryError:
            error = WorkerError(OUT_OF_MEMORY, "there is not enough memory")
        except Exception as failure:  # As in _reply.
            error = WorkerError(INTERNAL, repr(failure))
        self._send(DONE, sequence, _done_body(time.monotonic_ns() - begin, error, outputs, in_place))


def serve(runtime):
    """Runs this process as the worker of the daemon that started it. Does not return."""
    sys.stdout.reconfigure(line_buffering=True)  # It is a pipe into the daemon's log.
    _Worker(runtime).serve()
