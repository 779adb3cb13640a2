"""What an agent makes of the reports of its pulse, and how a node becomes a candidate."""

from dataclasses import replace
from random import Random

from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import FakeClock

from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.order import Mode, Order
from tandem.node.agent.candidacy import KEY, Candidacy
from tandem.node.agent.pulse_view import FRESH_US, PulseView, problems_of
from tandem.node.pulse.messages import Report
from tandem.node.store.fake import FakeStore


def one(
    name: str, phase: str = "running", revision: int | None = 9, problem: str = ""
) -> dict[str, object]:
    return {"resource": name, "phase": phase, "revision": revision, "problem": problem or None}


def view(**said: object) -> PulseView:
    made = PulseView(FakeClock())
    made.report = replace(Report(renewed_us=1_000_000_000), **said)  # type: ignore[arg-type]
    return made


def test_a_node_coordinates_by_its_take_while_its_session_is_fresh() -> None:
    assert view(resources=[one(COORDINATOR)]).coordinates == 9
    assert view(resources=[one("db")]).coordinates is None
    assert view(resources=[one(COORDINATOR, "stopping")]).coordinates is None
    early = view(resources=[one(COORDINATOR, revision=None)])
    assert early.coordinates is None, "started before the store's word"
    stale = view(resources=[one(COORDINATOR)], renewed_us=1_000_000_000 - FRESH_US - 1)
    assert stale.coordinates is None


def test_being_late_is_a_problem_where_there_is_something_to_lose() -> None:
    health = {"problems": ["no priority"]}
    assert problems_of(Report(resources=[one(COORDINATOR)], health=health)) == []
    told = problems_of(Report(resources=[one("db", problem="stuck")], health=health))
    assert told == ["no priority", "Resource db: stuck"]


def test_a_return_between_two_reports_is_not_missed() -> None:
    made = view(suspected=frozenset({"n2"}))
    news = made.take(Report(suspected=frozenset({"n2"}), returns={"n2": 1}))
    assert news.returned == {"n2"}
    assert news.is_any
    assert not made.take(Report(suspected=frozenset({"n2"}), returns={"n2": 1})).is_any


@in_a_loop
async def test_every_node_enters_itself_as_a_candidate_and_none_is_needed_for_it() -> None:
    store = FakeStore()
    for name in ("n2", "n1", "n2"):
        candidate = Candidacy(name, store, Random(0))
        while not await candidate.enter():
            pass
    found = store.keys.get(KEY)
    assert found
    assert Order.decode(COORDINATOR, found.value) == Order(("n2", "n1"), 2, Mode.SOFT)
