"""What is wrong with cameras and nodes, in sentences for whoever is on call. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from tandem.cluster.model import Camera, Placement
from tandem.node.control.links import link_troubles
from tandem.node.control.protocol import Json

CAMERA_CLOCK_US: Final = 1_000_000
"""From here on a camera's time is not believed; see `tandem.media.rtp.clock`."""

NODE_CLOCK_US: Final = 500_000
"""Half of that: a camera set by NTP is then still believed by both of its nodes."""

LOSING_US: Final = 60_000_000
"""What was lost longer ago is told by the log alone."""

BEGINNING_US: Final = 10_000_000
"""What was connected to later than this may have nothing on a disk yet."""

_MANY_DAYS: Final = 2
"""From here on nobody wants to be told seconds."""

_WELL: Final = "running"
"""How a child process is that has nothing to complain of."""

_SEATS: Final = ("primary", "second")


def camera_troubles(
    camera: Camera,
    placement: Placement | None,
    copies: Sequence[Json],
    statuses: Mapping[str, Json | None],
    healing: Mapping[str, str | None],
) -> list[str]:
    """Say what is wrong with a camera; each sentence names it.

    Args:
        camera: which.
        placement: who is to record it.
        copies: as `merge` has them.
        statuses: of all nodes; None of those that do not answer.
        healing: nodes that record it and fetch what they lack, with what keeps them from it.
    """
    label = camera.name
    if camera.name != camera.camera_id:
        label = f"{camera.name} ({camera.camera_id})"
    if placement is None:
        return [f"{label}: no node was told to record it yet. See the problems of the nodes."]
    said: dict[str, list[str]] = {}
    for node_id, why in _causes(camera, copies, statuses):
        if node_id not in said.setdefault(why, []):
            said[why].append(node_id)
    sentences = [f"{label}: {why}." for why in _absences(camera, placement, copies, statuses)]
    sentences += [f"{label} on {_together(where)}: {_ended(why)}" for why, where in said.items()]
    if len(placement.nodes) < camera.protection.copies:
        sentences.append(
            f"{label}: there is no second node to record it, so a failure loses pictures."
            " Add a node, or bring one back."
        )
    for node_id, problem in healing.items():
        reason = f" ({problem.removesuffix('.')})" if problem else ""
        sentences.append(f"{label}: {node_id} still fetches what its copy lacks{reason}.")
    sentences += [f"{label} on {where}: {why}" for where, why in _losses(camera, copies, statuses)]
    sentences += [f"{label}: {why}" for why in _clock(copies)]
    if any(_encodes_separately(camera, status) for status in statuses.values()):
        sentences.append(
            f"{label}: it encodes separately for each node, so the two copies have no picture in"
            " common. Neither is fetched to the other node, and both are kept for the retention."
            " Let it send both nodes the same stream, if it can."
        )
    return sentences


def _encodes_separately(camera: Camera, status: Json | None) -> bool:
    state = ((status or {}).get("archivist") or {}).get("state") or {}
    return camera.camera_id in (state.get("encoded_separately") or ())


def _absences(
    camera: Camera,
    placement: Placement,
    copies: Sequence[Json],
    statuses: Mapping[str, Json | None],
) -> Iterator[str]:
    """Which nodes are to record it and say nothing of it."""
    streams = [stream.name for stream in camera.streams if stream.recorded]
    for node_id, seat in zip(placement.nodes[: camera.protection.copies], _SEATS, strict=False):
        if statuses.get(node_id) is None:
            yield f"its {seat}, {node_id}, does not answer"
            continue
        found = [copy.get("stream") for copy in copies if copy["node_id"] == node_id]
        if not found:
            yield f"its {seat}, {node_id}, does not record it yet"
            continue
        for name in streams:
            if name not in found:
                yield f"its {seat}, {node_id}, does not record its {name} stream yet"


def _causes(
    camera: Camera, copies: Sequence[Json], statuses: Mapping[str, Json | None]
) -> Iterator[tuple[str, str]]:
    """Which nodes try to record it and cannot, and why."""
    streams = {stream.name for stream in camera.streams if stream.recorded}
    for copy in copies:
        if copy.get("stream") in streams and not copy["recording"]:
            yield copy["node_id"], _why(copy, statuses[copy["node_id"]] or {})


def _why(copy: Json, status: Json) -> str:
    """Why one stream is not recorded by a node that should."""
    prefix = "" if copy.get("stream") == "main" else f"its {copy.get('stream')} stream: "
    message = copy.get("message")
    if message or not copy.get("connected"):  # it stands until pictures come again
        return prefix + _without_label(message or "it is being connected to")
    age_us = copy.get("durable_age_us")
    if age_us is None and int(status.get("at_us", 0)) - (copy.get("since_us") or 0) < BEGINNING_US:
        return f"{prefix}it is connected, and the first pictures are on their way to the disk"
    if disks := "; ".join(_disks(status)):
        return f"{prefix}pictures come, and none reaches a disk ({disks})"
    since = "none has" if age_us is None else f"for {age_us / 1e6:.0f} s none has"
    reason = (
        "see `dmesg` and the load of its disks" if status.get("volumes") else "it has no volume"
    )
    return f"{prefix}pictures come, and {since} reached a disk ({reason})"


