"""The node that is found without looking at all is the one that looking at all finds."""

from random import Random

import pytest

from tandem.cluster.least_loaded import Key, LeastLoaded
from tandem.cluster.load import Cost, Loads


@pytest.mark.parametrize("digits", [1, 3, 64])
@pytest.mark.parametrize("seed", range(10))
def test_the_best_is_the_best_of_all(seed: int, digits: int) -> None:
    random = Random(seed)
    names = [f"n{number}" for number in range(random.randint(1, 30))]
    loads = Loads({it: Cost(random.choice([900, 1000]), random.choice([5, 50])) for it in names})
    found = LeastLoaded(names, loads.load, digits)
    for _ in range(200):
        cost = Cost(random.randint(1, 40), 1)
        taken, named = random.choice(names), random.choice(names)

        def key_of(
            node: str, cost: Cost = cost, taken: str = taken, named: str = named
        ) -> Key | None:
            return None if node == taken else (loads.load(node, cost), node != named, node)

        keys = [key for node in names if (key := key_of(node)) is not None]
        best = found.find(cost, key_of, [named])
        assert best == min(keys, default=None)
        node = best[2] if best else taken
        loads.record(node, cost)
        found.update(node)
