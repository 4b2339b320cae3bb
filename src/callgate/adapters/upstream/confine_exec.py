"""Launcher of stdio servers: limits itself, then becomes the server.

Run as ``python -I -S confine_exec.py --spec-fd N -- command…``. A file of its own, standard library only: what has to
happen between fork and exec is not safe in a process with threads. The spec is the JSON of confine.LaunchSpec.

Landlock: https://docs.kernel.org/userspace-api/landlock.html. seccomp: https://man7.org/linux/man-pages/man2/seccomp.2.html.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import struct
import sys
from typing import Any, NoReturn

FAILED = 126
"""Exit status when the server was not started."""

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 22, 24, 38, 47
CAPABILITY_VERSION_3 = 0x20080522
SECCOMP_MODE_FILTER = 2
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
SCOPE_ALL = 0b11
"""Abstract Unix sockets and signals, ABI 6."""

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
LOAD, JUMP_EQ, JUMP_GE, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_AT, ARCH_AT, FIRST_ARGUMENT_AT = 0, 4, 16
AF_UNIX = 1

# By machine: audit architecture, socket(), calls by which a process reaches another or the kernel, calls that
# signal one process (their first argument), calls whose absence programs expect, truncate() and prlimit64().
# fmt: off
SYSCALLS: dict[str, tuple[int, int, tuple[int, ...], tuple[int, ...], tuple[int, ...], int, int]] = {
    "x86_64": (
        0xC000003E,
        41,
        # ptrace, process_vm_readv, process_vm_writev, pidfd_getfd, kcmp, bpf, perf_event_open, userfaultfd,
        # add_key, request_key, keyctl, mount, umount2, pivot_root, open_tree, move_mount, fsopen, fsconfig, fsmount,
        # fspick, mount_setattr, unshare, setns, open_by_handle_at, tkill, fanotify_init, acct, quotactl
        (101, 310, 311, 438, 312, 321, 298, 323, 248, 249, 250, 165, 166, 155, 428, 429, 430, 431, 432, 433, 442,
         272, 308, 304, 200, 300, 163, 179),
        (62, 234, 129, 297),  # kill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo
        (425, 426, 427),  # io_uring_setup, io_uring_enter, io_uring_register
        76,
        302,
    ),
    "aarch64": (
        0xC00000B7,
        198,
        (117, 270, 271, 438, 272, 280, 241, 282, 217, 218, 219, 40, 39, 41, 428, 429, 430, 431, 432, 433, 442,
         97, 268, 265, 130, 262, 89, 60),
        (129, 131, 138, 240),
        (425, 426, 427),
        45,
        261,
    ),
}
# fmt: on
PIDFD_SEND_SIGNAL = 424

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def fail(step: str) -> NoReturn:
    number = ctypes.get_errno()
    os.write(2, f"callgate: {step} failed: {os.strerror(number) if number else 'not supported here'}\n".encode())
    os._exit(FAILED)


def prctl(step: str, option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *padded) != 0:
        fail(step)


def die_with(parent: int) -> None:
    prctl("tying the server to the gate", PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(FAILED)


def limit(limits: dict[str, int]) -> None:
    for name, wanted in limits.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))


def drop_capabilities() -> None:
    """A server started by root keeps none of root's powers over other users, the kernel or the network."""
    libc.prctl(PR_CAP_AMBIENT, ctypes.c_ulong(4), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    for capability in range(64):
        # Refused without CAP_SETPCAP (then there is nothing to drop) and beyond the last capability.
        libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    if libc.capset(header, bytes(24)) != 0:
        fail("dropping capabilities")


def landlock_abi() -> int:
    """0: there is no Landlock."""
    return max(0, int(libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))))


def ruleset(abi: int, spec: dict[str, Any]) -> int:
    handled = max(rights for level, rights in RIGHTS_BY_ABI.items() if level <= abi)
    attributes = struct.pack("=QQQ", handled, 0, SCOPE_ALL if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    found = libc.syscall(LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0))
    if found < 0:
        fail("making the Landlock rules")
    read = READ_FILE | READ_DIR
    for paths, rights in (
        (spec["execute"], EXECUTE | read),
        (spec["read"], read),
        (spec["write"], handled & ~IOCTL_DEV),
    ):
        for path in paths:
            allow(found, path, rights & handled)
    return int(found)


