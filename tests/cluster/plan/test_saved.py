"""What is saved of a decision: everything that it depends on, and nothing else."""

import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from tests.cluster.plan.golden import NOW_US, read, situations
from tests.cluster.test_placement import camera, node

from tandem.cluster.document import StoredValueError
from tandem.cluster.load import Cost
from tandem.cluster.model import Placement
from tandem.cluster.placement import View
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.saved import CameraInput, Decision, decode_input, encode_input
from tandem.cluster.plan.saved_resources import encode_view
from tandem.cluster.plan.view import View as ResourceView


def test_an_input_of_cameras_is_read_as_it_was_written() -> None:
    view = View(
        (node("n1", "a"), node("n2")),
        {"c1": Placement("c1", ("n1", "n2"), 3), "gone": Placement("gone", ("n2",), 1)},
        frozenset({"n2"}),
        frozenset({"n1"}),
        {"n1": Cost(5000, 1)},
    )
    made_from = CameraInput(view, (camera("c1", mbps=6.5), camera("c2")))
    again = decode_input(encode_input(made_from))
    assert again == made_from
    assert again.outcome() == made_from.outcome()


def test_what_other_resources_take_counts_for_cameras() -> None:
    view = View((node("n1"), node("n2")), {}, taken={"n1": Cost(90_000, 0)})
    assert CameraInput(view, (camera("c1"),)).outcome()[0] == "c1: n2 n1 (generation 1)"


@pytest.mark.parametrize("path", situations(), ids=lambda path: path.stem)
def test_a_decision_says_which_release_and_node_made_it_and_is_repeated(path: Any) -> None:
    made_from, _ = read(path)
    decision = Decision(made_from, tuple(made_from.outcome()), "0.1.0", "n1", NOW_US)
    again = Decision.decode(decision.encode())
    assert again == decision
    assert again.difference(again.made_from.outcome()) == []


def test_no_option_or_check_of_a_resource_is_saved() -> None:
    web = Resource("web", "process", options={"user": "s3cr3t"}, checks=({"url": "s3cr3t"},))
    saved = json.dumps(encode_view(ResourceView(0, ()), [web]))
    assert '"web"' in saved
    assert "s3cr3t" not in saved


def damaged(document: Any, random: Random) -> Any:
    """Something in a document replaced by something else."""
    if isinstance(document, dict) and document and random.random() < 0.9:
        key = random.choice(sorted(document))
        return {**document, key: damaged(document[key], random)}
    if isinstance(document, list) and document and random.random() < 0.9:
        place = random.randrange(len(document))
        return [*document[:place], damaged(document[place], random), *document[place + 1 :]]
    return random.choice([None, -1, "x", 1.5, [], {}, [1], {"a": 1}, True, 1 << 70])


@pytest.mark.parametrize("seed", range(200))
def test_a_damaged_file_is_refused_with_a_sentence_or_repeated(seed: int) -> None:
    random = Random(seed)
    made_from, _ = read(random.choice(situations()))
    whole = json.loads(Decision(made_from, ("a",), "0.1.0", "n1", NOW_US).encode())
    document = {**whole, "input": damaged(whole["input"], random)}
    with suppress(StoredValueError):
        Decision.decode(json.dumps(document).encode()).made_from.outcome()
