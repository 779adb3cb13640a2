"""All trials as a section of `docs/reference/benchmarks.md`."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from benchmarks.failover.engines import ENGINES
from benchmarks.failover.faults import FAULTS
from benchmarks.failover.trial import LONGEST_S, Trial

TITLE: Final = "## Failover"

ABOUT: Final = """\
A user asks a small HTTP service behind a virtual address each 5 ms, on a new connection. The \
service runs on all three hosts, but for Tandem's process, which is started where the address is. \
In each cell: the outage in ms, median and worst, and of how many trials; *never*: no answer \
within {longest:.0f} s, in so many of them. Each engine has hosts of its own, one engine after the \
other; the first trial after an engine's start is a power loss that is not counted. The owner is \
in turns the host with the leader (of Tandem's store, of Pacemaker's cluster) and one without; \
keepalived prefers one host. Fencing is by the lab's power switch, which confirms at once. Made by \
`python -m benchmarks.failover`; every trial is a line of `benchmarks/failover/trials.jsonl`.
"""

TWICE: Final = """\
For how long two hosts answered for the address, in ms, the worst (by ARP, each 10 ms, until the \
repair and some seconds after it), and the longest outage while the repaired host came back:
"""


def section(trials: Sequence[Trial]) -> str:
    """Markdown, from its heading on."""
    lines = [TITLE, "", ABOUT.format(longest=LONGEST_S), _when(trials), ""]
    lines += _table(trials, _outage)
    lines += ["", TWICE, *_table(trials, _twice)]
    return "\n".join(lines) + "\n"


def _when(trials: Sequence[Trial]) -> str:
    loads = sorted(it.load for it in trials)
    commits = ", ".join(dict.fromkeys(it.commit for it in trials))
    return (
        f"{len(trials)} trials, {min(it.at for it in trials)} to {max(it.at for it in trials)}, "
        f"commits {commits}, on the machine above, which did other work as well: load "
        f"{loads[0]:.1f} to {loads[-1]:.1f}, median {median(loads):.1f}, on two cores."
    )


Cell = Callable[[Sequence[Trial], str], str]


def _table(trials: Sequence[Trial], cell: Cell) -> list[str]:
    used = [key for key in FAULTS if any(it.fault == key for it in trials)]
    lines = [
        "| engine | " + " | ".join(FAULTS[key].title for key in used) + " |",
        "|---|" + "---|" * len(used),
    ]
    in_order = sorted(trials, key=lambda it: list(ENGINES).index(it.engine))
    for title in dict.fromkeys(it.title for it in in_order):
        of_engine = [it for it in trials if it.title == title]
        for page in dict.fromkeys(name for it in of_engine for name in it.outage_ms):
            cells = [cell([it for it in of_engine if it.fault == fault], page) for fault in used]
            lines.append(f"| {title}: {page.replace('-', ' ')} | " + " | ".join(cells) + " |")
    return lines


def _outage(trials: Sequence[Trial], page: str) -> str:
    if not trials:
        return ""
    back = [it.outage_ms[page] for it in trials if it.back[page]]
    told = f"{median(back):.0f} / {max(back):.0f}" if back else ""
    lost = len(trials) - len(back)
    return ", ".join(filter(None, [told, f"never {lost}" if lost else ""])) + f" ({len(trials)})"


def _twice(trials: Sequence[Trial], page: str) -> str:
    if not trials:
        return ""
    twice_ms = [it.twice_ms[page] for it in trials if page in it.twice_ms]
    return f"{max(twice_ms, default='-')}, then {max(it.mending_ms[page] for it in trials):.0f}"
