"""Messages between archivists say the same at both ends, or are refused."""

import json
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest

from tandem.archive.rows import Extent, Gap, GapCause, Role, Segment, State
from tandem.cluster.promise import Answer, Question
from tandem.node.archivist.errors import MessageError
from tandem.node.archivist.messages import (
    Inquiry,
    Inventory,
    Listed,
    decode_answer,
    decode_gaps,
    decode_inquiry,
    decode_inventory,
    decode_listed,
    encode_answer,
    encode_gaps,
    encode_inquiry,
    encode_inventory,
    encode_listed,
)

ID = UUID(int=7)
INQUIRY = Inquiry(
    Question("n", "n2", 3, str(ID), "gate", "main", 10, 20, (b"a" * 16, b"b" * 16)), (10, 15)
)
ROW = Segment(
    ID, "gate", "main", PurePosixPath("a/b"), Role.SECOND, 1, 2, 3, 4, 5, State.CLOSED, b"h" * 32
)

GAP = Gap("gate", "main", 5, 9, GapCause.CAMERA_STALLED, "Nothing came for 5 s.")
LISTED = Listed((ROW,), ("/srv/video2 failed.",))
INVENTORY = Inventory(
    (Extent("gate", "main", 1, 9), Extent("gate", "sub", 2, 3), Extent("yard", "main", 4, 5)),
    ("/srv/video2 failed.",),
)


def data(message: dict[str, Any], **changed: object) -> bytes:
    return json.dumps(message | changed).encode()


def test_what_is_written_is_read() -> None:
    assert decode_inquiry(data(encode_inquiry(INQUIRY))) == INQUIRY
    refused = Answer("n", promised=False, missing=(1, 2), reason="Some lack.")
    assert decode_answer(data(encode_answer(refused))) == refused
    assert decode_listed(data(encode_listed(LISTED))) == LISTED
    assert decode_gaps(data(encode_gaps([GAP]))) == [GAP]
    assert decode_inventory(data(encode_inventory(INVENTORY))) == INVENTORY


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 1},
        {"version": True},
        {"times_us": [1]},
        {"times_us": [1, 2.5]},
        {"identities": ["aa", "bb"]},
        {"identities": "no list"},
        {"generation": "3"},
        {"segment_id": "none"},
        {"asker": None},
    ],
)
def test_a_question_that_is_not_as_it_should_be_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(MessageError):
        decode_inquiry(data(encode_inquiry(INQUIRY), **changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 1},
        {"promised": "yes"},
        {"promised": 1},
        {"promised": True, "missing": [3]},
        {"promised": True, "is_yours": True},
        {"is_yours": 1},
        {"missing": [None]},
        {"nonce": 5},
    ],
)
def test_an_answer_that_is_not_as_it_should_be_is_refused(changed: dict[str, object]) -> None:
    answer = encode_answer(Answer("n", promised=False))
    with pytest.raises(MessageError):
        decode_answer(data(answer, **changed))


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"[" * 100_000, b"\xff"])
def test_what_is_no_message_is_refused(text: bytes) -> None:
    for decode in (decode_answer, decode_inquiry, decode_listed):
        with pytest.raises(MessageError):
            decode(text)


@pytest.mark.parametrize(
    "changed",
    [{"version": 1}, {"gaps": None}, {"gaps": [{}]}, {"gaps": [GAP._asdict() | {"cause": "mice"}]}],
)
def test_gaps_that_are_not_as_they_should_be_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(MessageError):
        decode_gaps(data(encode_gaps([GAP]), **changed))


@pytest.mark.parametrize(
    "changed",
    [{"cameras": 5}, {"cameras": [{"camera_id": "gate"}]}, {"unreadable": [7]}, {"unreadable": 7}],
)
def test_an_inventory_that_is_not_as_it_should_be_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(MessageError):
        decode_inventory(data(encode_inventory(INVENTORY), **changed))


@pytest.mark.parametrize(
    "changed",
    [{"segments": 5}, {"segments": [{}]}, {"unreadable": None}, {"unreadable": "/srv/video2"}],
)
def test_a_list_that_is_not_as_it_should_be_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(MessageError):
        decode_listed(data(encode_listed(LISTED), **changed))


def test_a_list_that_does_not_say_what_it_lacks_is_refused() -> None:
    """It would say that nothing lacks."""
    said = encode_listed(LISTED)
    del said["unreadable"]
    with pytest.raises(MessageError):
        decode_listed(data(said))
