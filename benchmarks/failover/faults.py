"""What is done to the owner of the address, and when that is over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.failover.engines.engine import NODES, Engine


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        title: for tables.
        hurt: does it, to the owner.
        moves: whether the service is to be elsewhere afterwards. If not, it is watched for a while.
    """

    title: str
    hurt: Callable[[Engine, str], None]
    moves: bool = True


def _power_loss(engine: Engine, owner: str) -> None:
    engine.lab.kill(owner)


def _killed(engine: Engine, owner: str) -> None:
    engine.kill(owner)


def _freeze(engine: Engine, owner: str) -> None:
    engine.lab.freeze(owner)


def _link_cut(engine: Engine, owner: str) -> None:
    engine.lab.cut(owner, "a")


def _users_cut(engine: Engine, owner: str) -> None:
    engine.lab.cut(owner, "users")


def _move(engine: Engine, owner: str) -> None:
    engine.move(owner, NODES[NODES.index(owner) - 1])


FAULTS: Final = {
    "power": Fault("power loss", _power_loss),
    "kill": Fault("SIGKILL of the daemon", _killed, moves=False),
    "freeze": Fault("freeze", _freeze),
    "link": Fault("cut of one of two links between nodes", _link_cut, moves=False),
    "users": Fault("cut of the users' network", _users_cut),
    "move": Fault("planned move", _move),
}
