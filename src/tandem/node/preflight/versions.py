"""What Tandem needs of this machine's software: Python, etcd, features of the kernel."""

import ctypes
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.node.agent.store_member import ProgramMissingError, program
from tandem.node.preflight.finding import Finding, failed, passed, warned
from tandem.node.preflight.mounts import MOUNTS, parse_mounts

CHECK: Final = "versions"

LEAST_PYTHON: Final = (3, 11)
LEAST_ETCD: Final = (3, 4, 0)
"""The first with learners, and with pre-vote that can be trusted."""

_ETCD_S: Final = 3.0
_CLOCK_BOOTTIME: Final = 7
_VERSION: Final = re.compile(r"etcd Version: ([0-9]+)\.([0-9]+)\.([0-9]+)")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is there.

    Attributes:
        python: its version.
        kernel: its release, as `uname -r` says.
        features: of the kernel: what each is for, and whether it is there.
        etcd: version of the program; None: none is needed here.
        etcd_problem: why it is not known; empty if it is.
    """

    python: tuple[int, int, int]
    kernel: str
    features: Mapping[str, bool]
    etcd: tuple[int, ...] | None
    etcd_problem: str = ""


FEATURES: Final[Mapping[str, str]] = {
    "control groups v2": (
        "Boot with systemd's default hierarchy (`systemd.unified_cgroup_hierarchy=1`): processes"
        " that must not run twice are ended by their control group. Recording works without."
    ),
    "PID namespaces": (
        "Use a kernel with CONFIG_PID_NS; in a container, allow it: exclusive processes are ended"
        " by it."
    ),
    "timers on CLOCK_BOOTTIME": "Use Linux 3.17 or later: the kill switch of exclusive resources.",
}


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether it is enough."""
    python = ".".join(map(str, facts.python))
    if facts.python[:2] < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        yield failed(CHECK, f"Python is {python}.", f"Install Python {least} or later.")
    else:
        yield passed(CHECK, f"Python is {python}, Linux {facts.kernel}.")
    for feature, remedy in FEATURES.items():
        if not facts.features.get(feature, False):
            yield warned(CHECK, f"The kernel offers no {feature}.", remedy)
    if facts.etcd_problem:
        yield failed(
            CHECK, facts.etcd_problem, "Install etcd 3.4 or later: `apt install etcd-server`."
        )
    elif facts.etcd is not None:
        etcd = ".".join(map(str, facts.etcd))
        if facts.etcd < LEAST_ETCD:
            yield failed(CHECK, f"etcd is {etcd}.", "Install etcd 3.4 or later.")
        else:
            yield passed(CHECK, f"etcd is {etcd}.")


def judge_releases(releases: Mapping[str, str]) -> Finding:
    """Say whether all nodes run the same Tandem.

    Args:
        releases: by node.
    """
    if len(set(releases.values())) > 1:
        each = ", ".join(f"{node_id} {release}" for node_id, release in sorted(releases.items()))
        return warned(
            CHECK,
            f"The nodes run different releases of Tandem: {each}.",
            "Finish the upgrade: run the same release on all nodes.",
        )
    return passed(CHECK, f"All nodes run Tandem {next(iter(releases.values()), '-')}.")


def look(*, needs_etcd: bool) -> Iterator[Finding]:
    """Look at this machine's software.

    Args:
        needs_etcd: whether Tandem runs the store's member here itself.
    """
    etcd, problem = _etcd() if needs_etcd else (None, "")
    return judge(
        Facts(
            sys.version_info[:3],
            platform.release(),
            {feature: is_there() for feature, is_there in _IS_THERE.items()},
            etcd,
            problem,
        )
    )


def parse_etcd(text: str) -> tuple[int, ...] | None:
    """The version in what `etcd --version` prints."""
    found = _VERSION.search(text)
    return tuple(map(int, found.groups())) if found else None


def _etcd() -> tuple[tuple[int, ...] | None, str]:
    try:
        path = program()
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_ETCD_S, check=True
        )
    except ProgramMissingError as problem:
        return None, str(problem)
    except (OSError, subprocess.SubprocessError) as problem:
        return None, f"{path} cannot be run: {problem}."
    version = parse_etcd(said.stdout)
    return version, "" if version else f"{path} does not tell its version."


def _has_control_groups() -> bool:
    return any(it.kind == "cgroup2" for it in parse_mounts(MOUNTS.read_text()))


def _has_boot_timers() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    timer = libc.timerfd_create(_CLOCK_BOOTTIME, os.O_CLOEXEC)
    if timer < 0:
        return False
    os.close(timer)
    return True


_IS_THERE: Final[Mapping[str, Callable[[], bool]]] = {
    "control groups v2": _has_control_groups,
    "PID namespaces": Path("/proc/self/ns/pid").exists,
    "timers on CLOCK_BOOTTIME": _has_boot_timers,
}
