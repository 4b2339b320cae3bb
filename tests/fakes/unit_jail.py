"""``python unit_jail.py UID CALLS command…``: what the unit's user, NoNewPrivileges, empty capabilities, umask and
SystemCallFilter leave of a process, without systemd. CALLS is a file of system call numbers that are allowed.
"""

import ctypes
import os
import resource
import struct
import sys

ALLOW, REFUSE = 0x7FFF0000, 0x00050001
"""SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM."""
X86_64 = 0xC000003E


def main():
    uid = int(sys.argv[1])
    with open(sys.argv[2]) as file:
        calls = sorted(map(int, file.read().split()))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, X86_64), (6, 0, 0, REFUSE), (0x20, 0, 0, 0)]
    for number in calls:
        program += [(0x15, 0, 1, number), (6, 0, 0, ALLOW)]
    program.append((6, 0, 0, REFUSE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    raw = b"".join(struct.pack("=HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(raw, len(raw))
    assert libc.prctl(22, 2, struct.pack("@HP", len(program), ctypes.addressof(buffer)), 0, 0) == 0
    os.execv(sys.argv[3], sys.argv[3:])


if __name__ == "__main__":
    main()
