"""Packets become the access units that a receiver of RTP would have made of them."""

from tests.recording.foreign.material import clip, nal_units, split_sample

from tandem.media.mp4.identity import video_identity
from tandem.media.units import AccessUnit, AudioConfig, Codec, TimelineBreak, VideoConfig
from tandem.recording.foreign.assembly import AudioAssembly, VideoAssembly
from tandem.recording.foreign.bitstream import Bitstream
from tandem.recording.foreign.protocol import Tracks, Unit

FRAME = 3600
IDR, P, SEI, AUD, END_OF_SEQUENCE = (
    b"\x65\x88\x80",
    b"\x41\x9a\x01",
    b"\x06\x05\x01",
    b"\x09\xf0",
    b"\x0a",
)
IDR_REST, P_REST = b"\x65\x40\x01", b"\x41\x40\x01"


def packet(*nals: bytes, pts: int | None) -> Unit:
    payload = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
    return Unit(is_video=True, pts=pts, dts=None, duration=0, payload=payload)


def assemble(*units: Unit, sets: tuple[bytes, ...] = ()) -> list[AccessUnit | TimelineBreak]:
    assembly = VideoAssembly(Tracks(Codec.H264, sets))
    items = [item for unit in units for item in assembly.receive(unit)]
    items += assembly.flush()
    assert assembly.damaged_units == 0
    return items


def pictures(*units: Unit) -> list[tuple[list[bytes], int]]:
    return [
        (split_sample(item.data), item.rtp_time)
        for item in assemble(*units)
        if isinstance(item, AccessUnit)
    ]


def test_a_first_packet_without_time_is_kept() -> None:
    assert pictures(packet(IDR, pts=None), packet(P, pts=2 * FRAME)) == [
        ([IDR], FRAME),
        ([P], 2 * FRAME),
    ]


def test_a_picture_that_came_in_two_packets_of_one_time_is_one() -> None:
    assert pictures(packet(IDR, pts=0), packet(IDR_REST, pts=0), packet(P, pts=FRAME)) == [
        ([IDR, IDR_REST], 0),
        ([P], FRAME),
    ]


def test_a_first_picture_in_two_packets_is_one_though_the_first_has_no_time() -> None:
    assert pictures(packet(IDR, pts=None), packet(IDR_REST, pts=5), packet(P, pts=FRAME)) == [
        ([IDR, IDR_REST], 5),
        ([P], FRAME),
    ]


def test_more_of_a_picture_without_a_time_still_joins_it() -> None:
    assert pictures(
        packet(IDR, pts=0), packet(P, pts=FRAME), packet(P_REST, pts=None), packet(P, pts=9000)
    ) == [([IDR], 0), ([P, P_REST], FRAME), ([P], 9000)]


def test_two_pictures_of_one_time_stay_two() -> None:
    assert pictures(packet(IDR, pts=0), packet(P, pts=0)) == [([IDR], 0), ([P], 0)]


def test_what_comes_without_a_picture_joins_the_next_one() -> None:
    assert pictures(packet(AUD, SEI, pts=0), packet(IDR, pts=FRAME)) == [([AUD, SEI, IDR], FRAME)]


def test_what_ends_a_picture_stays_with_it() -> None:
    assert pictures(packet(IDR, END_OF_SEQUENCE, pts=0), packet(P, pts=FRAME)) == [
        ([IDR, END_OF_SEQUENCE], 0),
        ([P], FRAME),
    ]


def test_nal_units_whose_type_means_a_packet_format_in_rtp_are_nal_units_here() -> None:
    fragment_like, aggregate_like = b"\x7c\x85\x01", b"\x78\x00\x01\x65"
    assert pictures(packet(fragment_like, aggregate_like, IDR, pts=0)) == [
        ([fragment_like, aggregate_like, IDR], 0)
    ]


