"""Which file system a path is on."""

from pathlib import Path

from tandem.node.preflight.mounts import existing, mount_of, parse_mounts

TABLE = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 8:17 / /srv/my\040video rw,noatime shared:1 master:2 - xfs /dev/sdb1 rw,attr2
41 27 0:50 / /srv rw - tmpfs none rw
42 27 8:33 / /srv rw - ext4 /dev/sdc1 rw
a line that means nothing
"""


def test_a_path_is_on_the_innermost_file_system() -> None:
    mounts = parse_mounts(TABLE)
    found = mount_of(Path("/srv/my video/2026"), mounts)
    assert found is not None
    assert (found.kind, found.device, found.source) == ("xfs", "8:17", "/dev/sdb1")
    assert {"noatime", "attr2"} <= found.options


def test_of_two_file_systems_at_one_place_the_upper_one_counts() -> None:
    found = mount_of(Path("/srv/other"), parse_mounts(TABLE))
    assert found is not None
    assert found.source == "/dev/sdc1"


def test_a_name_that_begins_alike_is_another_directory() -> None:
    found = mount_of(Path("/srvx"), parse_mounts(TABLE))
    assert found is not None
    assert found.point == Path("/")


def test_what_is_not_there_yet_will_be_on_what_is_above_it(tmp_path: Path) -> None:
    assert existing(tmp_path / "a" / "b") == tmp_path
