"""The cluster's status for a person on call: the verdict, what is wrong, then all the rest. Pure.

Whatever may be missing in a document is: another node may have been asked in the middle of its
start. Lines are as long as is said at most, save for names that cannot be broken.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tandem.cli.common import WIDTH, by_number, clean, counted, shortened, table, wrapped
from tandem.cli.quantities import duration, offset, size
from tandem.cli.resource_text import resource_lines
from tandem.cluster.model import Protection
from tandem.cluster.plan.view import Service

Json = dict[str, Any]

_ONE_COPY: Final = frozenset(it.value for it in Protection if it.copies == 1)
_NAME: Final = 34
_PATH: Final = 40
_LEAST: Final = 14
_LEAST_NAME: Final = 6
_MANY: Final = 4
"""Cameras that all say the same: from here on it is said once."""

_NAMED: Final = 8
_NEVER_S: Final = 10 * 365 * 86_400
"""Longer than a disk lives: no time until it is full is told."""


def verdict_line(document: Json) -> str:
    """The one sentence that matters, and how much is wrong."""
    cameras = document["cameras"]
    if not cameras:
        return f"{_no_cameras(document)} {_more(document)}".rstrip()
    lost = sum(not it["recorded"] for it in cameras)
    thin = sum(it["recorded"] and not it["whole"] for it in cameras)
    total = {1: "The only camera", 2: "Both cameras"}.get(
        len(cameras), f"All {len(cameras)} cameras"
    )
    are = "is" if len(cameras) == 1 else "are"
    if lost == len(cameras):
        said = (
            f"{total} {are} not recorded." if lost == 1 else f"None of {lost} cameras is recorded."
        )
    elif lost:
        said = f"{lost} of {len(cameras)} cameras {'is' if lost == 1 else 'are'} not recorded"
        said += f", and {thin} more {'lacks' if thin == 1 else 'lack'} a copy." if thin else "."
    elif thin:
        lack = "lacks" if thin == 1 else "lack"
        who = "" if thin == len(cameras) else f"{thin} of them "
        said = f"{total} {are} recorded, but {who}{lack} a copy."
    else:
        said = f"{total} {are} recorded{_in_copies(cameras)}.{_stand_ins(cameras)}"
    return f"{said} {_more(document)}".rstrip()


def status_lines(document: Json, width: int = WIDTH) -> Iterator[str]:
    """All of it, line by line.

    Args:
        document: the cluster's status.
        width: of a line.
    """
    yield from wrapped(verdict_line(document), width=width).split("\n")
    yield from _troubles(document, width)
    yield ""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=document["at_us"])
    yield (
        f"Nodes of cluster {document['cluster_number']}, as {document['asked_node']} sees them at"
        f" {at:%Y-%m-%d %H:%M:%S} UTC"
    )
    yield from node_lines(document)
    yield from _fencing_lines(document, width)
    yield from _section("Links", _link_rows(document), right=(2, 3, 4))
    yield from _section("Disks", _disk_rows(document, width), right=(2, 3))
    if resources := resource_lines(document.get("resources") or []):
        yield ""
        yield "Resources"
        yield from (f"  {line}" for line in resources)
    if document["cameras"]:
        rows = _camera_rows(document["cameras"], width)
        yield from _section("Cameras", rows, right=(4, 5, 6))


def node_lines(document: Json) -> list[str]:
    """The nodes, as a table."""
    rows = [("NODE", "STATE", "SESSION", "STORE", "CAMERAS", "CLOCK", "RELEASE")]
    for node_id, node in document["nodes"].items():
        status = node["status"]
        if status is None:
            rows.append((node_id, _with_service("does not answer", node), *["-"] * 5))
            continue
        session = status.get("session") or {}
        epoch = session.get("epoch")
        rows.append(
            (
                node_id,
                _with_service(_state(node_id, document), node),
                str(session.get("phase", "-")) + ("" if epoch is None else f", epoch {epoch}"),
                _member(node_id, status),
                str(_recorded_by(node_id, document)),
                "-" if node_id == document["asked_node"] else _offset(node["clock_offset_us"]),
                str(status.get("release", "-")),
            )
        )
    return [f"  {line}" for line in table(rows, right=(4, 5))]


def _fencing_lines(document: Json, width: int) -> Iterator[str]:
    """Which nodes can be switched off; nothing where nobody has begun with it."""
    if fenced := document.get("fencing"):
        parts = [
            f"{node_id} by {', '.join(dict.fromkeys(fenced[node_id]))}"
            if node_id in fenced
            else f"{node_id} by nothing"
            for node_id in document["nodes"]
        ]
        yield from wrapped(f"Fenced: {'; '.join(parts)}.", "  ", "  ", width).split("\n")


def _no_cameras(document: Json) -> str:
    own = document["nodes"][document["asked_node"]]["status"] or {}
    if (own.get("store") or {}).get("problem"):
        return "No cameras are known here: the store cannot be asked."
    return "There are no cameras yet: `tandem camera add` enters one."


def _in_copies(cameras: Sequence[Json]) -> str:
    doubled = sum(it["protection"] not in _ONE_COPY for it in cameras)
    if not doubled:
        return ""
    return ", in two copies" if doubled == len(cameras) else ", in two copies where wanted"


def _stand_ins(cameras: Sequence[Json]) -> str:
    number = sum(bool(it.get("stood_in_for")) for it in cameras)
    if not number:
        return ""
    whom = "it" if len(cameras) == 1 else "all" if number == len(cameras) else f"{number} of them"
    return f" A stand-in records {whom}."


def _more(document: Json) -> str:
    silent = sum(it["status"] is None for it in document["nodes"].values())
    if silent:
        return f"{counted(silent, 'node')} {'does' if silent == 1 else 'do'} not answer."
    others = len(document["problems"])
    return f"There {'is' if others == 1 else 'are'} {counted(others, 'problem')}." if others else ""


def _troubles(document: Json, width: int) -> Iterator[str]:
    """What is wrong, worst first."""
    cameras = document["cameras"]
    for title, sentences in (
        ("Not recorded", _together([it for it in cameras if not it["recorded"]])),
        (
            "Recorded, with a copy missing",
            _together([it for it in cameras if it["recorded"] and not it["whole"]]),
        ),
        ("Nodes, links and disks", document["problems"]),
        ("Also of cameras", _together([it for it in cameras if it["whole"]])),
        ("To be considered", document.get("concerns") or []),
    ):
        if sentences:
            yield ""
            yield title
            for sentence in sentences:
                yield from wrapped(clean(sentence), "  - ", "    ", width).split("\n")


def _together(cameras: Sequence[Json]) -> list[str]:
    """Why each of them is not well; what befell many at once, such as a disk, is told once."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for camera in sorted(cameras, key=by_number):
        for why in _whys(camera):
            without_label = why.removeprefix(_label(camera))
            alike.setdefault(without_label, []).append((camera["camera_id"], why))
    sentences = []
    for said, each in alike.items():
        if len(each) < _MANY:
            sentences += [why for _, why in each]
            continue
        named = ", ".join(camera_id for camera_id, _ in each[:_NAMED])
        more = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
        sentences.append(f"Each of {len(each)} cameras ({named}{more}){said}")
    return sentences


