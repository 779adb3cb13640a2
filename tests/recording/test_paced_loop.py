"""The event loop that works in beats: little work for many sockets, and no limit to one."""

import asyncio
import socket
import threading
from collections.abc import Callable

from tandem.recording.paced_loop import BEAT_S, PacedLoop, beats_of


class Beats:
    """Notes the beats that a loop sleeps, without sleeping."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    @property
    def count(self) -> int:
        return len(self.slept)

    def sleep(self, beat_s: float) -> None:
        self.slept.append(beat_s)

    def run(self, main: Callable[[], asyncio.Future[None]]) -> None:
        def loop() -> asyncio.AbstractEventLoop:
            return PacedLoop(self.sleep)

        async def go() -> None:
            async with asyncio.timeout(60):
                await main()

        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(go())


class Counting(asyncio.BufferedProtocol):
    """Receives so many bytes through a small buffer."""

    def __init__(self, wanted: int) -> None:
        self.left = wanted
        self.done = asyncio.get_running_loop().create_future()
        self._buffer = memoryview(bytearray(4096))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.left -= nbytes
        if self.left <= 0 and not self.done.done():
            self.done.set_result(None)


def test_a_connection_that_brings_more_than_a_buffer_a_beat_is_read_to_the_end() -> None:
    ours, theirs = socket.socketpair()
    filled = 0
    theirs.setblocking(False)
    try:
        while True:
            filled += theirs.send(bytes(4096))
    except BlockingIOError:
        pass
    beats = Beats()

    async def receive() -> None:
        protocol = Counting(filled)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: protocol, sock=ours)
        await protocol.done
        transport.close()

    beats.run(lambda: asyncio.ensure_future(receive()))
    theirs.close()
    assert filled > 20 * 4096
    assert beats.count <= 2


def test_datagrams_do_not_wait_a_beat_each() -> None:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(50):
            sender.sendto(b"x", receiver.getsockname())
    beats = Beats()

    class Receiver(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.left = 50
            self.done = asyncio.get_running_loop().create_future()

        def datagram_received(self, data: bytes, addr: object) -> None:
            self.left -= 1
            if self.left == 0:
                self.done.set_result(None)

    async def receive() -> None:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Receiver, sock=receiver)
        await protocol.done
        transport.close()

    beats.run(lambda: asyncio.ensure_future(receive()))
    assert beats.count <= 2


def test_a_thread_wakes_the_loop() -> None:
    beats = Beats()

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        threading.Timer(0.05, loop.call_soon_threadsafe, [woken.set]).start()
        await woken.wait()

    beats.run(lambda: asyncio.ensure_future(wait()))
    assert beats.count <= 3


async def wake() -> None:
    """Have the waiting loop woken by something from outside."""
    woken = asyncio.Event()
    threading.Timer(0.05, asyncio.get_running_loop().call_soon_threadsafe, [woken.set]).start()
    await woken.wait()


def test_the_shortest_beat_that_anybody_asks_for_counts_until_it_is_over() -> None:
    beats = Beats()

    async def ask() -> None:
        await wake()
        beats.slept.append(-1)
        with beats_of(0.1), beats_of(0.04), beats_of(0.04):
            await wake()
        beats.slept.append(-2)
        with beats_of(0.1):
            await wake()
        beats.slept.append(-3)
        await wake()

    beats.run(lambda: asyncio.ensure_future(ask()))
    heard = " ".join(str(beat_s) for beat_s in dict.fromkeys(beats.slept))
    assert heard == f"{BEAT_S} -1 0.04 -2 0.1 -3"
    assert beats.slept[-1] == BEAT_S


def test_a_loop_without_beats_stays_so() -> None:
    async def ask() -> None:
        with beats_of(0.04):
            await wake()

    asyncio.run(ask())
