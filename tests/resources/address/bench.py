"""An address for the conformance suite: this process enters a host while it lasts."""

import ctypes
import itertools
import os
import signal
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.resources.address.hosts import Lan, Namespace
from tests.resources.bench import RealTime

from tandem.clock import SystemClock
from tandem.resources.address.belongings import holder_pid, read
from tandem.resources.address.kind import AddressKind
from tandem.resources.kind import Grip, Place, Resource

IP = "10.7.0.100"
_CLONE_NEWNET = 0x40000000
_CAP_NET_ADMIN = 12
_CAPABILITIES_V3 = 0x20080522
_NUMBERS = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def inside(host: Namespace) -> Iterator[None]:
    """This thread, and what it starts, is on the host; sockets stay where they were opened."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{host.pid}/ns/net", os.O_RDONLY)
    try:
        _checked(_libc.setns(there, _CLONE_NEWNET))
        yield
    finally:
        _checked(_libc.setns(before, _CLONE_NEWNET))
        os.close(there)
        os.close(before)


@contextmanager
def without_the_right_to_change_networks() -> Iterator[None]:
    header = struct.pack("=Ii", _CAPABILITIES_V3, 0)
    before = ctypes.create_string_buffer(24)
    _checked(_libc.capget(header, before))
    effective, *rest = struct.unpack("=6I", before.raw)
    fewer = struct.pack("=6I", effective & ~(1 << _CAP_NET_ADMIN), *rest)
    _checked(_libc.capset(header, fewer))
    try:
        yield
    finally:
        _checked(_libc.capset(header, before))


@dataclass
class AddressBench(RealTime):
    """A host, and the address that it may have."""

    host: Namespace

    @property
    def options(self) -> Mapping[str, object]:
        return {"address": IP}

    def resource(self) -> Resource:
        return AddressKind().resource("web", self.options, self.place)

    def grip(self) -> Grip:
        return AddressKind().grip("web", self.options, self.place)

    def holder(self) -> int | None:
        return holder_pid(read("web", self.options, self.place))

    def runs(self) -> bool:
        return self.host.has(IP)

    async def run_without_us(self) -> None:
        self.host.ip(f"address add {IP}/24 dev eth0")

    @asynccontextmanager
    async def hindered(self) -> AsyncIterator[None]:
        holder = self.holder()
        assert holder is not None
        os.kill(holder, signal.SIGSTOP)
        self.host.ip(f"address replace {IP}/32 dev eth0 scope host")  # it does not go by itself
        with without_the_right_to_change_networks():
            yield


@asynccontextmanager
async def make(tmp_path: Path) -> AsyncIterator[AddressBench]:
    """A bench for the conformance suite."""
    lan = Lan()
    try:
        host = lan.host()
        directory = tmp_path / f"run{next(_NUMBERS)}"
        bench = AddressBench(Place("n1", directory, Path("/nowhere"), SystemClock()), host)
        with inside(host):
            try:
                yield bench
            finally:
                if holder := bench.holder():
                    os.kill(holder, signal.SIGKILL)
    finally:
        lan.close()