def allow(rules: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        # What is not there needs no rule; it stays out of sight when it appears later.
        return
    if not os.path.isdir(path):  # noqa: PTH112 - pathlib is not worth its import here
        rights &= FILE_RIGHTS
    # struct landlock_path_beneath_attr is packed: __u64 allowed_access, __s32 parent_fd.
    attributes = struct.pack("=Qi", rights, handle)
    if libc.syscall(LANDLOCK_ADD, ctypes.c_int(rules), ctypes.c_int(1), attributes, ctypes.c_uint(0)) != 0:
        fail("adding a Landlock rule")
    os.close(handle)


def syscall_filter(abi: int, gate: int, gate_group: int) -> bytes:
    """BPF: no Unix sockets of its own, no reach into other processes, no signal to the gate."""
    machine = SYSCALLS.get(os.uname().machine)
    if machine is None:
        fail(f"confining on {os.uname().machine}")
    arch, socket_call, denied, signals, absent, truncate, limits = machine
    if abi < 3:
        denied += (truncate,)
    if abi < 6:
        denied += (PIDFD_SEND_SIGNAL,)
    refuse = (RETURN, 0, 0, ERRNO | errno.EPERM)
    program = [(LOAD, 0, 0, ARCH_AT), (JUMP_EQ, 1, 0, arch), refuse, (LOAD, 0, 0, NUMBER_AT)]
    if arch == SYSCALLS["x86_64"][0]:
        program += [(JUMP_GE, 0, 1, 0x40000000), refuse]  # x32
    for number in denied:
        program += [(JUMP_EQ, 0, 1, number), refuse]
    for number in absent:
        program += [(JUMP_EQ, 0, 1, number), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    forbidden = {socket_call: (AF_UNIX,)} | dict.fromkeys(signals, (gate, -gate, -gate_group, -1))
    for number, values in forbidden.items():
        block = [(LOAD, 0, 0, FIRST_ARGUMENT_AT)]
        for value in values:
            block += [(JUMP_EQ, 0, 1, value & 0xFFFFFFFF), refuse]
        block.append((LOAD, 0, 0, NUMBER_AT))
        program += [(JUMP_EQ, 0, len(block), number), *block]
    # The limits of another process of the same user could be changed; one's own are meant by 0.
    program += [(JUMP_EQ, 0, 3, limits), (LOAD, 0, 0, FIRST_ARGUMENT_AT), (JUMP_EQ, 1, 0, 0), refuse]
    program.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def apply_filter(program: bytes) -> None:
    buffer = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), fprog, ctypes.c_ulong(0), ctypes.c_ulong(0)):
        fail("filtering system calls")


def confine(spec: dict[str, Any]) -> None:
    abi = landlock_abi()
    if not abi:
        fail("confining: Landlock")
    rules = ruleset(abi, spec)
    prctl("giving up new privileges", PR_SET_NO_NEW_PRIVS, 1)
    drop_capabilities()
    if libc.syscall(LANDLOCK_RESTRICT, ctypes.c_int(rules), ctypes.c_uint(0)) != 0:
        fail("applying the Landlock rules")
    apply_filter(syscall_filter(abi, spec["gate"], spec["gate_group"]))


def main() -> None:
    handle, command = int(sys.argv[2]), sys.argv[4:]
    with os.fdopen(handle, "rb") as source:
        spec = json.load(source)
    die_with(spec["gate"])
    os.umask(0o077)
    try:
        limit(spec["limits"])
        os.chdir(spec["cwd"])
    except (OSError, ValueError) as fault:
        ctypes.set_errno(getattr(fault, "errno", 0) or 0)
        fail("entering the server's folder or limits")
    if spec["confined"]:
        confine(spec)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    try:
        os.execve(command[0], command, os.environ)  # noqa: S606 - no shell is the point
    except OSError as fault:
        ctypes.set_errno(fault.errno or 0)
        fail("starting the server's command")


if __name__ == "__main__":
    main()
