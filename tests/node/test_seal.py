"""Camera logins in the store: readable to the cluster's nodes, for that camera alone."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.node.seal import Sealer, SealError

KEY = bytes(range(32))
OTHER_KEY = bytes(reversed(KEY))


@given(st.text(), st.text())
def test_a_login_comes_back_as_it_was(username: str, password: str) -> None:
    sealer = Sealer(KEY)
    found = sealer.unseal("gate", sealer.seal("gate", username, password))
    assert (found.username, found.password) == (username, password)


def test_a_sealed_login_tells_neither_name_nor_length() -> None:
    sealer = Sealer(KEY)
    short, long = sealer.seal("gate", "admin", "x"), sealer.seal("gate", "admin", "x" * 60)
    assert len(short) == len(long)
    assert b"admin" not in b64decode(short.removeprefix("v1:"))


def test_the_same_login_looks_different_each_time() -> None:
    sealer = Sealer(KEY)
    assert sealer.seal("gate", "admin", "s3cr3t") != sealer.seal("gate", "admin", "s3cr3t")


def test_a_login_does_not_open_for_another_camera() -> None:
    sealer = Sealer(KEY)
    with pytest.raises(SealError, match="camera 'yard' cannot be unsealed"):
        sealer.unseal("yard", sealer.seal("gate", "admin", "s3cr3t"))


def test_a_login_does_not_open_with_another_clusters_key() -> None:
    with pytest.raises(SealError, match=r"cluster\.key"):
        Sealer(OTHER_KEY).unseal("gate", Sealer(KEY).seal("gate", "admin", "s3cr3t"))


@pytest.mark.parametrize("damaged", ["v1:", "v1:AAAA", "v1:%%%", "v2:AAAA", "s3cr3t", ""])
def test_what_is_no_sealed_login_is_told_without_showing_it(damaged: str) -> None:
    with pytest.raises(SealError) as told:
        Sealer(KEY).unseal("gate", damaged)
    assert "gate" in str(told.value)
    assert "s3cr3t" not in str(told.value)


def test_a_login_that_was_tampered_with_is_refused() -> None:
    sealed = bytearray(b64decode(Sealer(KEY).seal("gate", "admin", "s3cr3t")[3:]))
    sealed[20] ^= 1
    with pytest.raises(SealError):
        Sealer(KEY).unseal("gate", "v1:" + b64encode(sealed).decode())


def test_a_key_of_a_wrong_length_is_refused() -> None:
    with pytest.raises(SealError, match="16 bytes instead of 32"):
        Sealer(KEY[:16])


def test_what_an_earlier_release_sealed_still_opens() -> None:
    sealed = (
        "v1:AAAAAAAAAAAAAAAAmFVfmZb2GdDsozkfdm0mCSHjdgs2p3Y0B2lgQHFkTGj+vTj6Dk64exV4VYpKOsm1Z/u2kW"
        "NCcX9ShTCImQ0abSfVE/+m5Vt1x0ctGH7+OmAPVUgLDG+hhBmtErsG/pzLTKMqQAuwEisN3zL6JQ6c36LfezrW9/d2"
        "xz//gdhEEjWfM7T546B052HexlaayDEM"
    )
    found = Sealer(KEY).unseal("gate", sealed)
    assert (found.username, found.password) == ("admin", "s3cr3t")
