"""Proving who we are: Basic (RFC 7617) and Digest (RFC 7616, and RFC 2069 for old cameras)."""

import base64
import enum
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tandem.media.rtsp.url import Credentials

_TOKEN: Final = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,\"]*)))?"
)


class Scheme(enum.IntEnum):
    """How a password is proven; a higher value is stronger."""

    BASIC = 1
    DIGEST_MD5 = 2
    DIGEST_SHA256 = 3


_ALGORITHMS: Final = {"MD5": Scheme.DIGEST_MD5, "SHA-256": Scheme.DIGEST_SHA256}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in which a camera lets us prove who we are.

    Attributes:
        scheme: Basic, or Digest with its hash.
        realm: as the camera wrote it, escapes included.
        nonce: of the server; empty for Basic.
        opaque: to be returned unchanged; None where not given.
        algorithm: as the camera wrote it; None where not given (then it is MD5).
        is_session: whether it is a "-sess" variant.
        has_qop: whether the camera knows `qop=auth`; if not, RFC 2069 applies.
        is_stale: the nonce was too old, the password may be right.
    """

    scheme: Scheme
    realm: str
    nonce: str = ""
    opaque: str | None = None
    algorithm: str | None = None
    is_session: bool = False
    has_qop: bool = False
    is_stale: bool = False


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Read `WWW-Authenticate` headers, each of one or more challenges (RFC 7235 section 4.1).

    Returns:
        Those that can be answered, in order; unknown schemes and algorithms are left out.
    """
    schemes: list[tuple[str, dict[str, str]]] = []
    for value in values:
        for token in _TOKEN.finditer(value):
            name, quoted, bare = token.groups()
            if quoted is None and bare is None:
                schemes.append((name.lower(), {}))
            elif schemes:
                schemes[-1][1][name.lower()] = quoted if quoted is not None else bare
    challenges = (_challenge(scheme, parameters) for scheme, parameters in schemes)
    return [challenge for challenge in challenges if challenge]


def _challenge(scheme: str, parameters: dict[str, str]) -> Challenge | None:
    realm = parameters.get("realm", "")
    if scheme == "basic":
        return Challenge(Scheme.BASIC, realm)
    algorithm = parameters.get("algorithm") or None
    plain = (algorithm or "MD5").upper()
    is_session = plain.endswith("-SESS")
    known = _ALGORITHMS.get(plain.removesuffix("-SESS"))
    qops = {qop.strip().lower() for qop in parameters.get("qop", "").split(",") if qop.strip()}
    if (
        scheme != "digest"
        or not known
        or "nonce" not in parameters
        or (qops and "auth" not in qops)
    ):
        return None
    return Challenge(
        scheme=known,
        realm=realm,
        nonce=parameters["nonce"],
        opaque=parameters.get("opaque"),
        algorithm=algorithm,
        is_session=is_session,
        has_qop=bool(qops),
        is_stale=parameters.get("stale", "").lower() == "true",
    )


def strongest(challenges: Iterable[Challenge]) -> Challenge | None:
    """The challenge that gives least away; of equals the camera's first. None if there is none."""
    return max(challenges, key=lambda challenge: challenge.scheme, default=None)


@dataclass(slots=True)
class Authenticator:
    """Answers one challenge, request after request, counting the uses of its nonce.

    Args:
        credentials: what is proven.
        challenge: the camera's.
        client_nonce: unpredictable, unique to this object, of characters that need no quoting.
    """

    credentials: Credentials
    challenge: Challenge
    client_nonce: str = field(repr=False)
    _nonce_count: int = field(default=0, init=False, repr=False)

    def authorise(self, method: str, url: str) -> str:
        """The value of the `Authorization` header of one request.

        Args:
            method: of the request.
            url: exactly as in the request line.
        """
        if self.challenge.scheme is Scheme.BASIC:
            pair = f"{self.credentials.username}:{self.credentials.password}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._nonce_count += 1
        return self._digest(method, url, f"{self._nonce_count:08x}")

    def _digest(self, method: str, url: str, nonce_count: str) -> str:
        """RFC 7616 section 3.4; without qop RFC 2069 section 2.1.2."""
        challenge, username = self.challenge, self.credentials.username
        secret = self._hash(f"{username}:{challenge.realm}:{self.credentials.password}")
        if challenge.is_session:
            secret = self._hash(f"{secret}:{challenge.nonce}:{self.client_nonce}")
        request = self._hash(f"{method}:{url}")
        nonces = challenge.nonce
        if challenge.has_qop:
            nonces = f"{nonces}:{nonce_count}:{self.client_nonce}:auth"
        quoted = {
            "username": re.sub(r'(["\\])', r"\\\1", username),
            "realm": challenge.realm,
            "nonce": challenge.nonce,
            "uri": url,
            "response": self._hash(f"{secret}:{nonces}:{request}"),
        }
        if challenge.opaque is not None:
            quoted["opaque"] = challenge.opaque
        bare = {"algorithm": challenge.algorithm} if challenge.algorithm else {}
        if challenge.has_qop:
            bare |= {"qop": "auth", "nc": nonce_count}
        if challenge.has_qop or challenge.is_session:
            quoted["cnonce"] = self.client_nonce
        parts = [f'{name}="{value}"' for name, value in quoted.items()]
        return "Digest " + ", ".join(parts + [f"{name}={value}" for name, value in bare.items()])

    def _hash(self, text: str) -> str:
        data = text.encode()
        if self.challenge.scheme is Scheme.DIGEST_SHA256:
            return hashlib.sha256(data).hexdigest()
        # The camera chose MD5; who can read the line can try passwords, as with any Digest.
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
