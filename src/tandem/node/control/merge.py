"""The cluster's status, made of what each node says of itself. Pure.

What a node says is believed, and nothing is made up for one that does not answer. Ages are taken
between two times of the same document, so no clocks of two nodes are ever compared.
"""

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tandem.cluster.model import Camera, Placement
from tandem.cluster.plan.view import Service
from tandem.node.control.agreed import Agreed
from tandem.node.control.documents import placement_document
from tandem.node.control.links import link_concerns, links_of
from tandem.node.control.protocol import VERSION, Json
from tandem.node.control.resource_status import resource_concerns, resource_troubles, resources_of
from tandem.node.control.troubles import camera_troubles, node_troubles

FRESH_US: Final = 10_000_000
"""A stream is recorded while what is durable is not older. A fragment ends after 3 s at the latest,
is synced within 2 s, and told each second; what is left is for disks that pause."""


class Verdict(enum.StrEnum):
    """How the cluster is, in one word."""

    WELL = "well"
    DEGRADED = "degraded"
    """All is recorded, and something is broken that the next fault may need."""
    UNRECORDED = "unrecorded"
    """Some camera is not recorded by anybody."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking a node.

    Attributes:
        status: as `NodeControl.node_status` gives it; None: nothing came.
        problem: why not, as a sentence; None: something came.
        clock_offset_us: the node's UTC minus that of the one that asked.
        within_us: how far that may be off: half of the time that asking took.
    """

    status: Json | None
    problem: str | None
    clock_offset_us: int | None
    within_us: int | None = None


def cluster_status(
    own: Json,
    answers: Mapping[str, Answer],
    agreed: Agreed,
    at_us: int,
    fenced: Collection[str] | None = frozenset(),
) -> Json:
    """Merge the status of all nodes.

    Args:
        own: of the node that asked.
        answers: of all others that belong to the cluster.
        agreed: what stands in the store; cameras that were removed are passed over.
        at_us: UTC of the node that asked.
        fenced: the nodes that another one can switch off; None: nobody knows now.
    """
    asked = str(own["node_id"])
    nodes = {**answers, asked: Answer(own, None, 0)}
    nodes = {node_id: nodes[node_id] for node_id in sorted(nodes)}
    copies = _copies(nodes)
    described = [
        _camera(
            camera,
            agreed.placements.get(camera.camera_id),
            copies.get(camera.camera_id, ()),
            nodes,
        )
        for camera in agreed.cameras
        if not camera.removed
    ]
    statuses = {node_id: it.status for node_id, it in nodes.items()}
    links = links_of(statuses)
    problems = node_troubles(
        asked,
        {node_id: (it.status, it.problem, it.clock_offset_us) for node_id, it in nodes.items()},
        links,
    )
    resources = resources_of(agreed, statuses)
    problems += resource_troubles(resources)
    return {
        "version": VERSION,
        "cluster_number": own.get("cluster_number"),
        "at_us": at_us,
        "asked_node": asked,
        "verdict": _verdict(described, problems),
        "nodes": {node_id: _node(node_id, it, agreed) for node_id, it in nodes.items()},
        "links": links,
        "cameras": described,
        "resources": resources,
        "problems": problems,
        "concerns": [
            *_concerns(nodes),
            *link_concerns(links),
            *resource_concerns(agreed.resources.values(), nodes, fenced),
        ],
    }


def _node(node_id: str, answer: Answer, agreed: Agreed) -> Json:
    return {
        "status": answer.status,
        "problem": answer.problem,
        "service": agreed.services.get(node_id, Service.NORMAL),
        "clock_offset_us": answer.clock_offset_us,
    }


def _verdict(cameras: Sequence[Json], problems: Sequence[str]) -> Verdict:
    if not all(camera["recorded"] for camera in cameras):
        return Verdict.UNRECORDED
    if problems or not all(camera["whole"] for camera in cameras):
        return Verdict.DEGRADED
    if any(camera["stood_in_for"] for camera in cameras):
        return Verdict.DEGRADED
    return Verdict.WELL


def _concerns(nodes: Mapping[str, Answer]) -> list[str]:
    said = [str(it) for one in nodes.values() for it in (one.status or {}).get("concerns") or ()]
    return list(dict.fromkeys(said))


def _camera(
    camera: Camera, placement: Placement | None, found: Sequence[Json], nodes: Mapping[str, Answer]
) -> Json:
    order = {node_id: place for place, node_id in enumerate(placement.nodes if placement else ())}
    copies = sorted(
        found, key=lambda it: (order.get(it["node_id"], len(order)), str(it.get("stream")))
    )
    streams = [stream.name for stream in camera.streams if stream.recorded]
    recording = [
        node_id
        for node_id in dict.fromkeys(copy["node_id"] for copy in copies)
        if all(_is_recorded(copies, stream, node_id) for stream in streams)
    ]
    healing = {
        node_id: copy.get("problem")
        for node_id in recording
        if (copy := _lacking(nodes[node_id].status, camera.camera_id))
    }
    return {
        "camera_id": camera.camera_id,
        "name": camera.name,
        "protection": camera.protection,
        "bit_rate_mbps": camera.bit_rate_mbps,
        "placement": placement_document(placement),
        "copies": copies,
        "recorded": all(_is_recorded(copies, stream) for stream in streams),
        "stood_in_for": _stood_in_for(camera, placement, recording),
        "whole": len(recording) >= camera.protection.copies and not healing,
        "problems": camera_troubles(
            camera,
            placement,
            copies,
            {node_id: it.status for node_id, it in nodes.items()},
            healing,
        ),
    }


def _stood_in_for(
    camera: Camera, placement: Placement | None, recording: Sequence[str]
) -> list[str]:
    """Which nodes are to have a copy and do not record it, where others do."""
    seats = placement.nodes[: camera.protection.copies] if placement else ()
    missing = [node_id for node_id in seats if node_id not in recording]
    return missing[: sum(node_id not in seats for node_id in recording)]


def _copies(nodes: Mapping[str, Answer]) -> dict[str, list[Json]]:
    """Each stream on each node that is to record it now, by camera."""
    copies: dict[str, list[Json]] = {}
    for node_id, it in nodes.items():
        for stream in (it.status or {}).get("streams") or ():
            copies.setdefault(str(stream.get("camera_id")), []).append(
                {
                    **stream,
                    "node_id": node_id,
                    "recording": _is_fresh(stream, it.status or {}),
                    "durable_age_us": _age_us(stream, it.status or {}),
                }
            )
    return copies


def _age_us(stream: Json, status: Json) -> int | None:
    durable_until_us = stream.get("durable_until_us")
    return None if durable_until_us is None else max(0, int(status["at_us"]) - durable_until_us)


def _is_fresh(stream: Json, status: Json) -> bool:
    age_us = _age_us(stream, status)
    return bool(stream.get("connected")) and age_us is not None and age_us <= FRESH_US


def _is_recorded(copies: Sequence[Json], stream: str, node_id: str | None = None) -> bool:
    return any(
        copy["recording"]
        for copy in copies
        if copy.get("stream") == stream and node_id in {None, copy["node_id"]}
    )


def _lacking(status: Json | None, camera_id: str) -> Json:
    """What a node's archivist says of its copy of a camera, if that is not whole yet."""
    state = ((status or {}).get("archivist") or {}).get("state") or {}
    return dict((state.get("cameras") or {}).get(camera_id) or {})
