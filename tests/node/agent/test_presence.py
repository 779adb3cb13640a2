"""A node is down when its session stands still and it is silent; neither alone is enough."""

from tandem.cluster.model import Session
from tandem.node.agent.presence import DOWN_AFTER_US, Presence

LATER_US = DOWN_AFTER_US + 1


def seen(counter: int) -> dict[str, Session]:
    return {"n1": Session(1, counter, "x")}


def test_a_node_whose_session_stands_still_while_it_is_suspected_is_down() -> None:
    presence = Presence()
    presence.look(["n1"], seen(1), 0)
    presence.look(["n1"], seen(1), LATER_US)
    assert presence.down({"n1"}, LATER_US) == {"n1"}
    assert presence.down({"n1"}, DOWN_AFTER_US - 1) == set()


def test_a_node_that_is_heard_is_not_down_though_its_session_stands_still() -> None:
    presence = Presence()
    presence.look(["n1"], seen(1), 0)
    assert presence.down(set(), LATER_US) == set()


def test_a_node_whose_session_moves_is_not_down_though_nobody_hears_it() -> None:
    presence = Presence()
    presence.look(["n1"], seen(1), 0)
    presence.look(["n1"], seen(2), LATER_US)
    assert presence.down({"n1"}, LATER_US) == set()


def test_a_node_that_never_had_a_session_counts_from_its_first_sight() -> None:
    presence = Presence()
    presence.look(["n1"], {}, 5)
    assert presence.down({"n1"}, LATER_US) == set()
    assert presence.down({"n1"}, LATER_US + 5) == {"n1"}
