"""How far a node is emptied: what is left on it, of the cluster's status."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tandem.cli.common import counted
from tandem.cluster.model import Protection
from tandem.cluster.plan.view import Service

Json = dict[str, Any]


_NO_OTHER: Final = "no other node can run it"
"""What the plan says of what stays on a drained node."""


@dataclass(frozen=True, slots=True)
class Left:
    """What keeps a node from being empty.

    Attributes:
        recorded: cameras that it still records, or is to record.
        staying: those of them that no other node is there for.
        alone: those of them that no other node records.
        copying: cameras that it has recorded, of which a copy elsewhere is not whole yet.
        running: resources that it runs, or is to run.
        pinned: those of them that no other node can run.
    """

    recorded: tuple[str, ...] = ()
    staying: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    copying: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether the node is empty."""
        return not (self.recorded or self.copying or self.running)

    @property
    def is_spare(self) -> bool:
        """Whether nothing is interrupted that can be helped when the node is switched off."""
        return self.is_settled and not self.alone and not self.running

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will leave it."""
        is_left = set(self.recorded) <= set(self.staying) and set(self.running) <= set(self.pinned)
        return is_left and not self.copying


def touched(document: Json, node_id: str) -> frozenset[str]:
    """The cameras of which a node has, or is to have, a copy."""
    return frozenset(
        camera["camera_id"]
        for camera in document["cameras"]
        if node_id in _seats(camera) or _records(camera, node_id)
    )


def left_on(document: Json, node_id: str, of: Collection[str]) -> Left:
    """What is left on a node.

    Args:
        document: the cluster's status.
        node_id: which is to be emptied.
        of: the cameras that were on it; what it never had is no reason to wait.
    """
    recorded, staying, alone, copying = [], [], [], []
    others = sum(
        it["status"] is not None and it["service"] == Service.NORMAL
        for name, it in document["nodes"].items()
        if name != node_id
    )
    for camera in document["cameras"]:
        camera_id = camera["camera_id"]
        is_seated = node_id in _seats(camera)
        if is_seated or _records(camera, node_id):
            recorded.append(camera_id)
            if is_seated and others < Protection(camera["protection"]).copies:
                staying.append(camera_id)
                if not any(_records(camera, name) for name in document["nodes"] if name != node_id):
                    alone.append(camera_id)
        elif camera_id in of and camera["recorded"] and not camera["whole"]:
            copying.append(camera_id)
    running = [it for it in document["resources"] if _runs(it, node_id)]
    return Left(
        tuple(recorded),
        tuple(staying),
        tuple(alone),
        tuple(copying),
        tuple(it["resource_id"] for it in running),
        tuple(it["resource_id"] for it in running if _NO_OTHER in str(it["says"])),
    )


def progress(left: Left, node_id: str) -> str:
    """One line on what is still to be done."""
    parts = []
    if left.recorded:
        parts.append(f"{counted(len(left.recorded), 'camera')} still recorded on {node_id}")
    if left.copying:
        parts.append(f"{counted(len(left.copying), 'camera')} without a whole copy elsewhere yet")
    if left.running:
        parts.append(f"{', '.join(left.running)} still running there")
    return ", ".join(parts)


def reasons(left: Left, document: Json, node_id: str) -> Iterator[str]:
    """Why it is not empty, in sentences."""
    if left.alone:
        yield (
            f"{_named(left.alone)}: recorded on {node_id} alone, since there is no other node."
            " Bring one back first, or nothing is recorded while this one is off."
        )
    if seconds := [it for it in left.staying if it not in left.alone]:
        yield (
            f"{_named(seconds)}: recorded on {node_id} still, since there is no other node"
            " for this copy. Without it, a failure loses pictures."
        )
    leaving = [it for it in left.recorded if it not in left.staying]
    if leaving:
        yield (f"{_named(leaving)}: recorded on {node_id} until another node is seen to record it.")
    for camera in document["cameras"]:
        if camera["camera_id"] in (*leaving, *left.copying):
            yield from camera["problems"]

    for it in document["resources"]:
        if it["resource_id"] in left.pinned:
            yield f"Resource {it['resource_id']} runs on {node_id} still: {_NO_OTHER}."
        elif it["resource_id"] in left.running:
            yield it["why_not"] or f"Resource {it['resource_id']} runs on {node_id} still."


def _runs(resource: Json, node_id: str) -> bool:
    """Whether a node runs a resource, or is to: what it holds while it is down, it does not run."""
    return node_id in resource["nodes"] or node_id in resource["order"][:1]


def _named(cameras: Collection[str], shown: int = 8) -> str:
    names = list(cameras)
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f"{'Camera' if len(names) == 1 else 'Cameras'} {', '.join(names[:shown])}{more}"


def _seats(camera: Json) -> list[str]:
    nodes: list[str] = (camera["placement"] or {}).get("nodes") or []
    return nodes[: Protection(camera["protection"]).copies]


def _records(camera: Json, node_id: str) -> bool:
    return any(it["node_id"] == node_id and it["recording"] for it in camera["copies"])
