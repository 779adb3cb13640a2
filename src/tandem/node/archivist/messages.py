"""What archivists say to each other: JSON with a version, read strictly. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar
from uuid import UUID

from tandem.archive.rows import Extent, Gap, GapCause, Role, Segment, State
from tandem.cluster.promise import Answer, Question
from tandem.media.units import IDENTITY_BYTES
from tandem.node.archivist.errors import MessageError

VERSION: Final = 2
"""Of all messages. 2: a list of segments says which volumes it lacks."""

Json = dict[str, Any]
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question, and when its pictures were taken.

    Attributes:
        question: which pictures.
        times_us: the decode time of each by the asker's clock, UTC. In a still scene they alone
            tell which of several equal pictures is meant.
    """

    question: Question
    times_us: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a node has, in short.

    Attributes:
        extents: the streams of which it knows anything.
        unreadable: why some of its volumes cannot be read now; a sentence for each.
    """

    extents: tuple[Extent, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What a node has of a stream over some time.

    Attributes:
        segments: rows of its indexes.
        unreadable: why some of its volumes cannot be read now; a sentence for each. What is on them
            is not among the segments.
    """

    segments: tuple[Segment, ...]
    unreadable: tuple[str, ...] = ()


def encode_inquiry(inquiry: Inquiry) -> Json:
    """An inquiry as JSON."""
    question = inquiry.question
    return {
        "version": VERSION,
        "nonce": question.nonce,
        "asker": question.asker,
        "generation": question.generation,
        "segment_id": question.segment_id,
        "camera_id": question.camera_id,
        "stream": question.stream,
        "from_us": question.from_us,
        "to_us": question.to_us,
        "identities": [identity.hex() for identity in question.identities],
        "times_us": list(inquiry.times_us),
    }


def decode_inquiry(data: bytes) -> Inquiry:
    """Read an inquiry.

    Raises:
        MessageError: it is none.
    """
    return _read("a question for a promise", data, _inquiry)


def encode_answer(answer: Answer) -> Json:
    """An answer as JSON."""
    return {
        "version": VERSION,
        "nonce": answer.nonce,
        "promised": answer.promised,
        "missing": list(answer.missing),
        "reason": answer.reason,
        "is_yours": answer.is_yours,
    }


def decode_answer(data: bytes) -> Answer:
    """Read an answer.

    Raises:
        MessageError: it is none.
    """
    return _read("an answer", data, _answer)


def encode_listed(listed: Listed) -> Json:
    """A list of segments as JSON."""
    return {
        "version": VERSION,
        "segments": [_encode_row(row) for row in listed.segments],
        "unreadable": listed.unreadable,
    }


def decode_listed(data: bytes) -> Listed:
    """Read another node's list of segments.

    Raises:
        MessageError: it is none.
    """
    return _read("a list of segments", data, _listed)


def encode_gaps(gaps: list[Gap]) -> Json:
    """Gaps of the index as JSON."""
    return {"version": VERSION, "gaps": [gap._asdict() for gap in gaps]}


def decode_gaps(data: bytes) -> list[Gap]:
    """Read gaps of another node's index.

    Raises:
        MessageError: they are none.
    """
    return _read("a list of gaps", data, lambda text: [_gap(gap) for gap in text["gaps"]])


def encode_inventory(inventory: Inventory) -> Json:
    """An inventory as JSON."""
    streams: dict[str, list[Json]] = {}
    for one in inventory.extents:
        extent = {"stream": one.stream, "from_us": one.from_us, "to_us": one.to_us}
        streams.setdefault(one.camera_id, []).append(extent)
    return {
        "version": VERSION,
        "cameras": [
            {"camera_id": camera_id, "streams": extents} for camera_id, extents in streams.items()
        ],
        "unreadable": list(inventory.unreadable),
    }


def decode_inventory(data: bytes) -> Inventory:
    """Read what another node has.

    Raises:
        MessageError: it does not say so.
    """
    return _read("a list of cameras", data, _inventory)


