"""Giving the kernel a filter for what a socket receives."""

import array
import socket
import struct

_SO_ATTACH_FILTER = 26
_INSTRUCTION_BYTES = 8


def attach(receiver: socket.socket, program: bytes) -> None:
    """Let a socket receive only what the program lets through.

    Args:
        receiver: of any family.
        program: classic BPF (`neighbours.frame_filter`).
    """
    code = array.array("B", program)
    where, length = code.buffer_info()
    # struct sock_fprog: the number of instructions, and a pointer to them
    described = struct.pack("@HP", length // _INSTRUCTION_BYTES, where)
    receiver.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
