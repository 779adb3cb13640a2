"""Archivists asked from blocking code."""

import ssl

import pytest

from tandem.node.retrieval import asking
from tandem.node.retrieval.asking import Asking


def test_who_cannot_ask_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(asking, "HttpsPeers", refuse)
    with (
        pytest.raises(OSError, match="too many open files"),
        Asking(ssl.create_default_context(), {}),
    ):
        pass
