"""What befalls disks and copies while promises are in flight; each picture is counted."""

from collections.abc import Collection, Iterator

import pytest
from tests.lab.cluster.pictures import UNSURE_US, tell
from tests.lab.cluster.site import CAMERAS, PROTECTED, Site, site

from tandem.lab.cluster.mix import camera_id
from tandem.lab.hosts import VolumeFault

pytestmark = [pytest.mark.lab("loop"), pytest.mark.timeout(480)]

VOLUMES = ("v1", "v2")
AFTER_US = 8_000_000
"""So much is recorded after a fault before it is counted: what is older than 5 s is."""

WORTH_BYTES = 2 << 20
"""So much old video on a disk makes room for what a test records on it while it is full."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("copies"), volumes=len(VOLUMES)) as one:
        yield one


@pytest.fixture
def one(shared: Site) -> Site:
    """Each test leaves it as it was; one that failed may not have."""
    shared.mend()
    return shared


def busiest_volume(one: Site, name: str, cameras: list[int]) -> str:
    """The volume of a node to which most of these cameras were recorded last."""
    found = []
    for number in cameras:
        root = one.node(name).outside("/mnt")
        files = sorted(root.glob(f"v*/camera-{number}/*/*/*.mp4"), key=lambda it: it.parts[-2:])
        found += [file.relative_to(root).parts[0] for file in files[-1:]]
    return max(VOLUMES, key=found.count)


def dropped(one: Site, name: str) -> int:
    """How many second copies a node's archivist has dropped since it began."""
    state = one.said_by(name)["archivist"]["state"] or {}
    return int(state.get("dropped_segments", 0))


def test_roles_may_change_all_the_time_while_second_copies_are_promised_and_dropped(
    one: Site,
) -> None:
    names = [node.name for node in one.cluster.nodes]
    before = {name: dropped(one, name) for name in names}
    swaps = 0

    def kept() -> str:
        nonlocal swaps
        one.swap_roles(one.node(names[swaps % len(names)]), PROTECTED)
        swaps += 1
        few = [name for name in names if dropped(one, name) < before[name] + 3]
        return f"{few} dropped too little in {swaps} swaps" if few else ""

    took_s = one.wait(kept, "every node drops second copies", 240)
    gone = sum(dropped(one, name) - before[name] for name in names)
    healed_s = one.wait_until_whole()
    found = one.count(one.since_us)
    tell("roles changed", found, swaps=swaps, in_s=took_s, dropped=gone, healed_s=healed_s)
    for number in CAMERAS:
        found[number].assert_whole()


def test_a_disk_that_turns_read_only_costs_no_picture_where_two_record_and_seconds_where_one_does(
    one: Site,
) -> None:
    name = one.placement(1)[0]
    alone = one.recorded_alone_by(name)
    sure_us, hit_us = one.sure_us(name), one.now_us
    volume = busiest_volume(one, name, alone)
    one.cluster.lab.break_volume(name, volume, VolumeFault.READ_ONLY)
    noticed_s = one.wait_until_dead(name, volume)
    noticed_us = one.now_us
    one.wait_until_recorded()
    one.record_until(hit_us + AFTER_US)
    found = one.count_window(hit_us)
    tell("read-only", found, noticed_s=noticed_s)
    for number in CAMERAS:
        if number in alone:
            end_us = max(hit_us + UNSURE_US, noticed_us)
            found[number].assert_lost_only(min(hit_us - UNSURE_US, sure_us), end_us)
        else:
            found[number].assert_whole()
    let_go_s = one.repair(name, volume)
    tell("read-only, repaired", let_go_s=let_go_s, healed_s=one.wait_until_whole())


def test_a_disk_that_is_destroyed_right_after_its_promise_costs_nothing_that_is_in_the_window(
    one: Site,
) -> None:
    name, second = one.placement(4)[:2]
    alone = one.recorded_alone_by(name)
    before = dropped(one, second)
    waited_s = one.wait(
        lambda: "" if dropped(one, second) > before else f"{second} dropped nothing",
        "a promise is given, and a second copy dropped",
        240,
    )
    lost_us = one.now_us
    volume = busiest_volume(one, name, [4])
    one.cluster.lab.break_volume(name, volume, VolumeFault.DESTROYED)
    noticed_s = one.wait_until_dead(name, volume)
    noticed_us = one.now_us
    one.wait_until_recorded()
    one.record_until(lost_us + AFTER_US)
    found = one.count_window(lost_us)
    tell("destroyed", found, waited_s=waited_s, noticed_s=noticed_s)
    for number in CAMERAS:
        if number in alone:
            found[number].assert_lost_only(0, max(lost_us + UNSURE_US, noticed_us))
        else:
            found[number].assert_whole()
    let_go_s = one.repair(name, volume)
    tell("destroyed, replaced", let_go_s=let_go_s, healed_s=one.wait_until_whole())


