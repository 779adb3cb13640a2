from dataclasses import astuple, replace
from itertools import pairwise

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from tests.media.mp4.material import BASE
from tests.media.mp4.synthetic import gop, picture, sound

from tandem.media.mp4.boxes import LaterVersionError, Mp4Error, box
from tandem.media.mp4.fragment import (
    IDENTITIES_TYPE,
    Sample,
    StoredSample,
    fragment,
    parse_fragment,
)

INT32 = st.integers(-(1 << 31), (1 << 31) - 1)


@st.composite
def runs(draw: st.DrawFn, min_size: int = 0) -> list[Sample]:
    dts = draw(st.integers(0, 1 << 60))
    run = []
    for data in draw(st.lists(st.binary(max_size=20), min_size=min_size, max_size=8)):
        duration = draw(st.integers(1, (1 << 32) - 1))
        identity = blake3(data).digest(length=16)
        flags = draw(st.booleans()), identity, draw(st.booleans())
        run.append(Sample(data, dts, draw(INT32), duration, *flags))
        dts += duration
    return run


def stored(run: list[Sample], offset: int) -> list[StoredSample]:
    rows = []
    for sample in run:
        rows.append(StoredSample(offset, len(sample.data), *astuple(sample)[1:]))
        offset += len(sample.data)
    return rows


@given(st.integers(0, (1 << 32) - 1), runs(), runs())
def test_a_table_comes_back_as_it_was_written(
    number: int, video: list[Sample], audio: list[Sample]
) -> None:
    head, *data = fragment(number, video, audio)
    table = parse_fragment(b"".join([head, *data]))
    assert table.sequence_number == number
    assert table.video == stored(video, len(head))
    assert table.audio == stored(audio, len(head) + sum(len(s.data) for s in video))
    assert table.moof_bytes == len(head) - 8
    assert table.data_bytes == sum(map(len, data))


def test_sample_data_is_handed_on_and_not_copied() -> None:
    video, audio = gop(0, 3), [sound(0)]
    for sample in video:
        sample.data = bytearray(sample.data)
    _, *data = fragment(1, video, audio)
    assert [id(d) for d in data] == [id(s.data) for s in video + audio]


def test_the_form_on_disk_never_changes() -> None:
    head, *_ = fragment(
        3, [picture(0, is_keyframe=True), picture(1, is_keyframe=False)], [sound(0)]
    )
    assert bytes(head) == bytes.fromhex(
        "0000012a 6d6f6f66"
        "00000010 6d666864 00000000 00000003"
        "00000099 74726166"
        "00000010 74666864 00020000 00000001"
        "00000014 74666474 01000000 000092edca5d1a10"
        "00000034 7472756e 01000f01 00000002 00000132"
        "00000e10 00000033 02000000 00001c20"
        "00000e10 00000033 01010000 00001c20"
        "00000039 75756964 958a48ba78ca49368bda293e3b37ac0d 01"
        "329cb4a34dfbec6261a8b718a49083c9"
        "67553a89e34a906a79388013657434dc"
        "00000079 74726166"
        "00000010 74666864 00020000 00000002"
        "00000014 74666474 01000000 00004e5cb031a780"
        "00000024 7472756e 01000f01 00000001 00000198"
        "00000400 0000000c 02000000 00000000"
        "00000029 75756964 958a48ba78ca49368bda293e3b37ac0d 01"
        "7e3eff9ef7613a50340eb12677ee03b8"
        "0000007a 6d646174"
    )


def test_decode_times_hold_where_durations_disagree() -> None:
    video = [replace(sample, duration=1) for sample in gop(0, 4)]
    rows = parse_fragment(fragment(1, video, [])[0]).video
    assert [row.dts for row in rows] == [sample.dts for sample in video]
    assert [row.duration for row in rows[:-1]] == [b.dts - a.dts for a, b in pairwise(video)]
    assert rows[-1].duration == 1


def test_a_keyframe_in_the_middle_is_marked_as_such() -> None:
    video = [picture(i, is_keyframe=i in {0, 2}) for i in range(4)]
    rows = parse_fragment(fragment(1, video, [])[0]).video
    assert [row.is_keyframe for row in rows] == [True, False, True, False]


