"""Archivists that are left to themselves: nothing is lost, and one copy is left of what is old."""

import asyncio
from pathlib import Path

import pytest
from tests.conformance.store.subjects import eventually, in_a_loop
from tests.node.archivist.material import Site, identities, sites, spoil

from tandem.archive.rows import Role
from tandem.cluster.model import Placement
from tandem.node.archivist import dropping


@in_a_loop
async def test_what_the_primary_lost_is_healed_and_then_the_second_copy_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "INTERVAL_S", 0.01)
    async with sites(tmp_path, "n1", "n2") as (first, second), asyncio.TaskGroup() as group:
        spoil(first.path(first.film(without=frozenset({1}))))
        second.film(Role.SECOND)
        pictures = identities(second)
        running = [group.create_task(node.archivist.run()) for node in (first, second)]

        async def is_dropped() -> bool:
            return not await asyncio.to_thread(second.rows)

        await eventually(is_dropped)
        for task in running:
            task.cancel()
        promised = {
            picture.identity
            for row in first.rows()
            if row.promised_us is not None
            for picture in first.holdings.read(row).pictures
        }
        assert promised == pictures


@in_a_loop
async def test_roles_that_swap_between_two_questions_leave_one_copy(tmp_path: Path) -> None:
    """What lost video with stored confirmations: each drops what the other has promised."""
    async with sites(tmp_path, "n1", "n2") as nodes:
        first, second = nodes
        first.film(Role.SECOND)
        second.film(Role.SECOND)
        pictures = identities(first)

        async def sweep_after(placement: Placement, node: Site) -> int:
            for each in nodes:
                each.view.placement = placement
            return len(await node.dropper.sweep())

        assert await sweep_after(Placement("gate", ("n1", "n2"), 1), second) == 1
        assert await sweep_after(Placement("gate", ("n2", "n1"), 2), first) == 0
        await second.healer.heal_wanted()
        assert await sweep_after(Placement("gate", ("n2", "n1"), 2), first) == 0
        assert identities(first) == pictures