def _whys(camera: Json) -> Sequence[str]:
    if camera["problems"] or camera["whole"]:
        return list(camera["problems"])
    return [f"{_label(camera)}: nothing says why. See the logs of its nodes."]


def _label(camera: Json) -> str:
    name, camera_id = camera["name"], camera["camera_id"]
    return str(name) if name == camera_id else f"{name} ({camera_id})"


def _short_label(camera: Json, most: int) -> str:
    """The id stays, since it is what is typed; of the name what there is room for."""
    name, camera_id = str(camera["name"]), str(camera["camera_id"])
    tail = f" ({camera_id})"
    if name == camera_id or len(tail) > most - _LEAST_NAME:
        return shortened(camera_id, most)
    return shortened(name, most - len(tail)) + tail


def _section(title: str, rows: Sequence[Sequence[str]], right: Sequence[int]) -> Iterator[str]:
    if len(rows) > 1:
        yield ""
        yield title
        yield from (f"  {line}" for line in table(rows, right=right))


def _state(node_id: str, document: Json) -> str:
    mine = [it for it in document["problems"] if it.startswith(f"{node_id}: ")]
    return "well" if not mine else counted(len(mine), "problem")


def _with_service(state: str, node: Json) -> str:
    """How a node is, and what an operator has said of it."""
    said = {Service.DRAINING: "drained", Service.MAINTENANCE: "in maintenance"}
    service = said.get(node.get("service", Service.NORMAL))
    return f"{service}; {state}" if service else state


def _member(node_id: str, status: Json) -> str:
    members = (status.get("store") or {}).get("members") or ()
    for member in members:
        if member.get("name") == node_id:
            if member.get("problem"):
                return "failed"
            return "leader" if member.get("leader") else "member"
    return "asks it" if members else "-"


def _recorded_by(node_id: str, document: Json) -> int:
    return sum(
        any(copy["node_id"] == node_id and copy["recording"] for copy in camera["copies"])
        for camera in document["cameras"]
    )


def _offset(offset_us: int | None) -> str:
    return "-" if offset_us is None else offset(offset_us)


