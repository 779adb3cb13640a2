"""One call of a fence agent: whatever it does, the call ends, and tells what came of it."""

import asyncio
from pathlib import Path

import pytest
from tests.node.fencing.agents import Agents, is_alive, until

from tandem.node.fencing.agent import (
    MOST_SAID_BYTES,
    AgentError,
    AgentMissingError,
    AgentTimeoutError,
    call,
    find_agent,
)


@pytest.fixture
def agents(tmp_path: Path) -> Agents:
    return Agents(tmp_path)


def test_an_agent_is_told_its_options_on_standard_input_and_nothing_in_its_arguments(
    agents: Agents,
) -> None:
    program = agents.write(body='tr "\\0" " " </proc/$$/cmdline; env; exit 0\n')
    reply = asyncio.run(
        call(program, "status", {"ip": "192.0.2.9"}, {"password": "s3cret"}, timeout_s=10)
    )
    assert agents.told() == ["ip=192.0.2.9", "password=s3cret", "action=status"]
    assert reply.status == 0
    assert "s3cret" not in reply.said
    assert "192.0.2.9" not in reply.said


def test_its_exit_status_is_told_as_it_is(agents: Agents) -> None:
    program = agents.write(body="echo so; exit 2\n")
    reply = asyncio.run(call(program, "status", {}, {}, timeout_s=10))
    assert (reply.status, reply.line) == (2, "so")


def test_a_secret_that_an_agent_prints_is_in_no_message(agents: Agents) -> None:
    program = agents.write(body="echo login with s3cret failed; exit 1\n")
    reply = asyncio.run(call(program, "off", {}, {"password": "s3cret"}, timeout_s=10))
    assert reply.line == "login with *** failed"


def test_an_agent_that_hangs_is_killed_with_what_it_started(agents: Agents, tmp_path: Path) -> None:
    children = tmp_path / "children"
    body = f"echo trying; sleep 300 & echo $! >>{children}; echo $$ >>{children}; wait\n"
    program = agents.write(body=body)
    with pytest.raises(AgentTimeoutError, match=r"within 1 s .*'off'.* It said: trying\."):
        asyncio.run(call(program, "off", {}, {}, timeout_s=1))
    pids = [int(pid) for pid in children.read_text().split()]
    assert len(pids) == 2
    asyncio.run(until(lambda: not any(is_alive(pid) for pid in pids)))


def test_a_child_that_holds_the_output_open_holds_up_nobody(agents: Agents, tmp_path: Path) -> None:
    children = tmp_path / "children"
    program = agents.write(body=f"sleep 300 & echo $! >{children}; echo done; exit 0\n")
    reply = asyncio.run(call(program, "off", {}, {}, timeout_s=60))
    assert (reply.status, reply.line) == (0, "done")
    asyncio.run(until(lambda: not is_alive(int(children.read_text()))))


def test_of_an_agent_that_prints_megabytes_the_end_is_kept(agents: Agents) -> None:
    body = "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1\n"
    reply = asyncio.run(call(agents.write(body=body), "off", {}, {}, timeout_s=60))
    assert (reply.status, reply.line) == (1, "the end")
    assert len(reply.said) <= MOST_SAID_BYTES


def test_an_agent_that_prints_for_ever_is_ended_at_the_deadline(agents: Agents) -> None:
    with pytest.raises(AgentTimeoutError):
        asyncio.run(call(agents.write(body="yes\n"), "off", {}, {}, timeout_s=1))


def test_an_agent_that_reads_nothing_is_no_trouble(tmp_path: Path) -> None:
    program = tmp_path / "fence_deaf"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    options = {f"option{number}": "x" * 900 for number in range(50)}
    assert asyncio.run(call(program, "off", options, {}, timeout_s=10)).status == 0


def test_a_call_that_is_cancelled_leaves_no_process(agents: Agents, tmp_path: Path) -> None:
    children = tmp_path / "children"
    program = agents.write(body=f"echo $$ >{children}; sleep 300\n")

    async def cancel_it() -> None:
        calling = asyncio.create_task(call(program, "off", {}, {}, timeout_s=300))
        await until(lambda: children.exists() and children.read_text().strip())
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await until(lambda: not is_alive(int(children.read_text())))

    asyncio.run(cancel_it())


def test_calls_leave_no_descriptor_open(agents: Agents) -> None:
    program = agents.write()

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def count() -> tuple[int, int]:
        await call(program, "status", {}, {}, timeout_s=10)
        before = descriptors()
        for _ in range(5):
            await call(program, "status", {}, {}, timeout_s=10)
        return before, descriptors()

    before, after = asyncio.run(count())
    assert after == before


def test_blanks_and_quotes_at_the_ends_of_a_password_arrive_as_they_are(agents: Agents) -> None:
    """Stock agents strip a line, and then take one pair of quotes from its value."""
    asyncio.run(call(agents.write(), "status", {}, {"a": " x ", "b": '"x"', "c": 'x"'}, 10))
    assert agents.told()[:3] == ['a=" x "', 'b=""x""', 'c=x"']


def test_an_agent_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentMissingError, match="fence_ipmilan is not installed"):
        find_agent("fence_ipmilan", (tmp_path,))


def test_a_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    program = tmp_path / "fence_broken"
    program.write_text("#!/nowhere/sh\n")
    program.chmod(0o755)
    with pytest.raises(AgentError, match=r"fence_broken cannot be started: No such file"):
        asyncio.run(call(program, "off", {}, {}, timeout_s=10))
