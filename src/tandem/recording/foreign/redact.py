"""Messages without credentials, whoever wrote them: libav likes to print the URL it was given."""

import base64
import re
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from tandem.recording.camera import Login

_HIDDEN: Final = "***"
_USERINFO = re.compile(r"(?<=://)[^/\s'\"]*@")
_QUERY = re.compile(r"(://[^\s'\"?]*)\?[^\s'\"]*")
_SECRET_NAME = re.compile(r"pass|pwd|token|key|secret|auth|sign|session", re.IGNORECASE)


class Redactor:
    """Knows the secrets of one camera, in every form in which they may turn up.

    Args:
        url: of the stream; its query may hold a password or a token.
        login: user and password, if any.
    """

    def __init__(self, url: str, login: Login | None) -> None:
        query = urlsplit(url).query
        secrets = {value for name, value in parse_qsl(query) if _SECRET_NAME.search(name)}
        secrets.add(query)
        if login:
            pair = f"{login.username}:{login.password}".encode()
            secrets |= {login.password, base64.b64encode(pair).decode()}
        forms = {form(secret) for secret in secrets for form in (str, _quote, quote, quote_plus)}
        # The longest first: a part of a secret must not hide the rest of it from being found.
        ordered = sorted(forms - {""}, key=lambda form: (-len(form), form))
        self._secrets = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def clean(self, text: str) -> str:
        """Take out every secret, what stands before an `@` in a URL, and every URL's query."""
        if self._secrets:
            text = self._secrets.sub(_HIDDEN, text)
        return _QUERY.sub(r"\1", _USERINFO.sub("", text))


def _quote(secret: str) -> str:
    return quote(secret, safe="")
