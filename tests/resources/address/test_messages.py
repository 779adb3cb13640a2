"""What holder, agent and pulse say to each other, and what a definition may be."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.clock import SystemClock
from tandem.cluster.exclusive.values import Token
from tandem.resources.address import messages
from tandem.resources.address.belongings import Belongings, holder_pid, read, take_lock
from tandem.resources.address.errors import FormatError
from tandem.resources.address.messages import Answer, Drop, Extend, Hold, Request, Tell
from tandem.resources.kind import OptionError, Place

whole = st.integers(0, 2**63)
tokens = st.builds(Token, whole, whole)
requests: st.SearchStrategy[Request] = st.one_of(
    st.builds(Hold, tokens, whole, whole),
    st.builds(Extend, whole),
    st.just(Drop()),
    st.just(Tell()),
)
answers = st.builds(Answer, st.text(), st.text(), st.none() | tokens, st.booleans(), st.text())
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(requests)
def test_a_request_reads_back(request: Request) -> None:
    assert messages.decode(messages.encode(request)) == request


@given(answers)
def test_an_answer_reads_back(answer: Answer) -> None:
    assert messages.decode_answer(messages.encode_answer(answer)) == answer


@given(st.binary() | jsons.map(lambda value: json.dumps(value).encode()))
def test_no_packet_whatever_does_more_than_raise_a_format_error(packet: bytes) -> None:
    for decode in (messages.decode, messages.decode_answer):
        with pytest.raises(FormatError):
            decode(packet)


@given(
    requests,
    st.sampled_from(["version", "do", "token", "until_us", "by_us"]),
    jsons,
)
def test_a_changed_field_does_no_more_than_raise_a_format_error(
    request: Request, name: str, value: object
) -> None:
    fields = json.loads(messages.encode(request)) | {name: value}
    try:
        messages.decode(json.dumps(fields).encode())
    except FormatError:
        return


def definition(**options: object) -> Belongings:
    place = Place("node", Path("/run/tandem"), Path("/nowhere"), SystemClock())
    return read("web", options, place)


@pytest.mark.parametrize("address", ["10.7.0.100", "fd07::100", "192.0.2.1", "169.254.1.1"])
def test_an_address_is_all_that_a_definition_needs(address: str) -> None:
    assert str(definition(address=address).ip) == address
    assert definition(address=address).interface is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "address: write"),
        ({"address": "10.7.0.100/24"}, "without its subnet, not '10.7.0.100/24'"),
        ({"address": "10.7.0.256"}, "one IPv4 or IPv6 address"),
        ({"address": 5}, "address: write"),
        ({"address": "224.0.0.1"}, "not an address that a host can move to"),
        ({"address": "ff02::1"}, "not an address that a host can move to"),
        ({"address": "127.0.0.1"}, "not an address that a host can move to"),
        ({"address": "0.0.0.0"}, "not an address that a host can move to"),
        ({"address": "255.255.255.255"}, "not an address that a host can move to"),
        ({"address": "fe80::1"}, "name one (interface)"),
        ({"address": "fe80::1%eth0"}, "Name the interface on its own"),
        ({"address": "::ffff:10.0.0.1"}, "cannot be used"),
        ({"address": "10.7.0.100", "interface": "a/b"}, "interface: write the name"),
        ({"address": "10.7.0.100", "interface": "x" * 16}, "interface: write the name"),
        ({"address": "10.7.0.100", "interfaces": "eth0"}, "Did you mean 'interface'?"),
    ],
)
def test_what_cannot_be_an_address_is_refused_by_its_option(
    options: dict[str, object], said: str
) -> None:
    with pytest.raises(OptionError) as refused:
        definition(**options)
    assert str(refused.value).startswith("Resource web: ")
    assert said in str(refused.value)


def test_a_link_local_address_needs_its_interface() -> None:
    assert definition(address="fe80::1", interface="eth0").interface == "eth0"


def test_nobody_is_the_holder_where_none_ever_was(tmp_path: Path) -> None:
    mine = Belongings("web", definition(address="10.7.0.100").ip, None, tmp_path)
    assert holder_pid(mine) is None
    mine.directory.mkdir()
    assert take_lock(mine) is not None
    # A lock does not stand in its own owner's way: whoever else looks is in test_on_a_network.
    assert holder_pid(mine) is None