def _read(what: str, data: bytes, reading: Callable[[Json], Read]) -> Read:
    try:
        text = json.loads(data)
        version = _whole(text, "version")
        if version != VERSION:
            raise MessageError(
                f"This is {what} of version {version}, and this node speaks {VERSION}. Update the "
                f"older of the two nodes."
            )
        return reading(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise MessageError(f"This is not {what}: {problem!r}.") from None


def _inquiry(text: Json) -> Inquiry:
    identities = tuple(bytes.fromhex(identity) for identity in text["identities"])
    times_us = tuple(text["times_us"])
    if any(type(time_us) is not int for time_us in times_us) or len(times_us) != len(identities):
        raise ValueError("there is not one time for each picture")
    if any(len(identity) != IDENTITY_BYTES for identity in identities):
        raise ValueError(f"an identity has not {IDENTITY_BYTES} bytes")
    question = Question(
        nonce=_text(text, "nonce"),
        asker=_text(text, "asker"),
        generation=_whole(text, "generation"),
        segment_id=str(UUID(_text(text, "segment_id"))),
        camera_id=_text(text, "camera_id"),
        stream=_text(text, "stream"),
        from_us=_whole(text, "from_us"),
        to_us=_whole(text, "to_us"),
        identities=identities,
    )
    return Inquiry(question, times_us)


def _answer(text: Json) -> Answer:
    for name in ("promised", "is_yours"):
        if not isinstance(text[name], bool):
            raise TypeError(f"{name} is neither true nor false")
    missing = tuple(text["missing"])
    if any(type(place) is not int for place in missing):
        raise TypeError("a missing place is no whole number")
    if text["promised"] and missing:
        raise ValueError("it promises what it says is missing")
    if text["promised"] and text["is_yours"]:
        raise ValueError("it promises what it says it will never have")
    reason = _text(text, "reason")
    return Answer(_text(text, "nonce"), text["promised"], missing, reason, text["is_yours"])


def _encode_row(row: Segment) -> Json:
    return {
        "segment_id": str(row.segment_id),
        "camera_id": row.camera_id,
        "stream": row.stream,
        "path": str(row.path),
        "role": row.role,
        "start_us": row.start_us,
        "end_us": row.end_us,
        "durable_bytes": row.durable_bytes,
        "frames": row.frames,
        "keyframes": row.keyframes,
        "state": row.state,
        "hash": row.hash.hex() if row.hash else None,
    }


def _row(text: Json) -> Segment:
    return Segment(
        segment_id=UUID(_text(text, "segment_id")),
        camera_id=_text(text, "camera_id"),
        stream=_text(text, "stream"),
        path=PurePosixPath(_text(text, "path")),
        role=Role(text["role"]),
        start_us=_whole(text, "start_us"),
        end_us=_whole(text, "end_us"),
        durable_bytes=_whole(text, "durable_bytes"),
        frames=_whole(text, "frames"),
        keyframes=_whole(text, "keyframes"),
        state=State(text["state"]),
        hash=bytes.fromhex(text["hash"]) if text["hash"] is not None else None,
    )


def _gap(text: Json) -> Gap:
    return Gap(
        _text(text, "camera_id"),
        _text(text, "stream"),
        _whole(text, "from_us"),
        _whole(text, "to_us"),
        GapCause(text["cause"]),
        _text(text, "detail"),
    )


def _inventory(text: Json) -> Inventory:
    extents = tuple(
        Extent(
            _text(camera, "camera_id"),
            _text(stream, "stream"),
            _whole(stream, "from_us"),
            _whole(stream, "to_us"),
        )
        for camera in text["cameras"]
        for stream in camera["streams"]
    )
    return Inventory(extents, _sentences(text, "unreadable"))


def _listed(text: Json) -> Listed:
    rows = tuple(_row(row) for row in text["segments"])
    return Listed(rows, _sentences(text, "unreadable"))


def _sentences(text: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = tuple(text[key])
    if not isinstance(text[key], list) or not all(isinstance(it, str) for it in found):
        raise TypeError(f"{key} has what is no text")
    return found


def _whole(text: Mapping[str, Any], key: str) -> int:
    if type(text[key]) is not int:
        raise TypeError(f"{key} is no whole number")
    return int(text[key])


def _text(text: Mapping[str, Any], key: str) -> str:
    if not isinstance(text[key], str):
        raise TypeError(f"{key} is no text")
    return str(text[key])
