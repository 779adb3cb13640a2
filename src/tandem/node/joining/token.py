"""What `tandem node invite` prints and `tandem join` takes: whom to ask, and how to know it. Pure.

It is a secret until it was used, or an hour has passed.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Final

_PREFIX: Final = "tandem1."


class TokenError(Exception):
    """A token cannot be read; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class Token:
    """An invitation as it is carried to the new server.

    Attributes:
        cluster: its number.
        authority_sha256: fingerprint of its authority's certificate, in hexadecimal.
        invitation_id: which invitation.
        secret: shows that one has it.
        addresses: of nodes that may be asked, the most likely ones first.
    """

    cluster: int
    authority_sha256: str
    invitation_id: str
    secret: str = field(repr=False)
    addresses: tuple[str, ...]

    def encode(self) -> str:
        """One word, safe in a shell."""
        fields = [
            self.cluster,
            self.authority_sha256,
            self.invitation_id,
            self.secret,
            *self.addresses,
        ]
        text = json.dumps(fields, separators=(",", ":"))
        return _PREFIX + urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Token":
        """Read one.

        Raises:
            TokenError: it is none, or cut off.
        """
        prefix, _, body = text.strip().partition(".")
        try:
            fields = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            cluster, authority, invitation, secret, first, *others = fields
            texts = [str(it) for it in (authority, invitation, secret, first, *others)]
            number = int(cluster)
        except (ValueError, TypeError):
            prefix, number, texts = "", 0, []
        if f"{prefix}." != _PREFIX:
            raise TokenError(
                "That is no token of `tandem node invite`, or only a part of one. Copy all of it;"
                " it is one word."
            )
        return cls(number, texts[0], texts[1], texts[2], tuple(texts[3:]))
