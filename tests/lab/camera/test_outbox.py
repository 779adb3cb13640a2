"""What may be claimed as sent, on a transport that takes bytes as it likes."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tandem.lab.camera.outbox import Outbox


class StubbornTransport(asyncio.Transport):
    """Keeps everything until told how much to let go."""

    def __init__(self) -> None:
        super().__init__()
        self.kept_bytes = 0
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.kept_bytes += len(data)

    def get_write_buffer_size(self) -> int:
        return self.kept_bytes

    def is_closing(self) -> bool:
        return self.closing


@given(st.lists(st.integers(1, 50), min_size=1), st.lists(st.integers(0, 60)))
def test_a_picture_is_claimed_with_its_last_byte_and_not_before(
    sizes: list[int], takes: list[int]
) -> None:
    transport = StubbornTransport()
    outbox = Outbox(transport)
    outbox.write(b"an answer")
    for number, size in enumerate(sizes):
        outbox.write(bytes(size), number)
    ends = [9 + sum(sizes[: number + 1]) for number in range(len(sizes))]
    claimed: list[int] = []
    gone_bytes = 0
    for take in takes:
        taken_bytes = min(take, transport.kept_bytes)
        transport.kept_bytes -= taken_bytes
        gone_bytes += taken_bytes
        claimed += outbox.settle()
        assert claimed == [number for number, end in enumerate(ends) if end <= gone_bytes]
    assert claimed + outbox.abandon() == list(range(len(sizes)))


def test_nothing_is_claimed_of_a_connection_that_broke() -> None:
    transport = StubbornTransport()
    outbox = Outbox(transport)
    outbox.write(b"picture", 1)
    transport.closing = True
    transport.kept_bytes = 0
    outbox.write(b"picture", 2)
    assert outbox.settle() == []
    assert outbox.abandon() == [1]
