"""The beginning and the end of a lab.

No process supervises a lab. Its ground, an init that only reaps, holds the switch's network
namespace and the PID namespace that all hosts are in: with it, the kernel ends every process, mount
and network of the lab. It stands in `lab.json` before it is let go. Control groups are found by the
lab's name.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tandem.lab.hosts import disks, power, switch
from tandem.lab.hosts.book import Book
from tandem.lab.hosts.errors import LabError
from tandem.lab.hosts.freezer import groups_called, make_group
from tandem.lab.hosts.launch import Launch, launch
from tandem.lab.hosts.networks import (
    CAMERA_HOST,
    MOST_CAMERAS,
    MOST_NODES,
    USER_HOST,
    host_names,
)
from tandem.lab.hosts.rootfs import private_mounts
from tandem.lab.hosts.state import HostState, LabState

_GROUND = "ground"
_FORBIDDEN = frozenset(":,\\")  # they separate the options of mounts
_BEFORE_A_LAB = {"lock", "lab.new"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a lab is to be.

    Attributes:
        nodes: how many.
        cameras: how many addresses the camera server has on the cameras network.
        volumes: how many each node has: "v1" and on.
        volume_mib: the size of each.
    """

    nodes: int = 3
    cameras: int = 4
    volumes: int = 1
    volume_mib: int = 512

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= MOST_NODES:
            raise LabError(f"A lab has 1 to {MOST_NODES} nodes, not {self.nodes}.")
        if not 0 <= self.cameras <= MOST_CAMERAS:
            raise LabError(f"A lab has up to {MOST_CAMERAS} cameras, not {self.cameras}.")


def bring_up(book: Book, plan: Plan) -> None:
    """Make a lab, and start its hosts; if that fails, nothing is left of it.

    Raises:
        LabError: there is a lab already, or this machine lacks something.
    """
    if odd := _FORBIDDEN & set(str(book.directory)):
        raise LabError(f'A lab cannot be in {book.directory}: its name has "{min(odd)}" in it.')
    _claim(book)
    state = _state(book, plan)
    book.save(state)
    try:
        with book.change("up", nodes=plan.nodes, volumes=plan.volumes) as (state, told):
            told["unsynced_data"] = "dropped" if state.no_images_why is None else "kept"
            _start_ground(book, state)
            power.start(book, state, list(state.hosts))
    except BaseException:
        take_down(book)
        raise


def take_down(book: Book) -> None:
    """Remove everything of a lab, whoever made it and however far that came.

    Done already if there is nothing. If the directory was lost while the lab ran, its control
    groups still tell what belongs to it.

    Raises:
        LabError: the directory is something else, or a process of the lab does not end.
    """
    if not book.state_file.exists():
        _sweep(book)
        return
    with book.locked():
        state = book.load()
        if state.ground is not None:
            power.cut_power(state, list(state.hosts), state.ground)
        _remove_groups(book)
        for image in book.directory.glob("hosts/*/*.img"):
            _release(image)
        for locked in book.directory.glob("hosts/*/*/overlay/work"):
            locked.chmod(0o700)  # the kernel makes it for an overlay, and lets nobody but root in
        shutil.rmtree(book.directory)


def _claim(book: Book) -> None:
    """Make the directory, if there is nothing in it yet."""
    book.directory.mkdir(parents=True, exist_ok=True)
    if book.state_file.exists():
        raise LabError(f"There is a lab in {book.directory} already. Take it down first.")
    if any(book.directory.iterdir()):
        raise LabError(f"{book.directory} is not empty. A lab needs a directory of its own.")
    for group in groups_called(book.name):
        if group.has_processes():
            raise LabError(
                f"A lab that was in {book.directory} still runs (control group {book.name}), "
                f"though its directory was removed. Take it down first."
            )
        group.remove()


def _sweep(book: Book) -> None:
    """Take down a lab whose `lab.json` is lost, or was not written yet."""
    _remove_groups(book)
    if not book.directory.exists():
        return
    if not {path.name for path in book.directory.iterdir()} <= _BEFORE_A_LAB:
        raise LabError(f"There is no lab in {book.directory}, but something else. It was left.")
    shutil.rmtree(book.directory)


def _remove_groups(book: Book) -> None:
    """By name: whoever made them may have been killed before he wrote them down."""
    for group in groups_called(book.name):
        group.remove()


def _state(book: Book, plan: Plan) -> LabState:
    volumes = [f"v{number + 1}" for number in range(plan.volumes)]
    nodes = set(host_names(plan.nodes)) - {CAMERA_HOST, USER_HOST}
    return LabState(
        name=book.name,
        no_images_why=disks.why_no_images(),
        volume_mib=plan.volume_mib,
        cameras=plan.cameras,
        user_namespace=os.geteuid() != 0,
        hosts={
            name: HostState(volumes=dict.fromkeys(volumes) if name in nodes else {})
            for name in host_names(plan.nodes)
        },
    )


def _start_ground(book: Book, state: LabState) -> None:
    group = make_group(state.name)
    state.freezer = None if group is None else str(group.path)
    book.log(_GROUND).parent.mkdir(parents=True)
    what = Launch(
        state.name, _GROUND, private_mounts(), book.log(_GROUND), None, state.user_namespace
    )
    with launch(what) as newborn:
        state.ground = newborn.process
        book.save(state)
        if (own := state.group(_GROUND)) is not None:
            own.create()
            own.add(newborn.process.pid)
        newborn.go()
    switch.build(newborn.process)


def _release(image: Path) -> None:
    """Whoever died while he put a disk in again has left it on a loop device."""
    for device in disks.loop_devices(image):
        disks.detach(device)
    disks.wait_released(image)
