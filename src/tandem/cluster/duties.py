"""What one node records, by the committed placements, by whom it suspects, and by what others say.

Nothing is agreed: every node works this out alone, and where nodes believe different things, too
many record rather than too few. A node records a stream of a camera where too few of those before
it in the list are believed to be there and able to. So it depends on those before it alone:
whatever they believe in turn, nobody waits in a circle, and a camera that is dead is tried by its
whole list while nobody takes turns. Each stream is judged by itself: one that brings nothing to
anybody is tried by the whole list, and the camera's other is recorded by no more than should.

A camera that allows one session (`relayed`) has one more rule: who has its session keeps it, and
passes on what it receives, so that a node that returns costs no picture.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tandem.cluster.model import Camera, Placement, Protection, Role, Stream

StreamId = tuple[str, str]
"""A camera's id, and which of its streams."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a node says of the cameras that it records.

    Attributes:
        unable: the streams that it is to record and cannot.
        holds: cameras of `relayed` of which it has a session; of each stream of which it has, the
            port at which it passes it on, None where it does not.
    """

    unable: frozenset[StreamId] = frozenset()
    holds: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)


SILENCE = Word()


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What a node believes of all others, and knows of itself.

    Attributes:
        suspected: the nodes that it suspects.
        words: by node, its own among them; a node that said nothing is able, and holds nothing.
        unheard: nodes that are about to be heard: until then no session of `relayed` is begun.
        silent: nodes that are there, and have said nothing for so long that they count as unable
            (see `silent`). What they show, as holders of a session, counts all the same.
    """

    suspected: Collection[str] = frozenset()
    words: Mapping[str, Word] = field(default_factory=dict)
    unheard: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    def able(self, stream: StreamId, nodes: Iterable[str]) -> list[str]:
        """Those of some nodes that are there and can record a stream, in their order."""
        return [
            node
            for node in nodes
            if node not in self.suspected
            and node not in self.silent
            and stream not in self.word_of(node).unable
        ]

    def word_of(self, node_id: str) -> Word:
        """What a node said last."""
        return self.words.get(node_id, SILENCE)


def silent(quiet: Collection[str], reached: Collection[str]) -> frozenset[str]:
    """Who of the nodes that are there counts as unable, since it says nothing.

    Only while at least half of those that could answer, the one that asks among them, do. One that
    is silent has failed. Where most are, it is the questions that fail: by a firewall, a
    certificate, or this node; and if each node recorded for all others then, all would be
    overloaded at once.

    Args:
        quiet: the nodes that have said nothing for some seconds.
        reached: the nodes that could answer: a link to and from them works.
    """
    found = frozenset(reached) & frozenset(quiet)
    return found if 2 * len(found) <= len(reached) + 1 else frozenset()


@dataclass(frozen=True, slots=True)
class Duty:
    """One stream that a node is to record.

    Attributes:
        camera: of which.
        stream: which.
        role: which copy this is, by the committed placement alone.
        generation: of the placement that says so.
        stands_in: it records only since a node before it in the list is not there, or not able.
        relayed_from: the node that passes its pictures on; None: they come from the camera.
    """

    camera: Camera
    stream: Stream
    role: Role
    generation: int
    stands_in: bool
    relayed_from: str | None = None


def duties(
    node_id: str,
    cameras: Iterable[Camera],
    placements: Mapping[str, Placement],
    beliefs: Beliefs,
) -> list[Duty]:
    """Work out what a node records.

    Args:
        node_id: the node that asks; whether it suspects itself changes nothing.
        cameras: all that the cluster has.
        placements: as committed, by camera; a camera without one is not recorded yet.
        beliefs: of this node.

    Returns:
        In the order of the cameras and their streams; those that are live only are left out.
    """
    found = (
        _duty(node_id, camera, stream, placement, beliefs)
        for camera in cameras
        if (placement := placements.get(camera.camera_id)) and node_id in placement.nodes
        for stream in camera.streams
        if stream.recorded
    )
    return [duty for duty in found if duty is not None]


def _duty(
    node_id: str, camera: Camera, stream: Stream, placement: Placement, beliefs: Beliefs
) -> Duty | None:
    place, copies = placement.nodes.index(node_id), camera.protection.copies
    key = (camera.camera_id, stream.name)
    source: str | None = None
    if camera.protection is Protection.COLD:
        records = place == 0
    elif camera.protection is Protection.RELAYED:
        source = _source(node_id, key, placement, beliefs)
        records = source is not None
    else:
        records = len(beliefs.able(key, placement.nodes[:place])) < copies
    if not records:
        return None
    return Duty(
        camera=camera,
        stream=stream,
        role=placement.role_of(node_id),
        generation=placement.generation,
        stands_in=place >= copies,
        relayed_from=None if source == node_id else source,
    )


def _source(node_id: str, stream: StreamId, placement: Placement, beliefs: Beliefs) -> str | None:
    """Who has, or is to have, the session by which a node records; None: it records nothing.

    Two sessions at a time are one too many, and the later node's goes. Who only tries to get one
    gives way to whoever has it, wherever that is in the list.
    """
    holders = [
        node
        for node in placement.nodes
        if stream[1] in beliefs.word_of(node).holds.get(stream[0], ())
        and (node == node_id or node not in beliefs.suspected)
    ]
    before = beliefs.able(stream, placement.nodes[: placement.nodes.index(node_id)])
    if node_id not in holders and len(before) >= Protection.RELAYED.copies:
        return None
    if holders:
        return holders[0]
    if before:
        return before[0]
    is_told = beliefs.unheard.isdisjoint(placement.nodes)
    return node_id if is_told else None
