"""No secret stays in a text, and what is none does."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.node.support.redaction import Redactor, binary_forms

PEM = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----"


def cleaned(text: str, *secrets: str) -> str:
    return Redactor(secrets).clean(text)[0]


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:hunter2@192.0.2.1/stream",
        "rtsp://admin:pa/ss@hunter2@192.0.2.1/stream",
        "http://192.0.2.1/video?user=admin&pass=hunter2",
        "http://192.0.2.1/video?x=hunter2",
        "rtsp://192.0.2.1/user=admin&password=hunter2&channel=1",
        '{"password": "hunter2"}',
        '{"password": "with \\"quotes\\" hunter2"}',
        '{\\"password\\": \\"hunter2\\"}',
        json.dumps(json.dumps({"password": 'with "quotes" hunter2'})),
        "password = 'hunter2'",
        'passwd = "two words hunter2"',
        "snmp_community: hunter2",
        "PASSWORD=hunter2",
        "camera_password=hunter2 and more",
        "join token: hunter2",
        "the password is hunter2",
        "Authorization: Digest username=admin, response=hunter2",
        "--password hunter2",
        "--auth-token=hunter2",
        "//nas/video /srv cifs rw,username=x,password=hunter2,vers=3.0 0 0",
        "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nthe rest was cut hunter2",
        "sealed v1: sealed=v1:hunter2",
        "aws_secret_access_key=hunter2",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    redacted, removed = Redactor().clean(text)
    assert "hunter2" not in redacted
    assert removed


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://192.0.2.1:554/stream1",
        "the tests passed: 12 of 12",
        "passing 4 frames on; password refused by the camera",
        '{"login": true, "password": null}',
        "etcd: elected leader 7f3a at term 4",
        "/dev/sda1 on /srv/video1 type ext4 (rw,relatime)",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "key: /tandem/v1/cameras/gate",
    ],
)
def test_what_helps_is_left(text: str) -> None:
    assert Redactor().clean(text) == (text, 0)


def test_a_document_is_still_one_afterwards() -> None:
    document = {"password": "hunter2", "url": "rtsp://a:b@c/d", "frames": 4}
    assert json.loads(cleaned(json.dumps(document))) == {
        "password": "***",
        "url": "rtsp://***@c/d",
        "frames": 4,
    }


SECRETS = st.text(min_size=1).filter(lambda it: it.strip("*") and it.isprintable())


@given(secret=SECRETS.filter(lambda it: len(it) >= 8), before=st.text(), after=st.text())
def test_a_known_secret_is_nowhere_whatever_stands_beside_it(
    secret: str, before: str, after: str
) -> None:
    assert secret not in cleaned(f"{before}{secret}{after}", secret)


@given(secret=SECRETS)
def test_a_known_secret_is_found_in_whatever_form_it_was_written(secret: str) -> None:
    for form in (
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret),
        base64.b64encode(secret.encode()).decode(),
        secret.encode().hex(),
    ):
        assert cleaned(f"it was {form} .", secret) != f"it was {form} .", form


def test_a_short_secret_is_taken_out_where_it_stands_by_itself_and_from_no_number() -> None:
    text = "login admin 1234 refused after 512340 us, 1234;"
    assert cleaned(text, "1234") == "login admin *** refused after 512340 us, ***;"


def test_a_secret_that_is_a_part_of_another_hides_none_of_it() -> None:
    assert cleaned("swordfish-and-more", "swordfish", "swordfish-and-more") == "***"


def test_a_key_is_found_in_every_form_of_bytes() -> None:
    key = bytes(range(250, 256)) * 5
    for form in binary_forms(key):
        assert form not in cleaned(f"[{form}]", *binary_forms(key))


def test_a_private_key_is_one_secret() -> None:
    assert Redactor().clean(f"a {PEM} b") == ("a *** b", 1)