def test_a_camera_that_resets_its_clock_gets_a_new_timeline_and_loses_nothing() -> None:
    items = assemble(packet(IDR, pts=1 << 40), packet(P, pts=100), packet(P, pts=100 + FRAME))
    assert [type(item) for item in items] == [AccessUnit, TimelineBreak, AccessUnit, AccessUnit]


def test_the_last_picture_comes_out_when_the_connection_ends() -> None:
    assembly = VideoAssembly(Tracks(Codec.H264, ()))
    assert assembly.receive(packet(IDR, pts=0)) == []
    assert len(assembly.flush()) == 1


def test_parameter_sets_of_the_container_configure_the_first_picture() -> None:
    nals = nal_units(clip("h264", "ts"))
    sets = tuple(nal for nal in nals if nal[0] & 0x1F in {7, 8})[:2]
    first = next(nal for nal in nals if nal[0] & 0x1F == 5)
    (item,) = assemble(packet(first, pts=0), sets=sets)
    assert isinstance(item, AccessUnit)
    assert isinstance(item.config, VideoConfig)
    assert item.config.width_px == 320


def test_parameter_sets_that_the_container_changes_configure_the_next_keyframe() -> None:
    nals = nal_units(clip("h264", "ts"))
    sets = tuple(nal for nal in nals if nal[0] & 0x1F in {7, 8})[:2]
    first = next(nal for nal in nals if nal[0] & 0x1F == 5)
    assembly = VideoAssembly(Tracks(Codec.H264, ()))
    items = assembly.receive(packet(first, pts=0))
    assembly.learn(sets)
    items += assembly.receive(packet(first, pts=FRAME)) + assembly.flush()
    configs = [item.config for item in items if isinstance(item, AccessUnit)]
    assert configs[0] is None
    assert configs[1] is not None


def test_keyframes_and_identities_are_those_of_the_slices() -> None:
    items = assemble(packet(AUD, IDR, pts=0), packet(IDR, pts=FRAME), packet(P, pts=2 * FRAME))
    units = [item for item in items if isinstance(item, AccessUnit)]
    assert [unit.is_keyframe for unit in units] == [True, True, False]
    assert units[0].identity == units[1].identity != units[2].identity
    for unit in units:
        assert unit.identity == video_identity(Codec.H264, memoryview(unit.data))


def test_a_picture_without_its_beginning_is_counted() -> None:
    assembly = VideoAssembly(Tracks(Codec.H264, ()))
    assembly.receive(packet(P_REST, pts=0))
    items = assembly.receive(packet(IDR, pts=FRAME)) + assembly.flush()
    assert len(items) == 1
    assert assembly.damaged_units == 1


def test_frames_of_sound_without_times_are_as_far_apart_as_they_are_long() -> None:
    config = AudioConfig(Codec.AAC, 44_100, 1, b"\x12\x08", 1024)
    assembly = AudioAssembly(config, 1 << 33)
    stamps = [None, 5000, None, None, 5000 + 3 * 1024]
    items = [
        item
        for at, pts in enumerate(stamps)
        for item in assembly.receive(Unit(False, pts, pts, 0, bytes([at])))
    ]
    units = [item for item in items if isinstance(item, AccessUnit)]
    assert [unit.data for unit in units] == [bytes([at]) for at in range(5)]
    assert [unit.rtp_time for unit in units[1:]] == [5000 + at * 1024 for at in range(4)]
    assert units[0].rtp_time < 5000
    assert len({unit.identity for unit in units}) == 5


def test_a_byte_stream_becomes_the_same_pictures_as_its_mp4() -> None:
    nals = nal_units(clip("h264-slices", "ts"))
    annex_b = b"".join(b"\0\0\0\1" + nal for nal in nals)
    sample = Bitstream(Codec.H264, b"").sample(annex_b)
    unit = Unit(is_video=True, pts=0, dts=0, duration=FRAME, payload=sample)
    items = assemble(unit)  # all in one packet: only slices tell the pictures apart
    assert len(items) == 25
    got = [nal for item in items if isinstance(item, AccessUnit) for nal in split_sample(item.data)]
    assert got == nals
