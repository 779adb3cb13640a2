"""A clock is believed by the others', and by the year."""

import asyncio
import ssl

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import FakeClock

from tandem.node.agent import clocks
from tandem.node.agent.clocks import TOLERANCE_US, Clocks, is_believable
from tandem.node.control.merge import Answer

NOW_US = 1_795_000_000_000_000
MONTH_US = 30 * 86_400_000_000


def trusts(found: Clocks) -> bool:
    return found.are_trusted


def test_a_node_alone_believes_its_clock() -> None:
    assert is_believable(NOW_US, [])


def test_a_clock_of_1970_is_not_believed() -> None:
    assert not is_believable(1_000_000, [])


@pytest.mark.parametrize("offset_us", [-MONTH_US, -2 * TOLERANCE_US - 2, MONTH_US])
def test_a_clock_far_from_the_others_is_not_believed(offset_us: int) -> None:
    assert not is_believable(NOW_US, [offset_us, offset_us])


def test_one_wrong_clock_does_not_make_the_right_ones_doubt() -> None:
    assert is_believable(NOW_US, [MONTH_US, 300_000])
    assert is_believable(NOW_US, [1_000, -1_000])


@in_a_loop
async def test_a_node_that_is_to_have_others_waits_for_one_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = {"n2": Answer(None, "n2 does not answer", None)}
    asked = asyncio.Event()

    async def ask(*_: object) -> dict[str, Answer]:
        asked.set()
        return answers

    monkeypatch.setattr(clocks, "ask_nodes", ask)
    monkeypatch.setattr(clocks, "COMPARE_S", 0)
    found = Clocks(lambda: {"n2": []}, ssl.create_default_context(), FakeClock())
    comparing = asyncio.create_task(found.run())
    await asked.wait()
    assert not trusts(found)
    answers = {"n2": Answer({}, None, 1_000)}
    while not trusts(found):  # noqa: ASYNC110
        await asyncio.sleep(0)
    comparing.cancel()


def test_one_server_alone_need_not_wait() -> None:
    assert Clocks(dict, ssl.create_default_context(), FakeClock()).are_trusted
