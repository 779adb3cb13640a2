"""What a loss of power takes away, what it leaves, and what nobody hears of it."""

import os
import signal
import sys

import pytest
from tests.lab.hosts.talking import Client, program, say, serve

from tandem.lab.hosts import Host, Lab, LabError, Power, VolumeFault
from tandem.lab.hosts.commands import run, wait_until

pytestmark = pytest.mark.lab

_PLACES = ("/mnt/v1", "/var/lib/tandem", "/etc/tandem")

# Writes down the TCP flags of every frame from an address, until it sees itself say goodbye.
_SNIFFER = """
import socket, sys
everything = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
everything.bind((sys.argv[1], 0))
print("sniffing", flush=True)
while True:
    packet = everything.recv(2000)
    if packet.endswith(b"goodbye"):
        break
    if packet[9:10] == b"\\x06" and packet[12:16] == socket.inet_aton(sys.argv[2]):
        print(packet[33] & 0x05, flush=True)  # RFC 9293 section 3.1: RST 4, FIN 1
"""
_WRITE = """
import os, sys
for place in sys.argv[1:]:
    with open(place + "/synced", "w") as file:
        file.write("kept")
        file.flush()
        os.fsync(file.fileno())
    directory = os.open(place, os.O_RDONLY)
    os.fsync(directory)
for place in sys.argv[1:]:  # only now: places may share a disk, and its journal
    with open(place + "/synced", "a") as file:
        file.write(" and what came later")
    with open(place + "/unsynced", "w") as file:
        file.write("lost")
"""


@pytest.mark.lab("loop")
@pytest.mark.parametrize("was_frozen", [False, True])
def test_what_was_synced_is_there_and_what_was_not_is_gone(lab: Lab, was_frozen: bool) -> None:
    host = lab.host("node1")
    host.run([sys.executable, "-c", _WRITE, *_PLACES])
    assert host.run(["cat", "/mnt/v1/unsynced"]) == "lost"
    if was_frozen:
        lab.freeze("node1")
    lab.kill("node1")
    lab.start("node1")
    for place in _PLACES:
        assert host.run(["cat", f"{place}/synced"]) == "kept"
        assert "unsynced" not in host.run(["ls", place])
    assert lab.journal()[-2].details["unsynced_data"] == "dropped"


