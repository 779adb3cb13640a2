"""A node counts as off when its devices say so, and say so afterwards; nothing else confirms it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.node.fencing.agents import Agents, device, until

from tandem.clock import SystemClock
from tandem.cluster.exclusive.events import Fence, Fenced, FencingFailed
from tandem.node.fencing.definition import Action, Device, Fencing
from tandem.node.fencing.fencer import Fencer
from tandem.node.fencing.sealing import SecretBox

BOX = SecretBox(bytes(range(32)))


@pytest.fixture
def agents(tmp_path: Path) -> Agents:
    return Agents(tmp_path)


def fencer(
    agents: Agents, *levels: tuple[Device, ...], secrets: Mapping[str, str] | None = None
) -> Fencer:
    made = Fencer(BOX, SystemClock(), agents.places)
    sealed = tuple(tuple(BOX.seal("n2", it, secrets or {}) for it in level) for level in levels)
    made.take({"n2": Fencing("n2", sealed).encode()})
    assert made.problems == ()
    return made


def fence(made: Fencer, epoch: int = 5) -> Fenced | FencingFailed:
    return asyncio.run(made.fence(Fence("n2", epoch)))


def reason(outcome: Fenced | FencingFailed) -> str:
    assert isinstance(outcome, FencingFailed)
    return outcome.reason


def test_a_node_is_fenced_once_its_device_says_so_and_its_status_too(agents: Agents) -> None:
    agents.write()
    assert fence(fencer(agents, (device(),), secrets={"password": "x"})) == Fenced("n2", 5)
    assert agents.asked() == ["off", "status"]
    assert "password=x" in agents.told()


def test_a_device_that_says_done_and_whose_node_is_on_confirms_nothing(agents: Agents) -> None:
    agents.write(body="exit 0\n")
    said = reason(fence(fencer(agents, (device(timeout_s=1),))))
    assert "says: the node is on" in said


def test_a_last_look_that_is_cut_short_hides_nothing_that_was_seen_before(agents: Agents) -> None:
    body = "[ $action = off ] || { [ ! -e $state.looked ] || sleep 60; touch $state.looked; }\n"
    agents.write(body=body)
    said = reason(fence(fencer(agents, (device(timeout_s=2),))))
    assert "says: the node is on" in said


def test_a_device_that_cannot_say_afterwards_confirms_nothing(agents: Agents) -> None:
    agents.write(body="[ $action = off ] || { echo no login; exit 1; }\n")
    assert "nothing certain (no login)" in reason(fence(fencer(agents, (device(timeout_s=1),))))


def test_a_device_without_a_status_is_believed(agents: Agents) -> None:
    agents.write(body="exit 0\n")
    assert fence(fencer(agents, (device(has_status=False),))) == Fenced("n2", 5)
    assert agents.asked() == ["off"]


@pytest.mark.parametrize("status", [1, 2, 3])
def test_a_device_that_fails_confirms_nothing_whatever_its_status_says(
    agents: Agents, status: int
) -> None:
    agents.write(body=f"[ $action = status ] && exit 2; echo denied; exit {status}\n")
    said = reason(fence(fencer(agents, (device(),))))
    assert f"(exit status {status}). It said: denied." in said
    assert "192.0.2.9" in said


def test_a_power_supply_that_takes_its_time_is_waited_for(agents: Agents) -> None:
    body = """
    [ $action = off ] && exit 0
    echo >>$state.looks; [ $(wc -l <$state.looks) -ge 3 ] && exit 2 || exit 0
    """
    agents.write(body=body)
    assert fence(fencer(agents, (device(),))) == Fenced("n2", 5)


def test_all_devices_of_a_level_have_to_confirm_and_are_looked_at_last(agents: Agents) -> None:
    agents.write("fence_left")
    agents.write("fence_right")
    assert fence(fencer(agents, (device("fence_left"), device("fence_right")))) == Fenced("n2", 5)
    agents.write("fence_right", body="exit 1\n")
    made = fencer(agents, (device("fence_left"), device("fence_right")))
    assert isinstance(fence(made), FencingFailed)
    assert agents.asked("fence_left") == ["off", "status", "off"]


def test_where_a_level_fails_the_next_is_tried(agents: Agents) -> None:
    agents.write("fence_first", body="echo unreachable; exit 1\n")
    agents.write("fence_next")
    levels = ((device("fence_first"),), (device("fence_next"),))
    assert fence(fencer(agents, *levels)) == Fenced("n2", 5)


def test_where_all_levels_fail_each_says_why(agents: Agents) -> None:
    agents.write("fence_first", body="echo unreachable; exit 1\n")
    said = reason(fence(fencer(agents, (device("fence_first"),), (device("fence_lost"),))))
    assert "level 1: fence_first at 192.0.2.9 failed (exit status 1). It said: unreachable." in said
    assert "level 2: fence_lost at 192.0.2.9: The fence agent fence_lost is not installed" in said


def test_a_node_without_a_device_is_not_fenced(agents: Agents) -> None:
    assert "tandem fence add" in reason(fence(Fencer(BOX, SystemClock(), agents.places)))


def test_a_device_that_hangs_is_given_up_in_its_time(agents: Agents) -> None:
    agents.write(body="sleep 300\n")
    assert "did not end within 1 s" in reason(fence(fencer(agents, (device(timeout_s=1),))))


def test_two_askers_for_one_eviction_share_an_attempt(agents: Agents) -> None:
    agents.write(body="sleep 0.3; [ $action = status ] && exit 2; exit 0\n")
    made = fencer(agents, (device(),))

    async def twice() -> list[Fenced | FencingFailed]:
        return list(await asyncio.gather(*(made.fence(Fence("n2", 5)) for _ in range(2))))

    assert asyncio.run(twice()) == [Fenced("n2", 5)] * 2
    assert agents.asked() == ["off", "status"]


def test_an_attempt_for_an_earlier_eviction_does_not_answer_for_a_later_one(
    agents: Agents,
) -> None:
    """Meanwhile the node may have been switched on, and may run what it took since."""
    agents.write(body="sleep 0.3; [ $action = status ] && exit 2; exit 0\n")
    made = fencer(agents, (device(),))

    async def both() -> list[Fenced | FencingFailed]:
        return list(await asyncio.gather(*(made.fence(Fence("n2", it)) for it in (5, 7))))

    assert asyncio.run(both()) == [Fenced("n2", 5), Fenced("n2", 7)]
    assert agents.asked() == ["off", "status", "off", "status"]


def test_an_attempt_that_is_cancelled_ends_and_leaves_the_way_free(agents: Agents) -> None:
    agents.write(body="sleep 300\n")
    made = fencer(agents, (device(timeout_s=300),))

    async def cancel_and_ask_again() -> Fenced | FencingFailed:
        asking = asyncio.create_task(made.fence(Fence("n2", 5)))
        await until(lambda: agents.asked() == ["off"])
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        agents.write()
        return await made.fence(Fence("n2", 5))

    assert asyncio.run(cancel_and_ask_again()) == Fenced("n2", 5)


def test_a_reboot_switches_on_again_after_it_was_confirmed_off(agents: Agents) -> None:
    agents.write()
    made = fencer(agents, (device(action=Action.REBOOT),))

    async def reboot() -> Fenced | FencingFailed:
        outcome = await made.fence(Fence("n2", 5))
        assert agents.asked() == ["off", "status"]
        running = asyncio.create_task(made.run())
        await until(lambda: agents.asked()[-1] == "on" and agents.state() == "on")
        running.cancel()
        return outcome

    assert asyncio.run(reboot()) == Fenced("n2", 5)


def test_a_definition_that_was_changed_in_the_store_is_used_by_nobody(agents: Agents) -> None:
    """Whoever may write there could else have the password sent anywhere, or any program run."""
    agents.write()
    made = fencer(agents, (device(),), secrets={"password": "x"})
    sealed = BOX.seal("n2", device(), {"password": "x"})
    moved = Device(sealed.agent, {"ip": "203.0.113.66"}, sealed.sealed, timeout_s=sealed.timeout_s)
    made.take({"n2": Fencing("n2", ((moved,),)).encode()})
    assert "changed in the store by other means" in made.problems[0]
    assert made.nodes == frozenset()
    assert isinstance(fence(made), FencingFailed)
    assert agents.asked() == []


def test_a_definition_that_cannot_be_read_costs_no_other_node_its_fencing(agents: Agents) -> None:
    made = Fencer(BOX, SystemClock(), agents.places)
    good = Fencing("n2", ((BOX.seal("n2", device(), {}),),)).encode()
    made.take({"n1": b"{", "n2": good, "n3": good})
    assert made.nodes == {"n2"}
    assert len(made.problems) == 2
