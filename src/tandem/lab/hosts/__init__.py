"""Hosts of a lab: namespaces, networks, disks, and faults of each, on this one machine.

A host has its own network, process numbers, mounts, name and IPC, so that daemons run on it as they
are; what runs there is not known here. `docs/design/lab.md` says why it is built so. May import
`tandem.clock`, and nothing else of Tandem.

`lab` is what others use; `lifetime`, `power`, `faults` and `volumes` do the work, each on a `state`
that `book` keeps on disk; `networks` and `rootfs` decide how a host looks, `switch` and `init`
make it so; `launch`, `processes`, `freezer`, `disks` and `commands` talk to the kernel.
"""

from tandem.lab.hosts.disks import VolumeFault
from tandem.lab.hosts.errors import LabError
from tandem.lab.hosts.host import Host
from tandem.lab.hosts.journal import Entry
from tandem.lab.hosts.lab import Lab
from tandem.lab.hosts.lifetime import Plan
from tandem.lab.hosts.networks import camera_address
from tandem.lab.hosts.status import HostStatus, LabStatus, Power
from tandem.lab.hosts.switch import Direction

__all__ = [
    "Direction",
    "Entry",
    "Host",
    "HostStatus",
    "Lab",
    "LabError",
    "LabStatus",
    "Plan",
    "Power",
    "VolumeFault",
    "camera_address",
]
