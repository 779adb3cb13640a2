"""No form of a credential gets through, whoever wrote the text."""

import base64
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.recording.camera import Login
from tandem.recording.foreign.redact import Redactor

passwords = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=6)


@given(passwords, st.sampled_from([str, quote, quote_plus, lambda text: quote(text, safe="")]))
def test_a_password_is_found_in_every_form(password: str, form: object) -> None:
    assert callable(form)
    text = Redactor("http://192.0.2.1/x", Login("admin", password)).clean(
        f"see [{form(password)}]!"
    )
    assert text == "see [***]!"


def test_an_authorization_header_is_found() -> None:
    token = base64.b64encode(b"admin:secret").decode()
    clean = Redactor("http://192.0.2.1/x", Login("admin", "secret")).clean
    assert clean(f"Authorization: Basic {token}") == "Authorization: Basic ***"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://admin:zzz@192.0.2.1:80 failed", "tcp://192.0.2.1:80 failed"),
        ("http://192.0.2.1/x?token=zzz: gone", "http://192.0.2.1/x gone"),
        ("'http://192.0.2.1/x?token=zzz'", "'http://192.0.2.1/x'"),
        ("Is the port right? It may be", "Is the port right? It may be"),
    ],
)
def test_urls_lose_what_may_be_secret_even_where_it_is_not_known(text: str, expected: str) -> None:
    assert Redactor("http://192.0.2.1/x", None).clean(text) == expected


def test_a_secret_in_the_query_is_found_outside_of_its_url() -> None:
    clean = Redactor("http://192.0.2.1/x?channel=1&pwd=s3%26t", None).clean
    assert clean("GET channel=1&pwd=s3%26t, that is s3&t, of 192.0.2.1") == (
        "GET ***, that is ***, of 192.0.2.1"
    )


def test_a_password_inside_a_longer_secret_does_not_uncover_the_rest() -> None:
    clean = Redactor("http://192.0.2.1/x?token=abcdef", Login("admin", "abc")).clean
    assert clean("abcdef") == "***"
