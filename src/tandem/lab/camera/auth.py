"""Whether a client knows the camera's password (RFC 7617 Basic, RFC 2617 Digest)."""

import base64
import enum
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from tandem.lab.camera.rtsp import Request

_REALM = "simulated camera"
_FIELD = re.compile(r'(\w+)="?([^",]*)"?')


class Scheme(enum.StrEnum):
    """How the camera asks for the password."""

    NONE = "none"
    BASIC = "basic"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Checks the credentials of one connection.

    Attributes:
        scheme: how to ask.
        user: the right user name.
        password: the right password.
        nonce: challenge of this connection.
    """

    scheme: Scheme
    user: str
    password: str
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def challenge(self) -> str:
        """The WWW-Authenticate header."""
        if self.scheme is Scheme.BASIC:
            return f'Basic realm="{_REALM}"'
        return f'Digest realm="{_REALM}", nonce="{self.nonce}"'

    def admits(self, request: Request) -> bool:
        """Tell whether a request carries the right credentials."""
        if self.scheme is Scheme.NONE:
            return True
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != self.scheme.value:
            return False
        if self.scheme is Scheme.BASIC:
            wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return hmac.compare_digest(given.strip(), wanted)
        answers = dict(_FIELD.findall(given))
        wanted = self._digest(request.method, answers.get("uri", ""))
        return hmac.compare_digest(answers.get("response", ""), wanted)

    def _digest(self, method: str, uri: str) -> str:
        who = _md5(f"{self.user}:{_REALM}:{self.password}")
        what = _md5(f"{method}:{uri}")
        return _md5(f"{who}:{self.nonce}:{what}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
