"""What etcd says instead of an answer."""

import pytest

from tandem.node.store.errors import (
    CompactedError,
    InvalidRequestError,
    QuotaExceededError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from tandem.node.store.refusals import refusal

CERTAIN = [  # texts and codes as in etcd's rpctypes/error.go
    (3, "etcdserver: key is not provided", InvalidRequestError),
    (3, "etcdserver: duplicate key given in txn request", InvalidRequestError),
    (3, "etcdserver: too many operations in txn request", InvalidRequestError),
    (3, "etcdserver: request is too large", InvalidRequestError),
    (8, "grpc: received message larger than max (4718700 vs. 2097152)", InvalidRequestError),
    (8, "etcdserver: mvcc: database space exceeded", QuotaExceededError),
    (8, "etcdserver: too many requests", StoreUnavailableError),
    (11, "etcdserver: mvcc: required revision has been compacted", CompactedError),
    (14, "etcdserver: no leader", StoreUnavailableError),
    (7, "etcdserver: permission denied", StoreRefusedError),
    (16, "etcdserver: invalid auth token", StoreRefusedError),
    (3, "etcdserver: user name is empty", StoreRefusedError),
]

UNCERTAIN = [
    (14, "etcdserver: request timed out"),
    (14, "etcdserver: request timed out, possibly due to previous leader failure"),
    (14, "etcdserver: request timed out, possibly due to connection lost"),
    (14, "etcdserver: leader changed"),
    (14, "etcdserver: server stopped"),
    (14, "transport is closing"),
    (13, "stream terminated by RST_STREAM with error code: CANCEL"),
    (4, "context deadline exceeded"),
    (1, "context canceled"),
    (2, "raft proposal dropped"),
    (15, "etcdserver: corrupt cluster"),
    (None, "what no etcd has ever said"),
]


@pytest.mark.parametrize(("code", "text", "kind"), CERTAIN)
def test_what_certainly_did_not_happen_is_told_by_its_cause(
    code: int, text: str, kind: type[StoreError]
) -> None:
    assert type(refusal("n1", {"error": text, "message": text, "code": code})) is kind
    assert type(refusal("n1", {"message": text, "grpc_code": code})) is kind


@pytest.mark.parametrize(("code", "text"), UNCERTAIN)
def test_what_may_have_happened_is_never_called_failed(code: int | None, text: str) -> None:
    assert type(refusal("n1", {"message": text, "code": code})) is UnknownOutcomeError


def test_every_refusal_names_the_member_and_what_it_said() -> None:
    for code, text in [*((code, text) for code, text, _ in CERTAIN), *UNCERTAIN]:
        error = refusal("n1 (https://10.0.0.1:2379)", {"message": text, "code": code})
        assert "n1 (https://10.0.0.1:2379)" in str(error)
        assert text in str(error) or isinstance(error, QuotaExceededError)
