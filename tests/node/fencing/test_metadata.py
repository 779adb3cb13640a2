"""Options that an agent would pass over, or refuse in the night that it is needed."""

import asyncio
from pathlib import Path

import pytest
from tests.node.fencing.agents import METADATA, Agents

from tandem.node.fencing.agent import AgentError
from tandem.node.fencing.metadata import OptionError, check, is_secret, metadata_of, parse_metadata

KNOWN = parse_metadata("fence_test", METADATA)
GOOD = {"ip": "192.0.2.9"}


def refused(options: dict[str, str], action: str = "off") -> str:
    with pytest.raises(OptionError) as caught:
        check(KNOWN, options, action)
    return str(caught.value)


def test_what_fits_is_taken() -> None:
    check(KNOWN, {**GOOD, "lanplus": "1", "method": "onoff", "power_wait": "4"}, "reboot")


def test_an_option_that_it_does_not_know_is_refused_with_those_that_may_be_meant() -> None:
    assert refused({**GOOD, "user_name": "x"}) == (
        "fence_test has no option 'user_name'. Did you mean username?"
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lanplus", "maybe", "is 1 or 0"),
        ("power_wait", "4s", "is a whole number of seconds"),
        ("method", "kick", "is one of onoff, cycle"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, value: str, said: str) -> None:
    assert said in refused({**GOOD, name: value})


def test_what_it_needs_has_to_be_there_by_its_new_or_its_old_name() -> None:
    assert "needs the option 'ip'" in refused({})
    check(KNOWN, {"ipaddr": "192.0.2.9"}, "off")


def test_an_agent_that_cannot_switch_off_is_refused() -> None:
    known = parse_metadata("fence_test", METADATA.replace('<action name="off"/>', ""))
    with pytest.raises(OptionError, match="cannot switch a node off"):
        check(known, GOOD, "off")


def test_secrets_are_known_by_their_names() -> None:
    secret = ["password", "passwd", "snmp_priv_passwd", "community", "token", "hexadecimal_kg"]
    open_ones = ["ip", "username", "password_script", "identity_file", "shell_timeout"]
    assert all(map(is_secret, secret))
    assert not any(map(is_secret, open_ones))


def test_warnings_around_the_description_are_passed_over(tmp_path: Path) -> None:
    agents = Agents(tmp_path)
    agents.write()
    (tmp_path / "fence_test.xml").write_text(f"DeprecationWarning: pipes\n{METADATA}\nbye\n")
    assert asyncio.run(metadata_of("fence_test", agents.places)).has_status


def test_what_is_no_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="no description of a fence agent"):
        parse_metadata("fence_test", "usage: fence_test [-h]")