def test_decode_times_that_do_not_rise_are_refused() -> None:
    for dts in (BASE, BASE - 1):
        video = gop(0, 2)
        video[1].dts = dts
        with pytest.raises(Mp4Error, match="do not increase"):
            fragment(1, video, [])


def test_an_identity_of_another_length_is_refused() -> None:
    with pytest.raises(Mp4Error, match="identities"):
        fragment(1, [replace(picture(0, is_keyframe=True), identity=bytes(15))], [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("composition_offset", 1 << 31),
        ("composition_offset", -(1 << 31) - 1),
        ("duration", 1 << 32),
        ("duration", -1),
        ("dts", -1),
        ("dts", 1 << 64),
    ],
)
def test_a_number_that_does_not_fit_is_refused_and_not_wrapped_around(
    field: str, value: int
) -> None:
    sample = picture(0, is_keyframe=True)
    setattr(sample, field, value)
    with pytest.raises(Mp4Error, match="does not fit"):
        fragment(1, [sample], [])


def test_more_samples_than_a_reader_accepts_are_not_written() -> None:
    with pytest.raises(Mp4Error, match="too many samples"):
        fragment(1, gop(0, 40_000), [])


@pytest.mark.parametrize("track", [0, 1, 3])
def test_a_second_run_of_a_track_or_an_unknown_track_is_refused(track: int) -> None:
    head = bytearray(fragment(1, gop(0, 1), [sound(0)])[0])
    at = head.rindex(b"tfhd") + 8
    assert head[at : at + 4] == b"\0\0\0\2"
    head[at + 3] = track
    with pytest.raises(Mp4Error, match=f"of id {track}"):
        parse_fragment(head)


def test_a_run_whose_data_is_said_to_lie_elsewhere_is_refused() -> None:
    head = bytearray(fragment(1, gop(0, 1), [])[0])
    head[head.index(b"trun") + 15] ^= 1
    with pytest.raises(Mp4Error, match="its own size"):
        parse_fragment(head)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_fewer_or_more_identities_than_samples_are_refused(count: int) -> None:
    head = bytes(fragment(1, gop(0, 2), [])[0])
    mfhd, tables = head[8:24], head[32 : head.index(b"uuid") - 4]
    own = box(b"uuid", IDENTITIES_TYPE, b"\1", bytes(16 * count))
    with pytest.raises(Mp4Error, match="do not match"):
        parse_fragment(box(b"moof", mfhd, box(b"traf", _moved(tables, 16 * (count - 2)), own)))


def test_a_run_without_samples_is_refused() -> None:
    head = bytes(fragment(1, gop(0, 1), [])[0])
    tfhd, tfdt = head[32:48], head[48:68]
    trun = box(
        b"trun", head[76:80], bytes(4), (8 + 16 + 8 + 16 + 20 + 20 + 25 + 8).to_bytes(4, "big")
    )
    own = box(b"uuid", IDENTITIES_TYPE, b"\1")
    moof = box(b"moof", head[8:24], box(b"traf", tfhd, tfdt, trun, own))
    with pytest.raises(Mp4Error, match="its own size"):
        parse_fragment(moof)


def _moved(tables: bytes, by: int) -> bytes:
    """Correct the data offset for a moof that is `by` bytes longer."""
    at = tables.index(b"trun") + 12
    offset = int.from_bytes(tables[at : at + 4], "big") + by
    return tables[:at] + offset.to_bytes(4, "big") + tables[at + 4 :]


def test_a_count_that_promises_more_rows_than_there_are_is_refused() -> None:
    head = bytearray(fragment(1, gop(0, 2), [])[0])
    at = head.index(b"trun") + 8
    assert head[at : at + 4] == b"\0\0\0\2"
    for count in (0, 1, 3, 1 << 31, (1 << 32) - 1):
        head[at : at + 4] = count.to_bytes(4, "big")
        with pytest.raises(Mp4Error):
            parse_fragment(head)


def test_identities_of_a_later_version_are_refused_with_what_to_do() -> None:
    head = bytearray(fragment(1, gop(0, 1), [])[0])
    head[head.index(b"uuid") + 20] = 2
    with pytest.raises(LaterVersionError, match="update this node"):
        parse_fragment(head)


def test_a_moof_as_large_as_a_file_is_not_read_into_memory() -> None:
    with pytest.raises(Mp4Error, match="reasonable size"):
        parse_fragment(box(b"moof", bytes(2 << 20)))
