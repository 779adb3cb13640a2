import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.rtsp.auth import Authenticator, Scheme, parse_challenges, strongest
from tandem.media.rtsp.url import Credentials

RFC7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
MUFASA = Credentials("Mufasa", "Circle of Life")


def answer(
    header: str,
    credentials: Credentials,
    client_nonce: str = "c",
    method: str = "GET",
    url: str = "/dir/index.html",
) -> str:
    [challenge] = parse_challenges([header])
    return Authenticator(credentials, challenge, client_nonce).authorise(method, url)


def field(header: str, name: str) -> str | None:
    found = re.search(rf'\b{name}="?([^",]*)"?', header)
    return found[1] if found else None


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    header = answer(RFC7616.format(algorithm), MUFASA, nonce)
    assert field(header, "response") == response
    assert field(header, "cnonce") == nonce
    assert field(header, "opaque") == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    assert "qop=auth, nc=00000001" in header
    assert f"algorithm={algorithm}" in header


def test_the_example_of_rfc_2069_needs_no_qop() -> None:
    header = answer(
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
        Credentials("Mufasa", "CircleOfLife"),
    )
    assert field(header, "response") == "1949323746fe6a43ef61f9606e7febea"
    assert not re.search(r"qop|nc=|cnonce|algorithm|opaque", header)


def test_the_example_of_rfc_2617() -> None:
    header = answer(
        'Digest realm="testrealm@host.com",qop="auth,auth-int",'
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        Credentials("Mufasa", "Circle Of Life"),
        "0a4f113b",
    )
    assert field(header, "response") == "6629fae49393a05397450978507c4ef1"


@pytest.mark.parametrize(("algorithm", "name"), [("MD5-sess", "md5"), ("SHA-256-sess", "sha256")])
@pytest.mark.parametrize("qop", ["auth", None])
def test_session_variants_mix_the_nonces_into_the_secret(
    algorithm: str, name: str, qop: str | None
) -> None:
    def digest(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    offer = f'Digest realm="r", nonce="n", algorithm={algorithm}'
    header = answer(f'{offer}, qop="{qop}"' if qop else offer, Credentials("u", "p"), "cn")
    secret = digest(f"{digest('u:r:p')}:n:cn")
    middle = "n:00000001:cn:auth" if qop else "n"
    assert field(header, "response") == digest(f"{secret}:{middle}:{digest('GET:/dir/index.html')}")
    assert field(header, "cnonce") == "cn"


def test_basic_is_base64_of_utf_8() -> None:
    header = answer('Basic realm="x"', Credentials("jürgen", "pä:ß"))
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "jürgen:pä:ß"


def test_each_use_of_a_nonce_is_counted() -> None:
    [challenge] = parse_challenges([RFC7616.format("MD5")])
    authenticator = Authenticator(MUFASA, challenge, "c")
    headers = [authenticator.authorise("OPTIONS", "rtsp://h/") for _ in range(17)]
    assert [field(header, "nc") for header in headers[::8]] == ["00000001", "00000009", "00000011"]
    assert len({field(header, "response") for header in headers}) == 17


def test_the_strongest_of_several_challenges_is_answered_in_whatever_order_they_come() -> None:
    offers = [
        'Basic realm="b"',
        'Digest realm="5", nonce="n", algorithm=MD5',
        'Digest realm="256", nonce="n", algorithm=SHA-256',
    ]
    for values in (offers, offers[::-1], [", ".join(offers)], [", ".join(offers[::-1])]):
        challenges = parse_challenges(values)
        assert len(challenges) == 3
        best = strongest(challenges)
        assert best
        assert (best.scheme, best.realm) == (Scheme.DIGEST_SHA256, "256")
    assert strongest([]) is None


@pytest.mark.parametrize(
    "header",
    [
        'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r"',
        "Negotiate abc==",
        "Bearer",
        "",
        "realm=x",
    ],
)
def test_a_challenge_that_cannot_be_answered_is_left_out(header: str) -> None:
    assert parse_challenges([header]) == []


def test_careless_challenges_are_understood() -> None:
    [challenge] = parse_challenges(
        ['digest Realm = "IP Camera(C1234)" ,nonce=abc123==,ALGORITHM="md5",stale=FALSE , qop=auth']
    )
    assert challenge.scheme is Scheme.DIGEST_MD5
    assert (challenge.realm, challenge.nonce) == ("IP Camera(C1234)", "abc123==")
    assert challenge.has_qop
    assert not challenge.is_stale


def test_a_comma_in_a_realm_is_no_end_of_the_challenge() -> None:
    [challenge] = parse_challenges(['Digest realm="a, Basic b", nonce="n", stale=true'])
    assert challenge.realm == "a, Basic b"
    assert challenge.is_stale


def test_a_quote_in_a_user_name_cannot_end_it() -> None:
    header = answer('Digest realm="r", nonce="n"', Credentials('a", uri="/x', "p"))
    assert r'username="a\", uri=\"/x"' in header


def test_no_repr_shows_a_password() -> None:
    [challenge] = parse_challenges([RFC7616.format("MD5")])
    authenticator = Authenticator(Credentials("u", "geheim"), challenge, "c")
    assert "geheim" not in repr(authenticator)
    assert "geheim" not in authenticator.authorise("PLAY", "rtsp://h/")


@given(st.text(max_size=200))
def test_no_header_makes_the_parser_fail(header: str) -> None:
    for scheme in ("", "Digest ", 'Digest realm="r", nonce="n", '):
        for challenge in parse_challenges([scheme + header]):
            Authenticator(MUFASA, challenge, "c").authorise("PLAY", "rtsp://h/")
