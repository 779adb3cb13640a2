"""A camera's session is known to who receives, so that it can end what a dead node left."""

from pathlib import Path

from tests.conformance.store.subjects import in_a_loop
from tests.recording.relay.nodes import Receiver, held, receiving, until

from tandem.media.rtsp.session import CameraSession
from tandem.recording.relay.source import RelaySource

SESSION = CameraSession("rtsp://192.0.2.1/s/", "77")


def known_to(receiver: Receiver) -> CameraSession | None:
    assert isinstance(receiver.source, RelaySource)
    return receiver.source.session


@in_a_loop
async def test_it_is_known_until_the_camera_refused_this_node_one_of_its_own(
    tmp_path: Path,
) -> None:
    async with held(tmp_path) as holder:
        receiver = Receiver(holder)
        async with receiving(receiver):
            await until(lambda: bool(receiver.notes.calls))
            holder.feed.opened(SESSION)  # the camera says that it plays after its first pictures
            await until(lambda: known_to(receiver) == SESSION)
    receiver.relays.apply(None, ())  # for a moment nobody is believed to have the camera
    receiver.relays.apply(None, (holder.order,))
    book = receiver.relays.sessions_of(holder.order.key)
    assert [book.take(), book.take()] == [SESSION, None]


@in_a_loop
async def test_who_joins_later_is_told_as_well(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        holder.feed.opened(SESSION)
        receiver = Receiver(holder)
        async with receiving(receiver):
            await until(lambda: known_to(receiver) == SESSION)


@in_a_loop
async def test_what_could_not_stand_in_a_request_is_passed_on_to_nobody(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        for name in ("", "two words", "7\r\nX: y", "\u00e9", "x" * 513):
            holder.feed.opened(CameraSession(SESSION.url, name))
        receiver = Receiver(holder)
        async with receiving(receiver):
            holder.film(3)
            await until(lambda: len(receiver.notes.units) == 3)
            assert known_to(receiver) is None