def wait_until_said_to_hang(one: Site, name: str, volumes: Collection[str]) -> float:
    """Until a node says of each of these disks that something is wrong with it."""

    def untold() -> str:
        said = {it["path"]: it["problem"] for it in one.said_by(name)["volumes"]}
        return ", ".join(volume for volume in volumes if not said[f"/mnt/{volume}"])

    return one.wait(untold, f"{name} says that disks hang")


def test_a_disk_that_hangs_costs_no_picture_and_what_waits_for_it_is_written(one: Site) -> None:
    name = one.placement(1)[0]
    volume, hung_us = busiest_volume(one, name, CAMERAS), one.now_us
    one.cluster.lab.break_volume(name, volume, VolumeFault.HUNG)
    noticed_s = wait_until_said_to_hang(one, name, [volume])
    one.record_until(one.now_us + AFTER_US)
    found = one.count_window(hung_us)
    for number in PROTECTED:
        found[number].assert_whole()
    one.cluster.repair_volume(name, volume)
    healed_s = one.wait_until_whole()
    found = one.count_window(hung_us)
    tell("a disk hangs", found, noticed_s=noticed_s, healed_s=healed_s)
    for number in CAMERAS:
        found[number].assert_whole()


def test_a_node_of_which_all_disks_hang_is_stood_in_for_and_writes_what_waited(one: Site) -> None:
    name = one.placement(1)[0]
    alone, hung_us = one.recorded_alone_by(name), one.now_us
    asked = next(host for host in one.cluster.nodes if host.name != name)

    def unkept() -> str:
        cameras = {it["camera_id"]: it["copies"] for it in one.status(asked)["cameras"]}
        return ", ".join(
            camera_id(number)
            for number in alone
            if not any(
                copy["node_id"] != name and (copy.get("durable_until_us") or 0) > hung_us
                for copy in cameras[camera_id(number)]
            )
        )

    for volume in VOLUMES:
        one.cluster.lab.break_volume(name, volume, VolumeFault.HUNG)
    stood_in_s = one.wait(unkept, f"others keep what {name} cannot")
    wait_until_said_to_hang(one, name, VOLUMES)
    one.record_until(one.now_us + AFTER_US)
    found = one.count_window(hung_us, asked)
    tell("all disks of a node hang", found, stood_in_s=stood_in_s)
    for number in PROTECTED:
        found[number].assert_whole()
    for volume in VOLUMES:
        one.cluster.repair_volume(name, volume)
    healed_s = one.wait_until_whole()
    found = one.count_window(hung_us)
    tell("they answer again", found, healed_s=healed_s)
    for number in CAMERAS:
        found[number].assert_whole()


def deletable_bytes(one: Site, name: str, volume: str) -> int:
    """What may be deleted of a node's volume: all but the file of each camera that is written."""
    root = one.node(name).outside("/mnt") / volume
    newest = {
        max(
            root.parent.glob(f"v*/camera-{number}/*/*/*.mp4"),
            key=lambda it: it.parts[-2:],
            default=None,
        )
        for number in CAMERAS
    }
    return sum(it.stat().st_size for it in root.glob("camera-*/*/*/*.mp4") if it not in newest)


def test_on_full_disks_old_recordings_go_and_the_newest_is_kept(one: Site) -> None:
    name = one.placement(1)[0]
    alone = one.recorded_alone_by(name)
    one.wait(
        lambda: ", ".join(it for it in VOLUMES if deletable_bytes(one, name, it) < WORTH_BYTES),
        "each disk has old recordings",
        240,
    )
    old_us, full_us = one.oldest_us(name), one.now_us
    for volume in VOLUMES:
        one.cluster.lab.break_volume(name, volume, VolumeFault.FULL)
    deleted_s = one.wait(
        lambda: "" if one.oldest_us(name) > old_us else "nothing", "the oldest recording goes"
    )
    one.record_until(full_us + AFTER_US)
    found = one.count_window(full_us)
    for volume in VOLUMES:
        one.cluster.repair_volume(name, volume)
    one.wait_until_recorded()
    tell("full disks", found, deleted_s=deleted_s)
    for number in CAMERAS:
        if number in alone:
            found[number].assert_lost_only(0, full_us)
        else:
            found[number].assert_whole()
