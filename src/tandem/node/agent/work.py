"""What the recorders and the archivist of this node are to do. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tandem.archive.deletion import Retention
from tandem.archive.layout import checked_name
from tandem.archive.rows import Role
from tandem.cluster.duties import Beliefs, Duty, StreamId, duties
from tandem.cluster.model import SECOND_US, Camera, Placement, Protection
from tandem.node.seal import SealError
from tandem.recording.camera import (
    CameraError,
    Login,
    Relay,
    StreamName,
    StreamOrder,
    TransportPreference,
    check_url,
)

Unseal = Callable[[str, str], Login]
"""Opens a camera's sealed login, given its id; raises `SealError`."""


@dataclass(frozen=True, slots=True)
class Work:
    """What this node records.

    Attributes:
        duties: its streams.
        streams: what its recorders are told of them.
        problems: of cameras that cannot be recorded, in sentences.
    """

    duties: tuple[Duty, ...] = ()
    streams: tuple[StreamOrder, ...] = ()
    problems: tuple[str, ...] = ()
    _by_stream: dict[StreamId, Duty] = field(default_factory=dict)

    def duty_of(self, stream: StreamId) -> Duty | None:
        """Why this node records a stream; None if it does not."""
        return self._by_stream.get(stream)


def work_of(
    node_id: str,
    cameras: Iterable[Camera],
    placements: Mapping[str, Placement],
    beliefs: Beliefs,
    unseal: Unseal,
    links: Mapping[str, tuple[str, ...]],
) -> Work:
    """Work out what a node records.

    Args:
        node_id: this node.
        cameras: all that the cluster has; removed ones are left out.
        placements: by camera.
        beliefs: of this node.
        unseal: opens a camera's login.
        links: the addresses of the other nodes.
    """
    found = duties(node_id, (it for it in cameras if not it.removed), placements, beliefs)
    streams: list[StreamOrder] = []
    problems: dict[str, None] = {}  # once for all streams of a camera
    for duty in found:
        try:
            order = _order(duty, unseal, beliefs, links)
        except (CameraError, SealError) as problem:
            problems[str(problem)] = None
            continue
        if order is not None:
            streams.append(order)
    by_stream = {(it.camera.camera_id, it.stream.name): it for it in found}
    return Work(tuple(found), tuple(streams), tuple(problems), by_stream)


def retention_of(cameras: Iterable[Camera]) -> dict[str, Retention]:
    """How long the recordings of each camera are kept, of removed ones as well."""
    return {
        camera.camera_id: Retention(
            max_age_us=None if camera.keep_s is None else camera.keep_s * SECOND_US,
            max_bytes=camera.keep_bytes,
            window_us=camera.window_us,
        )
        for camera in cameras
    }


def copies_here(
    node_id: str, cameras: Mapping[str, Camera], placements: Mapping[str, Placement]
) -> dict[str, tuple[str, ...]]:
    """The cameras of which this node is to have a copy, each with the other nodes to heal from.

    Who merely stands in has none: a node that restarts would make everybody fetch its windows.

    Args:
        node_id: this node.
        cameras: by id.
        placements: by camera.
    """
    return {
        camera_id: tuple(other for other in placement.nodes if other != node_id)
        for camera_id, placement in placements.items()
        if (camera := cameras.get(camera_id)) is not None
        and camera.protection is not Protection.COLD
        and node_id in placement.nodes[: camera.protection.copies]
    }


def _order(
    duty: Duty, unseal: Unseal, beliefs: Beliefs, links: Mapping[str, tuple[str, ...]]
) -> StreamOrder | None:
    """What a recorder is told; None: the stream is to be passed on here, and nobody does yet."""
    camera, stream = duty.camera, duty.stream
    login = None if camera.login is None else unseal(camera.camera_id, camera.login)
    try:
        checked_name(camera.camera_id)
        name, transport = StreamName(stream.name), TransportPreference(camera.transport)
    except ValueError as problem:
        raise CameraError(f"camera {camera.name}: {problem}") from None
    relay = _relay(duty, beliefs, links)
    if duty.relayed_from and relay is None:
        return None
    return StreamOrder(
        camera_id=camera.camera_id,
        camera_name=camera.name,
        stream=name,
        url=check_url(stream.url, camera.name),
        login=login,
        transport=transport,
        audio=camera.audio,
        role=Role(duty.role),
        relays=camera.protection is Protection.RELAYED and relay is None,
        relay=relay,
    )


def _relay(duty: Duty, beliefs: Beliefs, links: Mapping[str, tuple[str, ...]]) -> Relay | None:
    """Where a stream is passed on to this node, if it is."""
    if duty.relayed_from is None:
        return None
    held = beliefs.word_of(duty.relayed_from).holds.get(duty.camera.camera_id, {})
    port, addresses = held.get(duty.stream.name), links.get(duty.relayed_from, ())
    return Relay(duty.relayed_from, addresses, port) if port and addresses else None
