"""Texts without secrets, whoever wrote them. Pure.

Two ways, since neither is enough: secrets that are known are taken out wherever they stand, in
every form in which programs write them; and what looks like one is, though nobody knows it. Rather
too much than too little: whoever helps can ask for what is missing.
"""

import base64
import json
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "***"

SHORT: Final = 8
"""A secret of fewer characters is only taken out where it stands by itself: "1234" is a part of
many numbers, and a camera's password all the same."""

_NAME: Final = (
    r"[\w.-]*(?:passw(?:or)?d|passphrase|passcode|\bpass\b|pwd|secret|token"
    r"|api[_-]?key|private[_-]?key|cluster[_-]?key|access[_-]?key|community|credential|sealed|psk"
    r"|hexadecimal_kg)[\w.-]*"
)
_BARE: Final = r"[^\s\"'\\\[{,;&<>}\]][^\s\"'\\,;&<>}\]]*"
_QUOTED: Final = r"(?P<mark>[\"'])(?:\\.|(?!(?P=mark))[^\n])*"
_QUOTED_ONCE_MORE: Final = r"(?P<mark>\\+[\"'])(?:\\{3,}.|(?!(?P=mark))[^\n])*"
_HARMLESS: Final = r"(?!(?:null|true|false|none)\b)"

# What looks like a secret: all of it is hidden, but its group `kept`.
_RULES: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # A private key; one without an end was cut, and is hidden to the end.
        r"(?P<kept>)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        # Name and password in a URL. A password may hold "/" and "@": up to the last one.
        r"(?P<kept>://)[^\s'\"<>]*(?=@)",
        # The query of a URL, and the like behind a semicolon.
        r"(?P<kept>://[^\s'\"<>?]*\?)[^\s'\"<>]+",
        r"(?P<kept>\b(?:proxy-)?(?:authorization|cookie)[\"']?\s*[:=]\s*)[^\n]+",
        # --password 1234; "password": "1234", also where it is quoted once more; password is 1234.
        rf"(?P<kept>--{_NAME}[ =]+){_BARE}",
        rf"(?P<kept>\b{_NAME}(?:\\*[\"'])?\s*(?:[:=]|\bis\b|\bwas\b)\s*){_HARMLESS}{_BARE}",
        rf"(?P<kept>\b{_NAME}(?:\\*[\"'])?\s*[:=]\s*){_QUOTED}",
        rf"(?P<kept>\b{_NAME}(?:\\*[\"'])?\s*[:=]\s*){_QUOTED_ONCE_MORE}",
    )
)


def names_a_secret(name: str) -> bool:
    """Whether what has this name is secret, by the name."""
    return re.fullmatch(_NAME, name, re.IGNORECASE) is not None


class Redactor:
    """Takes secrets out of texts.

    Args:
        secrets: that are known, as texts.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        # The longest first: a part of a secret must not hide the rest of it from being found.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        whole = [re.escape(form) for form in ordered if len(form) >= SHORT]
        alone = [rf"(?<!\w){re.escape(form)}(?!\w)" for form in ordered if len(form) < SHORT]
        self._known = re.compile("|".join([*whole, *alone])) if forms else None

    def clean(self, text: str) -> tuple[str, int]:
        """Take out what is secret.

        Returns:
            The text without it, and how much was taken out.
        """
        removed = 0
        if self._known:
            text, removed = self._known.subn(HIDDEN, text)
        for rule in _RULES:
            text, count = rule.subn(_hide, text)
            removed += count
        return text, removed


def _hide(found: re.Match[str]) -> str:
    """What stands in its place; behind a mark of quotation one that still is in quotes."""
    return f"{found['kept']}{found.groupdict().get('mark') or ''}{HIDDEN}"


def _forms(secret: str) -> set[str]:
    """How programs write it."""
    data = secret.encode()
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        *binary_forms(data),
    }


def binary_forms(data: bytes) -> set[str]:
    """How programs write bytes."""
    encoded = base64.b64encode(data).decode()
    safe = base64.urlsafe_b64encode(data).decode()
    return {data.hex(), encoded, encoded.rstrip("="), safe, safe.rstrip("=")}