@pytest.mark.lab("loop")
def test_a_disk_that_somebody_holds_open_is_not_mounted_a_second_time(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = lab.host("node1")
    host.run(["touch", "/mnt/v1/file"])
    with host.outside("/mnt/v1/file").open(), monkeypatch.context() as impatient:
        impatient.setattr("tandem.lab.hosts.disks._RELEASE_DEADLINE_S", 0.1)
        for act in (lab.kill, lab.start):
            with pytest.raises(LabError, match=r"v1\.img is still in use by a loop device"):
                act("node1")
        assert lab.status().hosts["node1"].power is Power.OFF
    lab.start("node1")
    host.run(["true"])


def test_what_was_in_memory_is_gone(lab: Lab) -> None:
    host = lab.host("node1")
    places = ["/tmp/here", "/run/here", "/etc/here", "/dev/shm/here"]
    host.run(["touch", *places])
    lab.kill("node1")
    lab.start("node1")
    assert not [place for place in places if host.outside(place).exists()]


def test_nobody_hears_that_the_power_failed(lab: Lab) -> None:
    one, two = lab.host("node1"), lab.host("node2")
    serve(one)
    sniffer = program(two, _SNIFFER, "link-a", str(one.address("a")))
    assert sniffer.stdout is not None
    assert sniffer.stdout.readline() == "sniffing\n"
    with Client(two, one.address("a")) as client:
        assert client.answer("before") == "before"
        lab.kill("node1")
        say(two, "10.77.1.255", "goodbye")
        flags = sniffer.communicate(timeout=60)[0].split()
        assert flags
        assert set(flags) == {"0"}
        assert client.ask("after") == "TimeoutError"


def test_a_host_that_comes_back_is_reached_at_once(lab: Lab) -> None:
    one, two = lab.host("node1"), lab.host("node2")
    for _ in range(2):
        serve(one)
        with Client(two, one.address("a")) as client:
            assert client.answer("hello") == "hello"
            lab.kill("node1")
            lab.start("node1")


def test_power_can_fail_and_come_back_twice(lab: Lab) -> None:
    first = lab.status().hosts["node1"].pid
    lab.start("node1")
    assert lab.status().hosts["node1"].pid == first
    for _ in range(2):
        lab.kill("node1")
    assert lab.status().hosts["node1"].power is Power.OFF
    for _ in range(2):
        lab.start("node1")
    assert lab.status().hosts["node1"].power is Power.ON


@pytest.mark.lab("freezer", "nftables")
def test_a_host_that_died_while_it_was_frozen_starts_well(lab: Lab) -> None:
    lab.freeze("node1")
    pid = lab.status().hosts["node1"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    group = lab.book.load().group("node1")
    assert group is not None
    group.thaw()  # the v1 freezer holds the dead
    wait_until(lambda: not lab.host("node1").is_on, "The host does not end.")
    lab.start("node1")
    assert lab.status().hosts["node1"].power is Power.ON
    serve(lab.host("node1"))
    with Client(lab.host("node2"), lab.host("node1").address("a")) as client:
        assert client.answer("hello") == "hello"


def test_commands_end_with_their_host(lab: Lab) -> None:
    running = program(lab.host("node1"), "import sys; print('runs', flush=True); sys.stdin.read()")
    assert running.stdout is not None
    assert running.stdout.readline() == "runs\n"
    lab.kill("node1")
    running.communicate(timeout=60)
    assert running.returncode != 0


@pytest.mark.lab("loop")
@pytest.mark.parametrize("fault", VolumeFault)
def test_a_volume_breaks_and_is_repaired_while_the_host_runs(lab: Lab, fault: VolumeFault) -> None:
    host = lab.host("node1")
    _write(host, "before")
    for _ in range(2):
        lab.break_volume("node1", "v1", fault)
    assert lab.status().hosts["node1"].volumes == {"v1": fault}
    assert _try_to_write(host, "during") is False
    host.run(["touch", "/var/lib/tandem/elsewhere"])
    for _ in range(2):
        lab.repair_volume("node1", "v1")
    _write(host, "after")
    kept = host.run(["ls", "/mnt/v1"]).split()
    assert ("before" in kept) == (fault is not VolumeFault.DESTROYED)
    lab.kill("node1")
    lab.start("node1")
    assert "after" in host.run(["ls", "/mnt/v1"]).split()


@pytest.mark.lab("loop")
@pytest.mark.parametrize("fault", VolumeFault)
def test_a_host_with_a_broken_volume_loses_power_and_comes_back(
    lab: Lab, fault: VolumeFault
) -> None:
    host = lab.host("node1")
    _write(host, "before")
    lab.break_volume("node1", "v1", fault)
    assert _try_to_write(host, "during") is False
    lab.kill("node1")
    lab.start("node1")
    image = str(lab.directory / "hosts/node1/v1.img")
    if fault is not VolumeFault.DESTROYED:
        assert "with errors" not in run(["dumpe2fs", "-h", image])  # e2fsck was there
    lasting = fault in {VolumeFault.FULL, VolumeFault.DESTROYED}
    assert lab.status().hosts["node1"].volumes == {"v1": fault if lasting else None}
    assert ("before" in host.run(["ls", "/mnt/v1"])) == (fault is not VolumeFault.DESTROYED)
    lab.repair_volume("node1", "v1")
    _write(host, "after")


@pytest.mark.lab("loop")
def test_a_volume_turns_read_only_under_an_open_file(lab: Lab) -> None:
    script = """
import os, sys
file = open("/mnt/v1/open", "w", buffering=1)
print("open", flush=True)
for line in sys.stdin:
    try:
        file.write(line)
        os.fsync(file.fileno())
        print("written", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""
    recorder = program(lab.host("node1"), script)
    assert recorder.stdin is not None
    assert recorder.stdout is not None
    assert recorder.stdout.readline() == "open\n"
    lab.break_volume("node1", "v1", VolumeFault.READ_ONLY)
    recorder.stdin.write("picture\n")
    recorder.stdin.flush()
    assert recorder.stdout.readline() in {"Read-only file system\n", "Input/output error\n"}
    recorder.communicate(timeout=60)


@pytest.mark.lab("loop")
def test_one_fault_at_a_time(lab: Lab) -> None:
    lab.break_volume("node1", "v1", VolumeFault.FULL)
    with pytest.raises(LabError, match=r"Volume v1 of node1 is full\. Repair it first"):
        lab.break_volume("node1", "v1", VolumeFault.HUNG)
    with pytest.raises(LabError, match=r'node1 has no volume "v2"\. It has: v1'):
        lab.break_volume("node1", "v2", VolumeFault.HUNG)


def _write(host: Host, name: str) -> None:
    host.run(["dd", "if=/dev/zero", f"of=/mnt/v1/{name}", "bs=64k", "count=1", "conv=fsync"])


def _try_to_write(host: Host, name: str) -> bool:
    """Whether a daemon of the host can; one on a hung disk cannot even be killed."""
    script = f"dd if=/dev/zero of=/mnt/v1/{name} bs=64k count=1 conv=fsync && echo written"
    host.spawn(["sh", "-c", f"{script} || echo failed"], "/run/written")
    running = program(host, _WAIT_FOR_WORD)
    return running.communicate(timeout=60)[0].strip() == "written"


_WAIT_FOR_WORD = """
import time
for _ in range(50):
    time.sleep(0.01)
    said = open("/run/written").read().split()
    if said and said[-1] in ("written", "failed"):
        print(said[-1])
        break
"""
