"""What etcd's JSON gateway answers, as values (pure).

Whatever is not as `etcdserverpb/rpc.proto` says raises `ValueError`, `KeyError`, `TypeError` or
`AttributeError` (`MALFORMED`), and is then no etcd's answer.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tandem.node.store.gateway import Json
from tandem.node.store.model import (
    Change,
    Entry,
    Get,
    List,
    MemberEntry,
    MemberStatus,
    Outcome,
    Snapshot,
    Transaction,
)

MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Header:
    """Which member of which cluster answers, and how far it knows the log (ResponseHeader)."""

    cluster: int
    member: int
    revision: int
    raft_term: int


@dataclass(frozen=True, slots=True)
class WatchMessage:
    """One message of a watch (WatchResponse).

    Attributes:
        cancelled: why the server ended the watch, while its connection stays open; "" if not.
        compact_revision: the oldest revision that can be watched, where that was the reason.
    """

    header: Header
    created: bool
    changes: tuple[Change, ...]
    cancelled: str
    compact_revision: int


def parse_header(answer: Json) -> Header:
    """Read the header of an answer."""
    header = answer["header"]
    return Header(
        int(header["cluster_id"]),
        int(header["member_id"]),
        int(header.get("revision", 0)),
        int(header["raft_term"]),
    )


def parse_snapshot(answer: Json) -> Snapshot:
    """Read a RangeResponse."""
    return Snapshot(parse_header(answer).revision, _entries(answer))


def parse_outcome(transaction: Transaction, answer: Json) -> Outcome:
    """Read a TxnResponse.

    Args:
        transaction: what was asked, which says what each response is.
        answer: what was answered.
    """
    succeeded = bool(answer.get("succeeded", False))
    operations = transaction.success if succeeded else transaction.failure
    gets, lists = [], []
    for operation, response in zip(operations, answer.get("responses", ()), strict=True):
        if isinstance(operation, Get):
            gets.append(next(iter(_entries(response["response_range"]).values()), None))
        elif isinstance(operation, List):
            lists.append(_entries(response["response_range"]))
    return Outcome(succeeded, parse_header(answer).revision, tuple(gets), tuple(lists))


def parse_members(answer: Json) -> tuple[MemberEntry, ...]:
    """Read a MemberListResponse."""
    return tuple(
        MemberEntry(
            int(member["ID"]),
            str(member.get("name", "")),
            tuple(map(str, member.get("peerURLs", ()))),
            tuple(map(str, member.get("clientURLs", ()))),
            bool(member.get("isLearner", False)),
        )
        for member in answer["members"]
    )


def parse_status(name: str, answer: Json) -> MemberStatus:
    """Read a StatusResponse.

    Args:
        name: of the endpoint, as configured.
        answer: what it answered.
    """
    header = parse_header(answer)
    return MemberStatus(
        name,
        header.member,
        int(answer.get("leader", 0)),
        header.revision,
        header.raft_term,
        int(answer.get("dbSize", 0)),
        str(answer.get("version", "")),
        tuple(str(error) for error in answer.get("errors", ())),
        in_use_bytes=int(answer.get("dbSizeInUse", 0)),
        raft_index=int(answer.get("raftIndex", 0)),
    )


def parse_watch_message(answer: Json) -> WatchMessage:
    """Read a WatchResponse."""
    compact_revision = int(answer.get("compact_revision", 0))
    cancelled = ""
    if answer.get("canceled", False):
        cancelled = str(answer.get("cancel_reason") or "it gave no reason")
    return WatchMessage(
        parse_header(answer),
        bool(answer.get("created", False)),
        tuple(_change(event) for event in answer.get("events", ())),
        cancelled,
        compact_revision,
    )


def _entries(found: Json) -> Mapping[str, Entry]:
    if found.get("more"):
        raise ValueError("a listing without a limit was cut")
    return MappingProxyType({entry.key: entry for entry in map(_entry, found.get("kvs", ()))})


def _change(event: Json) -> Change:
    kv = event["kv"]
    entry = None if event.get("type") == "DELETE" else _entry(kv)
    return Change(_key(kv), int(kv["mod_revision"]), entry)


def _entry(kv: Json) -> Entry:
    return Entry(
        _key(kv),
        b64decode(kv.get("value", ""), validate=True),
        int(kv["create_revision"]),
        int(kv["mod_revision"]),
        int(kv["version"]),
    )


def _key(kv: dict[str, Any]) -> str:
    return b64decode(kv["key"], validate=True).decode(errors="surrogateescape")
