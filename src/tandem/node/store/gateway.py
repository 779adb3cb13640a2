"""What etcd's JSON gateway is asked: requests of the v3 API as JSON (pure).

The gateway is protobuf's JSON mapping of `etcdserverpb/rpc.proto`: 64-bit numbers are strings, keys
and values are base64, and whatever has its default value is left out.
"""

from base64 import b64encode
from typing import Any, Final

from tandem.node.store.model import (
    Compare,
    Get,
    List,
    Operation,
    Put,
    Relation,
    Target,
    Transaction,
)

RANGE: Final = "/v3/kv/range"
TRANSACTION: Final = "/v3/kv/txn"
WATCH: Final = "/v3/watch"
STATUS: Final = "/v3/maintenance/status"
COMPACTION: Final = "/v3/kv/compaction"
DEFRAGMENTATION: Final = "/v3/maintenance/defragment"
ALARM: Final = "/v3/maintenance/alarm"
TRANSFER: Final = "/v3/maintenance/transfer-leadership"
METRICS: Final = "/metrics"
MEMBER_LIST: Final = "/v3/cluster/member/list"
MEMBER_ADD: Final = "/v3/cluster/member/add"
MEMBER_PROMOTE: Final = "/v3/cluster/member/promote"
MEMBER_REMOVE: Final = "/v3/cluster/member/remove"

Json = dict[str, Any]

_RESULTS: Final = {
    Relation.EQUAL: "EQUAL",
    Relation.NOT_EQUAL: "NOT_EQUAL",
    Relation.GREATER: "GREATER",
    Relation.LESS: "LESS",
}
_TARGETS: Final = {
    Target.VALUE: "VALUE",
    Target.VERSION: "VERSION",
    Target.CREATE_REVISION: "CREATE",
    Target.MOD_REVISION: "MOD",
}


def encode(data: str | bytes) -> str:
    """A key or a value as the gateway takes it."""
    raw = data.encode(errors="surrogateescape") if isinstance(data, str) else data
    return b64encode(raw).decode("ascii")


def get_request(key: str) -> Json:
    """Asks for a key (RangeRequest). Without `serializable` the answer is linearizable."""
    return {"key": encode(key)}


def local_get_request(key: str) -> Json:
    """Asks a member for a key as it knows it itself, perhaps of the past (RangeRequest)."""
    return get_request(key) | {"serializable": True}


def compaction_request(revision: int) -> Json:
    """Asks to forget what was before a revision, answered when it is gone (CompactionRequest)."""
    return {"revision": str(revision), "physical": True}


def disarm_request(member: int, alarm: str) -> Json:
    """Asks to end an alarm of a member, `NOSPACE` say (AlarmRequest)."""
    return {"action": "DEACTIVATE", "memberID": str(member), "alarm": alarm}


def transfer_request(member: int) -> Json:
    """Asks the leader to let another member lead (MoveLeaderRequest)."""
    return {"targetID": str(member)}


def range_request(prefix: str) -> Json:
    """Asks for all keys with a prefix (RangeRequest)."""
    return _interval(prefix) | {"sort_target": "KEY", "sort_order": "ASCEND"}


def page_request(prefix: str, limit: int, after: str = "", revision: int = 0) -> Json:
    """Asks for some of the keys with a prefix, in their order (RangeRequest).

    Args:
        prefix: of the keys.
        limit: how many at most.
        after: the last key of the page before; "" for the first page.
        revision: at which they are to have stood; 0 for now.
    """
    interval = _interval(prefix)
    if after:
        interval["key"] = encode(after + "\0")
    return interval | {"limit": str(limit), "revision": str(revision)}


def watch_request(prefix: str, from_revision: int) -> Json:
    """Asks for a watch of a prefix (WatchRequest)."""
    return {"create_request": _interval(prefix) | {"start_revision": str(from_revision)}}


def transaction_request(transaction: Transaction) -> Json:
    """Asks for a transaction (TxnRequest)."""
    return {
        "compare": [_compare(compare) for compare in transaction.compares],
        "success": [_operation(operation) for operation in transaction.success],
        "failure": [_operation(operation) for operation in transaction.failure],
    }


def _interval(prefix: str) -> Json:
    """All keys with a prefix: up to, and without, the first key that sorts after all of them."""
    first = prefix.encode(errors="surrogateescape")
    if not first:
        return {"key": encode(b"\0"), "range_end": encode(b"\0")}  # etcd's way to say all keys
    # UTF-8 has no byte 0xff, so the last byte can always be counted up.
    return {"key": encode(first), "range_end": encode(first[:-1] + bytes([first[-1] + 1]))}


def _compare(compare: Compare) -> Json:
    operand = compare.operand
    return {
        "key": encode(compare.key),
        "target": _TARGETS[compare.target],
        "result": _RESULTS[compare.relation],
        compare.target.value: encode(operand) if isinstance(operand, bytes) else str(operand),
    }


def _operation(operation: Operation) -> Json:
    if isinstance(operation, List):
        return {"request_range": range_request(operation.prefix)}
    key = encode(operation.key)
    if isinstance(operation, Get):
        return {"request_range": {"key": key}}
    if isinstance(operation, Put):
        return {"request_put": {"key": key, "value": encode(operation.value)}}
    return {"request_delete_range": {"key": key}}
