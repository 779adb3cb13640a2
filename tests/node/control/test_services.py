"""What an operator says of nodes, on the store."""

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import enter
from tests.node.agent.material import node as stored_node
from tests.node.control.material import PlayedAgent

from tandem.cluster.intent import Intent
from tandem.cluster.keys import INTENTS
from tandem.cluster.plan.view import Service
from tandem.node.control.protocol import NotFoundError, RefusedError
from tandem.node.store.fake import Call, Fault, Faults


async def drained() -> PlayedAgent:
    agent = PlayedAgent()
    await enter(agent.fake, stored_node("n1"))
    await agent.set_service("n1", Service.DRAINING)
    return agent


def service(agent: PlayedAgent, name: str = "n1") -> Service | None:
    entry = agent.fake.keys.get(INTENTS + name)
    return Intent.decode(name, entry.value).service if entry else None


@in_a_loop
async def test_a_word_replaces_the_one_before_and_the_last_one_leaves_nothing() -> None:
    agent = await drained()
    assert service(agent) is Service.DRAINING
    await agent.set_service("n1", Service.MAINTENANCE)
    assert service(agent) is Service.MAINTENANCE
    await agent.set_service("n1", Service.NORMAL)
    assert service(agent) is None


@in_a_loop
async def test_the_same_word_again_writes_nothing() -> None:
    agent = await drained()
    before = agent.fake.keys.revision
    await agent.set_service("n1", Service.DRAINING)
    assert agent.fake.keys.revision == before


@in_a_loop
async def test_nothing_is_said_of_a_node_that_is_not_there_but_its_word_can_be_taken_back() -> None:
    agent = PlayedAgent()
    with pytest.raises(NotFoundError, match="no node 'n1'"):
        await agent.set_service("n1", Service.DRAINING)
    with pytest.raises(RefusedError):
        await agent.set_service("../n1", Service.DRAINING)
    await agent.set_service("n1", Service.NORMAL)


@pytest.mark.parametrize("happened", [Fault.UNANSWERED, Fault.LOST], ids=str)
@in_a_loop
async def test_an_answer_that_is_lost_is_read_back(happened: Fault) -> None:
    agent = PlayedAgent()
    await enter(agent.fake, stored_node("n1"))
    agent.fake.faults = _once(happened)
    await agent.set_service("n1", Service.DRAINING)
    assert service(agent) is Service.DRAINING


def _once(fault: Fault) -> Faults:
    left = [fault]

    def faults(call: Call) -> Fault | None:
        return left.pop() if call is Call.TRANSACT and left else None

    return faults
