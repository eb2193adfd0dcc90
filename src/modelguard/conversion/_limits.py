"""What the process that reads a pickle gives up before it does: memory, time, programs, and the network.

Two nets lie under each other. The kernel's (seccomp, Linux on x86-64 and aarch64) refuses the system calls themselves,
to native code as well. Elsewhere only the interpreter's is there: the audit hook of the loaders.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

# Numbers from the kernel's tables (asm/unistd_64.h and asm-generic/unistd.h): what is refused, for each machine.
_CALLS: dict[str, dict[str, int]] = {
    "x86_64": {
        "socket": 41, "connect": 42, "bind": 49, "sendto": 44, "execve": 59, "execveat": 322, "ptrace": 101,
        "kill": 62, "process_vm_writev": 311, "io_uring_setup": 425,
    },
    "aarch64": {
        "socket": 198, "connect": 203, "bind": 200, "sendto": 206, "execve": 221, "execveat": 281, "ptrace": 117,
        "kill": 129, "process_vm_writev": 271, "io_uring_setup": 425,
    },
}  # fmt: skip
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # linux/seccomp.h; EPERM is 1
_OTHER_TABLE = 0x40000000  # the x32 calls of x86-64
_PR_SET_NO_NEW_PRIVS = 38


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def limit_resources(*, memory: int, seconds: int, written: int) -> None:
    """Limit memory (bytes of address space), processor time and the size of any file written."""
    import resource  # not on every platform; only this process needs it

    for what, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (value, value))


def refuse_system_calls() -> bool:
    """Let the kernel refuse sockets and programs to this process for good; tell whether it does."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _CALLS or sys.maxsize < 1 << 32:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    code = _filter(machine)
    program = _Program(len(code) // 8, code)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    set_filter, all_threads = 1, 1
    done: int = library.syscall(_SECCOMP[machine], set_filter, all_threads, ctypes.byref(program))
    return done == 0


def _filter(machine: str) -> bytes:
    """Return the program of the Berkeley packet filter that decides about each system call."""
    refused = sorted(_CALLS[machine].values())
    code = [
        struct.pack("=HBBI", _LOAD, 0, 0, 4),  # the architecture
        struct.pack("=HBBI", _EQUAL, 1, 0, _ARCHITECTURE[machine]),
        struct.pack("=HBBI", _RETURN, 0, 0, _KILL),
        struct.pack("=HBBI", _LOAD, 0, 0, 0),  # the number
        struct.pack("=HBBI", _AT_LEAST, len(refused) + 1, 0, _OTHER_TABLE),
    ]
    code += [struct.pack("=HBBI", _EQUAL, len(refused) - index, 0, number) for index, number in enumerate(refused)]
    code += [struct.pack("=HBBI", _RETURN, 0, 0, answer) for answer in (_ALLOW, _REFUSE)]
    return b"".join(code)
