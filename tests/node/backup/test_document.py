"""The file of a backup: whole, or refused."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.node.backup.document import Backup, BackupError, Header, decode, encode
from tandem.node.backup.keeping import name_of, newest_first, superfluous

HEADER = Header(
    cluster_number=7, incarnation=2, revision=912, at_us=1_800_000_000_000_000, node_id="n1"
)
BACKUP = Backup(HEADER, {"/tandem/v1/cluster": b"{}", "/tandem/v1/cameras/gate": b"\x00\xff"})
HOUR_US = 3_600_000_000


@given(st.dictionaries(st.text(), st.binary()))
def test_what_was_written_is_read(values: dict[str, bytes]) -> None:
    backup = Backup(HEADER, values)
    assert decode(encode(backup), "it") == backup


def test_a_backup_that_is_cut_anywhere_is_refused() -> None:
    data = encode(BACKUP)
    for length in range(len(data)):
        with pytest.raises(BackupError, match="no whole backup"):
            decode(data[:length], "it")


def test_a_backup_with_a_bit_that_has_turned_is_refused_or_reads_the_same() -> None:
    data = encode(BACKUP)
    for place in range(len(data)):
        damaged = data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
        try:
            assert decode(damaged, "it") == BACKUP  # gzip has fields that say nothing
        except BackupError:
            continue


def test_lines_that_somebody_changed_are_found() -> None:
    text = gzip.decompress(encode(BACKUP)).replace(b'"revision": 912', b'"revision": 913')
    with pytest.raises(BackupError, match="checksum"):
        decode(gzip.compress(text), "it")


def test_a_backup_of_another_release_is_told_from_a_damaged_one() -> None:
    with pytest.raises(BackupError, match="no whole backup of a store"):
        decode(b"something else", "it")


def names(*taken: tuple[int, int, int]) -> list[str]:
    """By incarnation, revision and hour."""
    return [
        name_of(Header(7, incarnation, revision, hour * HOUR_US, "n1"))
        for incarnation, revision, hour in taken
    ]


def test_a_day_of_hours_and_a_week_of_days_are_kept() -> None:
    made = names(*((1, 10 * hour, hour) for hour in range(24 * 30)))
    kept = [name for name in made if name not in superfluous(made)]
    assert made[-24:] == kept[-24:]
    assert kept[:-24] == [made[24 * day + 23] for day in range(23, 29)]


def test_a_clock_that_was_set_back_makes_no_new_backup_old() -> None:
    made = names(*((1, 10 * hour, 500_000 + hour) for hour in range(30)), (1, 1000, 0))
    assert newest_first(made)[0] == made[-1]
    assert made[-1] not in superfluous(made)


def test_a_restored_store_counts_from_lower_numbers_and_its_backups_are_newer() -> None:
    before, after = names((1, 9000, 1), (2, 5, 2))
    assert newest_first([before, after]) == [after, before]


def test_other_files_are_left_alone() -> None:
    assert superfluous(["notes.txt", "store-i1-r5.backup.mine", "store-i1-r5-x.backup"]) == []
