"""Runs a program whose system calls are partly denied, as sandboxes and older kernels do.

Usage: python deny_system_calls.py NAME=ERROR… -- PROGRAM ARGUMENTS…

NAME is a system call of NUMBERS, ERROR the name of the error that it gives from then on, such as EPERM or ENOSYS.
`socket:AF_NETLINK` and the like are families of which no socket can be made (systemd's
RestrictAddressFamilies=). `executable-memory` is no call but the making of memory that can be executed (systemd's
MemoryDenyWriteExecute=; its error cannot be chosen). The program takes this process's place, and its children are
denied the same.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

# Of system calls since Linux 5.0, numbers are the same on all machines.
NUMBERS = {'pidfd_send_signal': 424, 'io_uring_setup': 425, 'pidfd_open': 434, 'clone3': 435, 'close_range': 436,
           'openat2': 437, 'faccessat2': 439}
_SOCKET = {'x86_64': 41, 'aarch64': 198}
_ARCHITECTURES = {'x86_64': 0xC000003E, 'aarch64': 0xC00000B7}

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE = 22, 38, 65


def _filter(denied):
    """The instructions of a filter that gives the errors of `denied`, pairs of a name and a number of an error."""
    program = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _ARCHITECTURES[platform.machine()]), (_RETURN, 0, 0, _ALLOW),
               (_LOAD, 0, 0, 0)]
    for name, error in denied:
        if name.startswith('socket:'):
            family = getattr(socket, name.removeprefix('socket:'))
            program += [(_EQUAL, 0, 4, _SOCKET[platform.machine()]), (_LOAD, 0, 0, 16), (_EQUAL, 0, 1, family),
                        (_RETURN, 0, 0, _ERROR | error), (_LOAD, 0, 0, 0)]
        else:
            program += [(_EQUAL, 0, 1, NUMBERS[name]), (_RETURN, 0, 0, _ERROR | error)]
    return program + [(_RETURN, 0, 0, _ALLOW)]


def deny(denied):
    """Denies the system calls to this process from now on."""
    instructions = b''.join(struct.pack('HBBI', *instruction) for instruction in _filter(denied))
    code = ctypes.create_string_buffer(instructions, len(instructions))
    program = ctypes.create_string_buffer(struct.pack('HL', len(instructions) // 8, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), 'prctl')


def deny_executable_memory():
    if ctypes.CDLL(None).prctl(_PR_SET_MDWE, 1, 0, 0, 0):
        raise OSError('this kernel cannot deny executable memory')


def main():
    end = sys.argv.index('--')
    denied = [(name, getattr(errno, error)) for name, error in (word.split('=') for word in sys.argv[1:end])]
    deny([(name, error) for name, error in denied if name != 'executable-memory'])
    if any(name == 'executable-memory' for name, _ in denied):
        deny_executable_memory()
    os.execvp(sys.argv[end + 1], sys.argv[end + 1:])


if __name__ == '__main__':
    main()
