"""What is said between an address's holder and those who start, prolong and stop it.

Each message is one packet of a Unix socket: JSON, with the version of this protocol. Only `Extend`
has no answer: who sends it never waits.
"""

import json
from dataclasses import dataclass

from tandem.cluster.exclusive.values import Token
from tandem.resources.address.errors import FormatError

VERSION = 1
LONGEST_BYTES = 4096
READY = b"ready\n"
"""What a holder says on its standard output when it can be asked."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Take the address (`holding.Begin`)."""

    token: Token
    until_us: int
    by_us: int


@dataclass(frozen=True, slots=True)
class Extend:
    """The node is entitled until then."""

    until_us: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Let go of the address."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Say how it is."""


Request = Hold | Extend | Drop | Tell


@dataclass(frozen=True, slots=True)
class Answer:
    """To `Hold`, `Drop` and `Tell`.

    Attributes:
        about: which address, and on which interface (`Belongings.definition`).
        error: why it was not done, as a sentence; empty if it was.
        token: for which the holder holds, or is about to; None: it holds nothing.
        is_well: whether users reach the address, as far as this node sees.
        said: why so, as a sentence.
    """

    about: str
    error: str
    token: Token | None
    is_well: bool
    said: str


_REQUESTS: dict[str, type[Hold | Extend | Drop | Tell]] = {
    "hold": Hold,
    "extend": Extend,
    "drop": Drop,
    "tell": Tell,
}


def encode(request: Request) -> bytes:
    """A request as a packet."""
    name = next(name for name, kind in _REQUESTS.items() if isinstance(request, kind))
    fields: dict[str, object] = {"version": VERSION, "do": name}
    match request:
        case Hold(token, until_us, by_us):
            fields |= {"token": token, "until_us": until_us, "by_us": by_us}
        case Extend(until_us):
            fields |= {"until_us": until_us}
    return json.dumps(fields).encode()


def decode(packet: bytes) -> Request:
    """A packet as a request.

    Raises:
        FormatError: it is none of this version.
    """
    fields = _fields(packet)
    match fields.get("do"):
        case "hold":
            token = _token(fields.get("token"))
            if token is None:
                raise FormatError("A request has no token.")
            return Hold(token, _whole(fields, "until_us"), _whole(fields, "by_us"))
        case "extend":
            return Extend(_whole(fields, "until_us"))
        case "drop":
            return Drop()
        case "tell":
            return Tell()
        case other:
            raise FormatError(f"There is no request {other!r}.")


def encode_answer(answer: Answer) -> bytes:
    """An answer as a packet."""
    fields = {
        "version": VERSION,
        "about": answer.about,
        "error": answer.error,
        "token": answer.token,
        "is_well": answer.is_well,
        "said": answer.said,
    }
    return json.dumps(fields).encode()


def decode_answer(packet: bytes) -> Answer:
    """A packet as an answer.

    Raises:
        FormatError: it is none of this version.
    """
    fields = _fields(packet)
    is_well, token = fields.get("is_well"), fields.get("token")
    if not isinstance(is_well, bool):
        raise FormatError("A message has no is_well.")
    return Answer(
        _text(fields, "about"),
        _text(fields, "error"),
        None if token is None else _token(token),
        is_well,
        _text(fields, "said"),
    )


def _fields(packet: bytes) -> dict[str, object]:
    try:
        fields = json.loads(packet)
    except (ValueError, RecursionError):
        raise FormatError("A message is no JSON.") from None
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise FormatError(f"A message is not of version {VERSION}.")
    return fields


def _token(value: object) -> Token:
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_whole, value)):
        raise FormatError("A message has no token.")
    return Token(*value)


def _text(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise FormatError(f"A message has no {name}.")
    return value


def _whole(fields: dict[str, object], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise FormatError(f"A message has no {name}.")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
