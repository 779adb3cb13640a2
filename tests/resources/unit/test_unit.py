"""What a real systemd would do behind Tandem's back, and does not."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.resources.process.bench import processes_with, until
from tests.resources.unit.bench import HAS_SYSTEMD, UNIT, UnitBench, booted

from tandem.clock import SystemClock
from tandem.cluster.exclusive.values import Token
from tandem.resources.kind import OptionError, Place, Presence, ProbeError, StartError, StopUnproven
from tandem.resources.unit.kind import UnitKind

TOKEN = Token(1, 9)
PLENTY_US = 60_000_000
SHORT_US = 500_000

with_systemd = [
    pytest.mark.lab("loop", "freezer"),
    pytest.mark.real,
    pytest.mark.skipif(not HAS_SYSTEMD, reason="systemd is not installed"),
]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[UnitBench]:
    with booted(tmp_path) as bench:
        yield bench


def later(bench: UnitBench, us: int = PLENTY_US) -> int:
    return bench.clock.boot_us() + us


async def started(bench: UnitBench) -> None:
    await bench.resource().start(TOKEN, later(bench), later(bench))


def writers(bench: UnitBench) -> list[int]:
    return processes_with(str(bench.file))


class TestWithSystemd:
    pytestmark = with_systemd

    def test_a_service_that_dies_is_not_restarted_by_systemd_and_gets_its_token(
        self, bench: UnitBench
    ) -> None:
        async def play() -> None:
            await started(bench)
            await until(bench.file.exists, "it writes")
            for pid in writers(bench):
                os.kill(pid, signal.SIGKILL)
            await until(lambda: not writers(bench), "it is gone")
            resource = bench.resource()
            while (health := await resource.health(later(bench))).is_well:
                pass
            assert "failed (signal)" in health.said or "inactive" in health.said
            assert (await resource.probe(later(bench))).presence is Presence.ABSENT
            await resource.stop(0, later(bench))
            assert not writers(bench)
            assert set(bench.file.read_text(encoding="ascii").split()) == {"1.9"}

        asyncio.run(play())

    def test_a_service_that_is_enabled_is_refused_and_one_that_is_restarted_by_hand_is_foreign(
        self, bench: UnitBench
    ) -> None:
        async def play() -> None:
            await asyncio.to_thread(bench.systemd.tell, "enable", UNIT)
            with pytest.raises(StartError, match=f"systemctl disable {UNIT}"):
                await started(bench)
            assert not writers(bench)
            await asyncio.to_thread(bench.systemd.tell, "disable", UNIT)
            await started(bench)
            await asyncio.to_thread(bench.systemd.tell, "restart", UNIT)
            assert (await bench.resource().probe(later(bench))).presence is Presence.FOREIGN
            await bench.resource().stop(0, later(bench))
            assert not writers(bench)

        asyncio.run(play())

    def test_a_service_that_systemd_gave_up_on_is_not_taken_for_stopped(
        self, bench: UnitBench
    ) -> None:
        """After its timeouts systemd calls a service failed, whether or not it still runs."""

        def shown() -> str:
            return bench.systemd.tell("show", UNIT, "-pActiveState").strip()

        async def play() -> None:
            await started(bench)
            await until(bench.file.exists, "it writes")
            async with bench.hindered():
                await asyncio.to_thread(bench.systemd.tell, "stop", "--no-block", UNIT)
                while await asyncio.to_thread(shown) != "ActiveState=failed":
                    pass
                assert writers(bench)
                found = await bench.resource().probe(later(bench))
                assert found.presence is Presence.REMNANT
                with pytest.raises(StopUnproven, match="state D"):
                    await bench.grip().kill(later(bench, SHORT_US))
            await bench.resource().stop(0, later(bench))
            assert not writers(bench)

        asyncio.run(play())

    def test_a_service_is_killed_though_systemd_stands_still_but_not_proven_to_stay_down(
        self, bench: UnitBench
    ) -> None:
        async def play() -> None:
            await started(bench)
            scope = bench.place.control_group / "init.scope" / "cgroup.procs"
            manager = [int(word) for word in scope.read_text(encoding="ascii").split()]
            for pid in manager:
                os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises(ProbeError, match="not done in time"):
                    await bench.resource().probe(later(bench, SHORT_US))
                with pytest.raises(StopUnproven, match="not certain"):
                    await bench.grip().kill(later(bench, 4 * SHORT_US))
                assert not writers(bench)
            finally:
                for pid in manager:
                    os.kill(pid, signal.SIGCONT)
            await bench.grip().kill(later(bench))
            assert (await bench.resource().probe(later(bench))).presence is Presence.ABSENT

        asyncio.run(play())


@pytest.mark.parametrize(
    "options", [{}, {"unit": "web.socket"}, {"unit": "../x.service"}, {"unit": "a", "x": 1}]
)
def test_what_is_no_service_is_refused(tmp_path: Path, options: dict[str, object]) -> None:
    place = Place("n1", tmp_path, tmp_path, SystemClock())
    with pytest.raises(OptionError, match="Resource web"):
        UnitKind().resource("web", options, place)
