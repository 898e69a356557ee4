"""What the kernel says about processes: children, descriptors, memory."""

import os
import pathlib
import signal

from polling import wait_until

PROC = pathlib.Path('/proc')


def _stat(process):
    """Name, state and parent of a process; None: there is none."""
    try:
        text = (PROC / str(process) / 'stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, rest = text[text.index('(') + 1:].rsplit(')', 1)
    state, parent = rest.split()[:2]
    return name, state, int(parent)


def children(process, states='RSDTtZ'):
    """Ids of a process's children in these states."""
    found = []
    for entry in PROC.iterdir():
        stat = _stat(entry.name) if entry.name.isdigit() else None
        if stat and stat[2] == process and stat[1] in states:
            found.append(int(entry.name))
    return found


def runs(process):
    """Whether a process is there and is no zombie."""
    stat = _stat(process)
    return stat is not None and stat[1] not in 'ZX'


def worker_of(service):
    """The id of the worker that lives now; None between two."""
    alive = children(service.process.pid, states='RSDTt')
    return alive[0] if len(alive) == 1 else None


def wait_worker(service, other_than=None):
    """Waits for a worker, another one than that."""
    return wait_until(lambda: worker_of(service) not in (None, other_than) and worker_of(service),
                      lambda: f'a worker; the log:\n{service.log()}')


def signal_worker(service, number=signal.SIGKILL):
    """Sends a signal to the worker that lives now; its id."""
    worker = wait_worker(service)
    os.kill(worker, number)
    return worker


def descriptors(process):
    """What each open descriptor of a process is."""
    found = []
    for link in (PROC / str(process) / 'fd').iterdir():
        try:
            found.append(os.readlink(link))
        except FileNotFoundError:
            pass
    return found


def maps(process):
    """The lines of a process's memory map."""
    return (PROC / str(process) / 'maps').read_text().splitlines()


def shared_memory():
    """The names of the machine's named shared memory."""
    return set(os.listdir('/dev/shm'))


def holders_of(name):
    """Ids of the processes that have a file of this path, or memfd of this name, open or mapped."""
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if any(name in target for target in descriptors(entry.name)) or name in (entry / 'maps').read_text():
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return found


def status(process):
    """The numbers of /proc/PROCESS/status by name: VmRSS (kB), RssAnon, Threads, …"""
    fields = {}
    for line in (PROC / str(process) / 'status').read_text().splitlines():
        name, value = line.split(':', 1)
        words = value.split()
        if words and words[0].isdigit():
            fields[name] = int(words[0])
    return fields
