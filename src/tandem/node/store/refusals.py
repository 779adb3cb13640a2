"""What etcd says instead of an answer, and what may be concluded from it (pure).

The texts are those of `etcdserver/api/v3rpc/rpctypes/error.go`; the codes are gRPC's. Whether a
transaction can have happened is known of those errors alone that etcd raises before it proposes
anything to Raft, or by refusing to apply it.
"""

from typing import Final

from tandem.node.store.errors import (
    CompactedError,
    InvalidRequestError,
    QuotaExceededError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from tandem.node.store.gateway import Json

_INVALID_ARGUMENT: Final = 3
_PERMISSION_DENIED: Final = 7
_RESOURCE_EXHAUSTED: Final = 8
_UNIMPLEMENTED: Final = 12
_UNAUTHENTICATED: Final = 16

_NO_LOGIN: Final = "etcdserver: user name is empty"  # an invalid argument, by its code
_NOTHING_HAPPENED: Final = ("etcdserver: no leader", "etcdserver: too many requests")


def refusal(name: str, body: Json) -> StoreError:
    """Tell what an error of the gateway means for what was asked.

    Args:
        name: of the endpoint, for the message.
        body: the error as JSON: of a call, or the value of "error" in a stream.

    Returns:
        An `UnknownOutcomeError` wherever the request may have been carried out.
    """
    text = str(body.get("message") or body.get("error") or "an error without a text")
    code = body.get("code", body.get("grpc_code"))
    if "has been compacted" in text:
        return CompactedError(f"The store has compacted what was asked of {name}: {text}.")
    if "database space exceeded" in text:
        return QuotaExceededError(
            f"The store is full, says {name}: it takes no writes until it is compacted, "
            f"defragmented, and its alarm is disarmed (`etcdctl alarm disarm`)."
        )
    if code in {_PERMISSION_DENIED, _UNAUTHENTICATED} or text == _NO_LOGIN:
        return StoreRefusedError(f"The store does not let us in, says {name}: {text}.")
    if code in {_INVALID_ARGUMENT, _UNIMPLEMENTED} or (
        code == _RESOURCE_EXHAUSTED and "larger than max" in text
    ):
        return InvalidRequestError(f"The store cannot do this, says {name}: {text}.")
    if text in _NOTHING_HAPPENED:
        return StoreUnavailableError(f"The store cannot be asked at {name} now: {text}.")
    return UnknownOutcomeError(f"The store at {name} did not carry this through: {text}.")
