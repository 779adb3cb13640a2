"""Run on a node: lets the primary and the second of cameras change places, as a planner would."""

import asyncio
import sys
from pathlib import Path
from random import Random

from tandem.cluster import keys
from tandem.cluster.model import Placement
from tandem.node.agent.store_member import endpoints
from tandem.node.home import Home
from tandem.node.settings import PATH, read_settings
from tandem.node.store.etcd import open_store
from tandem.node.store.model import Put, Transaction, unchanged
from tandem.node.tls import client_context


async def swap(settings_file: Path, cameras: list[str]) -> None:
    settings = read_settings(settings_file)
    home = Home(settings.data)
    tls = client_context(home.authority, home.credentials)
    async with open_store(endpoints(settings), Random(), tls=tls) as store:
        for camera in cameras:
            key = keys.key(keys.PLACEMENTS, camera)
            found = await store.get(key)
            if found is None:
                raise SystemExit(f"{camera} has no placement")
            now = Placement.decode(camera, found.value)
            first, second, *others = now.nodes
            new = Placement(camera, (second, first, *others), now.generation + 1)
            outcome = await store.transact(
                Transaction((unchanged(key, found.mod_revision),), (Put(key, new.encode()),))
            )
            if not outcome.succeeded:
                raise SystemExit(f"{camera} was changed by somebody else")


if __name__ == "__main__":
    asyncio.run(swap(PATH, sys.argv[1:]))