def _disks(status: Json) -> Iterator[str]:
    """What is wrong with a node's disks, each named once, to stand in brackets."""
    for volume in status.get("volumes") or ():
        if problem := str(volume.get("problem") or ""):
            path = str(volume.get("path"))
            named = problem if path in problem else f"{path}: {problem}"
            yield named.removesuffix(".")


def _losses(
    camera: Camera, copies: Sequence[Json], statuses: Mapping[str, Json | None]
) -> Iterator[tuple[str, str]]:
    """Which nodes have just missed packets of it."""
    losing = [
        copy["node_id"]
        for copy in copies
        if (lost_us := copy.get("last_loss_us")) is not None
        and int((statuses[copy["node_id"]] or {}).get("at_us", 0)) - lost_us < LOSING_US
    ]
    if losing:
        udp = camera.transport == "udp"
        yield (
            _together(dict.fromkeys(losing)),
            "packets are lost on the way from the camera, and damage pictures. Check the network"
            + ("; over TCP they are sent again (`--transport tcp`)." if udp else "."),
        )


def _clock(copies: Sequence[Json]) -> Iterator[str]:
    offsets = [it["camera_offset_us"] for it in copies if it.get("camera_offset_us") is not None]
    worst_us = max(offsets, key=abs, default=0)
    if abs(worst_us) > CAMERA_CLOCK_US:
        yield (
            f"its clock is {_far(abs(worst_us))} {'ahead' if worst_us > 0 else 'behind'},"
            " and not believed: pictures have the node's time. Set the camera's time server."
        )


def _far(offset_us: int) -> str:
    """How far a clock is off; a camera that begins with 1970 is thousands of days."""
    days = offset_us / 86_400e6
    return f"{offset_us / 1e6:,.0f} s" if days < _MANY_DAYS else f"{days:,.0f} days"


def node_troubles(
    asked: str,
    nodes: Mapping[str, tuple[Json | None, str | None, int | None]],
    links: Sequence[Json],
) -> list[str]:
    """Say what is wrong with nodes, links, disks and the store.

    Args:
        asked: the node that asked the others.
        nodes: of each its status, why there is none, and its clock's offset from the asked one's.
        links: between them, as `control.links` has them.
    """
    sentences: list[str] = []
    for node_id, (status, problem, offset_us) in nodes.items():
        if status is None:
            sentences.append(_ended(problem or f"{node_id} does not answer"))
            continue
        sentences += [f"{node_id}: {_ended(why)}" for why in _of_node(status)]
        if offset_us is not None and abs(offset_us) > NODE_CLOCK_US:
            sentences.append(
                f"{node_id}: its clock is {abs(offset_us) / 1e6:,.1f} s"
                f" {'ahead of' if offset_us > 0 else 'behind'} that of {asked}. Set both by NTP:"
                " `chronyc tracking`, or `timedatectl`."
            )
    statuses = {node_id: status for node_id, (status, _, _) in nodes.items()}
    sentences += link_troubles(links, statuses)
    members = ((nodes[asked][0] or {}).get("store") or {}).get("members") or ()
    sentences += [f"The store's member {why}" for member in members for why in _of_member(member)]
    return list(dict.fromkeys(sentences))


def _of_node(status: Json) -> Iterator[str]:
    phase = (status.get("session") or {}).get("phase")
    if phase not in {None, "live"}:
        yield f"it has no session in the store ({phase}), so it is not counted as living"
    if problem := (status.get("store") or {}).get("problem"):
        yield str(problem)
    for volume in status.get("volumes") or ():
        if problem := volume.get("problem"):
            yield f"volume {volume.get('path')}: {problem}"
        elif volume.get("dead"):
            yield f"volume {volume.get('path')} is dead"
    for name, child in _children(status):
        if problem := child.get("problem"):
            yield f"{name} ({child.get('condition')}): {problem}"
    state = (status.get("archivist") or {}).get("state") or {}
    yield from (str(it["problem"]) for it in state.get("listening") or () if it.get("problem"))
    yield from map(str, status.get("problems") or ())


def _children(status: Json) -> Iterator[tuple[str, Json]]:
    """The processes that are not as they should be: one that came back is well."""
    for number, recorder in enumerate(status.get("recorders") or (), 1):
        if recorder.get("condition") != _WELL:
            yield f"recorder {number}", recorder
    archivist = status.get("archivist") or {}
    if archivist.get("condition") != _WELL:
        yield "archivist", archivist


def _of_member(member: Json) -> Iterator[str]:
    if problem := member.get("problem"):
        yield f"{member.get('name')}: {_ended(str(problem))}"
    for alarm in member.get("alarms") or ():
        yield f"{member.get('name')} raises an alarm: {alarm}. See docs/reference/store.md."


def _without_label(message: str) -> str:
    """What a recorder's sentence says after the camera's name, which stands before already."""
    if message.startswith("camera ") and (end := message.find("): ")) >= 0:
        return message[end + len("): ") :]
    return message


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def _together(names: Iterable[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last
