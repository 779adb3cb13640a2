"""What keeps an address on one of three hosts: an adapter for each, behind `engine.Engine`."""

from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.failover.engines.engine import Engine
from benchmarks.failover.engines.keepalived import Keepalived
from benchmarks.failover.engines.pacemaker import STOCK, TUNED, Pacemaker
from benchmarks.failover.engines.tandem import Tandem

ENGINES: Final[Mapping[str, Callable[[], Engine]]] = {
    "tandem": lambda: Tandem(fencing=False),
    "tandem-fenced": lambda: Tandem(fencing=True),
    "keepalived-1s": lambda: Keepalived(advert_s=1),
    "keepalived-0.1s": lambda: Keepalived(advert_s=0.1),
    "pacemaker-stock": lambda: Pacemaker(STOCK),
    "pacemaker-tuned": lambda: Pacemaker(TUNED),
}

__all__ = ["ENGINES", "Engine"]