def _link_rows(document: Json) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("BETWEEN", "LINK", "ROUND TRIP", "LOST THERE", "LOST BACK", "STATE")
    ]
    for link in document.get("links") or ():
        first, second = link["nodes"]
        round_trip_us = link["round_trip_us"]
        rows.append(
            (
                f"{first} - {second}",
                str(link["link"]),
                "-" if round_trip_us is None else f"{round_trip_us / 1000:.1f} ms",
                _part(link["lost_at"].get(second)),
                _part(link["lost_at"].get(first)),
                _link_state(link),
            )
        )
    return rows


def _link_state(link: Json) -> str:
    if link["state"] != "one_way":
        return str(link["state"])
    (deaf,) = link["deaf"]
    (other,) = (node_id for node_id in link["nodes"] if node_id != deaf)
    return f"one way: {deaf} hears nothing of {other}"


def _part(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.1%}"


def _room(rows: Sequence[Sequence[str]], column: int, width: int, most: int) -> int:
    """How wide one column may be beside the others, two blanks apart and before."""
    others = [max(map(len, cells)) + 2 for cells in zip(*rows, strict=True)]
    del others[column]
    return max(_LEAST, min(most, width - sum(others) - 2))


def _disk_rows(document: Json, width: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("NODE", "VOLUME", "RECORDED", "ROOM", "STATE")]
    for node_id, node in document["nodes"].items():
        volumes = (node["status"] or {}).get("volumes") or ()
        full_in = _until_full(node_id, document, volumes)
        for volume in volumes:
            recorded, room = volume.get("recorded_bytes"), volume.get("room_bytes")
            if volume.get("dead"):
                state = "dead"
            elif volume.get("problem"):
                state = "has a problem"
            elif room is not None and room <= 0:
                state = "full: the oldest is deleted"
            else:
                state = full_in
            rows.append(
                (
                    node_id,
                    str(volume.get("path", "-")),
                    "-" if recorded is None else size(recorded),
                    "-" if room is None else size(max(room, 0)),
                    state,
                )
            )
    room = _room(rows, 1, width, _PATH)
    return [(node_id, shortened(path, room), *rest) for node_id, path, *rest in rows]


def _until_full(node_id: str, document: Json, volumes: Sequence[Json]) -> str:
    """For the node's volumes together: streams go to whichever has most room."""
    usable = [it for it in volumes if not it.get("dead") and it.get("room_bytes") is not None]
    room_bytes = sum(max(0, it["room_bytes"]) for it in usable)
    rate_mbps = sum(
        camera["bit_rate_mbps"]
        for camera in document["cameras"]
        if any(copy["node_id"] == node_id for copy in camera["copies"])
    )
    if not rate_mbps or not usable:
        return "well"
    left_s = room_bytes * 8 / (rate_mbps * 1e6)
    return f"full in {duration(left_s)}" if left_s < _NEVER_S else "well"


def _camera_rows(cameras: Sequence[Json], width: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("CAMERA", "PROTECTION", "PRIMARY", "SECOND", "MBIT/S", "CLOCK", "ON DISK")
    ]
    order = sorted(cameras, key=lambda it: (it["recorded"], it["whole"], by_number(it)))
    for camera in order:
        copies = camera["copies"]
        ages = [it["durable_age_us"] for it in copies if it["durable_age_us"] is not None]
        offsets = [
            it["camera_offset_us"] for it in copies if it.get("camera_offset_us") is not None
        ]
        rows.append(
            (
                "",
                str(camera["protection"]),
                _seat(camera, 0),
                _seat(camera, 1),
                f"{camera['bit_rate_mbps']:.1f}",
                offset(max(offsets, key=abs)) if offsets else "-",
                f"{duration(round(min(ages) / 1e6))} ago" if ages else "never",
            )
        )
    room = _room(rows, 0, width, _NAME)
    labels = [rows[0][0], *(_short_label(camera, room) for camera in order)]
    return [(label, *rest) for label, (_, *rest) in zip(labels, rows, strict=True)]


def _seat(camera: Json, place: int) -> str:
    """Who records in a seat, and who passes the pictures on to him.

    In brackets who should and does not, and who stands in for him.
    """
    nodes = (camera["placement"] or {}).get("nodes") or []
    recording = [it["node_id"] for it in camera["copies"] if it["recording"]]
    wanted = 1 if camera["protection"] in _ONE_COPY else 2
    standing_in = [it for it in dict.fromkeys(recording) if it not in nodes[:wanted]]
    missing = [it for it in nodes[:wanted] if it not in recording]
    if place >= wanted:
        return "-"
    if place >= len(nodes):
        return "none"
    if nodes[place] in recording:
        sources = [
            it.get("relayed_from") for it in camera["copies"] if it["node_id"] == nodes[place]
        ]
        source = next(filter(None, sources), None)
        return f"{nodes[place]} from {source}" if source else str(nodes[place])
    turn = missing.index(nodes[place])
    stand_in = f" {standing_in[turn]}" if turn < len(standing_in) else ""
    return f"({nodes[place]}){stand_in}"
