"""A trial tells each kind of failure apart, and switches nothing."""

import asyncio
from pathlib import Path

import pytest
from tests.node.fencing.agents import Agents, device, opened

from tandem.node.fencing.trial import Finding, Trial, try_device


@pytest.fixture
def agents(tmp_path: Path) -> Agents:
    return Agents(tmp_path)


def tried(agents: Agents, *, is_heard: bool = True, **changes: object) -> Trial:
    one = opened(device(timeout_s=2, **changes))  # type: ignore[arg-type]
    return asyncio.run(try_device(one, is_heard=is_heard, directories=agents.places))


def test_a_device_that_answers_is_ready_and_nothing_is_switched(agents: Agents) -> None:
    agents.write()
    assert tried(agents).finding is Finding.READY
    assert agents.asked() == ["status"]


def test_a_device_that_calls_a_node_off_that_is_heard_is_another_machines(agents: Agents) -> None:
    agents.write(body="exit 2\n")
    assert tried(agents).finding is Finding.WRONG_NODE
    assert tried(agents, is_heard=False).finding is Finding.READY


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ("sleep 60\n", Finding.TIMED_OUT),
        ("echo Unable to connect/login to fencing device; exit 1\n", Finding.LOGIN_REFUSED),
        ("echo Connection timed out; exit 1\n", Finding.NOT_REACHED),
        ("echo what; exit 1\n", Finding.FAILED),
    ],
)
def test_each_failure_is_told_apart(agents: Agents, body: str, finding: Finding) -> None:
    agents.write(body=body)
    assert tried(agents).finding is finding


def test_an_agent_that_is_not_there_and_an_option_that_it_does_not_know(agents: Agents) -> None:
    assert tried(agents).finding is Finding.NOT_INSTALLED
    agents.write()
    assert tried(agents, options={"host": "x"}).finding is Finding.WRONG_OPTION
