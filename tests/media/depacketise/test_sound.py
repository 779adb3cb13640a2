import pytest
from blake3 import blake3
from tests.media.codecs.real_streams import ffmpeg
from tests.media.codecs.writing import BitWriter
from tests.media.depacketise.packets import Packet, feed

from tandem.media.codecs import CodecError
from tandem.media.depacketise import make_depacketiser
from tandem.media.depacketise.base import Depacketiser
from tandem.media.units import AudioConfig, Codec

HBR = {
    "mode": "AAC-hbr",
    "config": "1190",
    "sizelength": "13",
    "indexlength": "3",
    "indexdeltalength": "3",
}
FRAMES = [bytes([i]) * (20 + i) for i in range(5)]


def hbr(*frames: bytes, size: int | None = None, delta: int = 0) -> bytes:
    """RFC 3640 section 3.3.6: 13 bits of size and 3 of index for each frame."""
    w = BitWriter().u(16, 16 * len(frames))
    for i, frame in enumerate(frames):
        w.u(13, size or len(frame)).u(3, delta if i else 0)
    return w.unpadded() + b"".join(frames)


@pytest.fixture
def aac() -> Depacketiser:
    return make_depacketiser(Codec.AAC, HBR, 48_000, 2)


def got(depacketiser: Depacketiser, *packets: Packet | None) -> list[tuple[int, bytes]]:
    return [(unit.rtp_time, bytes(unit.data)) for unit in feed(depacketiser, packets)]


def test_frames_in_one_packet_are_a_frame_apart(aac: Depacketiser) -> None:
    units = feed(aac, [Packet(hbr(*FRAMES[:3]), 5000, True), Packet(hbr(FRAMES[3]), 8072, True)])
    assert [(u.rtp_time, u.data) for u in units] == [
        (5000 + 1024 * i, frame) for i, frame in enumerate(FRAMES[:4])
    ]
    assert all(unit.is_keyframe for unit in units)
    assert [u.identity for u in units] == [blake3(f).digest(length=16) for f in FRAMES[:4]]
    config = AudioConfig(Codec.AAC, 48_000, 2, b"\x11\x90", 1024)
    assert [unit.config for unit in units] == [config] * 4


def test_with_sbr_frames_are_apart_what_they_last_on_the_clock() -> None:
    he = make_depacketiser(Codec.AAC, {**HBR, "config": "2b118800"}, 48_000, 2)
    assert [time for time, _ in got(he, Packet(hbr(*FRAMES[:2]), 0, True))] == [0, 2048]


def test_a_frame_in_fragments_is_joined(aac: Depacketiser) -> None:
    frame = bytes(range(200))
    pieces = [frame[:90], frame[90:150], frame[150:]]
    packets = [Packet(hbr(p, size=200), 7, i == 2) for i, p in enumerate(pieces)]
    assert got(aac, *packets) == [(7, frame)]


def test_a_hole_in_a_fragmented_frame_costs_that_frame_alone(aac: Depacketiser) -> None:
    frame = bytes(range(200))
    pieces = [Packet(hbr(frame[i : i + 50], size=200), 7, i == 150) for i in range(0, 200, 50)]
    assert got(aac, pieces[0], None) == []
    assert aac.damaged_units == 1
    packets = [*pieces[2:], Packet(hbr(FRAMES[0]), 1031, True)]
    assert got(aac, *packets) == [(1031, FRAMES[0])]
    assert aac.damaged_units == 1


def test_a_frame_whose_first_fragment_was_lost_is_not_made_of_the_next_one(
    aac: Depacketiser,
) -> None:
    frame = bytes(range(200))
    first, last = (hbr(half, size=200) for half in (frame[:100], frame[100:]))
    assert got(aac, None, Packet(last, 7, True)) == []
    assert aac.damaged_units == 1
    assert got(aac, Packet(first, 7), Packet(last, 7, True)) == [(7, frame)]
    assert aac.damaged_units == 1


def test_a_fragment_left_over_at_the_end_is_never_joined(aac: Depacketiser) -> None:
    got(aac, Packet(hbr(bytes(100), size=200), 7))
    aac.flush()
    assert got(aac, Packet(hbr(bytes(100), size=200), 7, True)) == []
    assert aac.damaged_units == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"\x00",
        b"\x00\x10",
        b"\x00\x10\x00\x00",
        b"\x00\x0f\x00\xa0" + bytes(20),
        hbr(FRAMES[0], FRAMES[1])[:-1],
        hbr(FRAMES[0], FRAMES[1], delta=1),
        b"\xff\xff" + b"\x00\x08" * 5000,
    ],
)
def test_a_malformed_packet_is_counted_and_the_next_is_whole(
    aac: Depacketiser, payload: bytes
) -> None:
    units = got(aac, Packet(payload, 0, True), Packet(hbr(FRAMES[2]), 1024, True))
    assert units[-1] == (1024, FRAMES[2])
    assert aac.damaged_units == 1


def test_fields_of_any_length_are_passed_over() -> None:
    fmtp = {
        **HBR,
        "sizelength": "6",
        "indexlength": "2",
        "indexdeltalength": "2",
        "ctsdeltalength": "5",
        "dtsdeltalength": "7",
        "randomaccessindication": "1",
        "streamstateindication": "3",
        "auxiliarydatasizelength": "8",
    }
    header = BitWriter().u(16, 6 + 2 + 6 + 1 + 1 + 3 + 6 + 2 + 1 + 8 + 1 + 3)
    header.u(6, 20).u(2, 3).u(1, 1).u(5, 9).u(1, 0).u(1, 1).u(3, 5)
    header.u(6, 21).u(2, 0).u(1, 0).u(1, 1).u(7, 99).u(1, 1).u(3, 5)
    auxiliary = BitWriter().u(8, 11).u(11, 777).unpadded()
    payload = header.unpadded() + auxiliary + FRAMES[0] + FRAMES[1]
    units = got(make_depacketiser(Codec.AAC, fmtp, 48_000), Packet(payload, 0, True))
    assert units == [(0, FRAMES[0]), (1024, FRAMES[1])]


def test_frames_of_constant_size_need_no_headers() -> None:
    fmtp = {"mode": "generic", "config": "1190", "constantsize": "20"}
    units = got(make_depacketiser(Codec.AAC, fmtp, 48_000), Packet(FRAMES[0] * 3, 0, True))
    assert units == [(0, FRAMES[0]), (1024, FRAMES[0]), (2048, FRAMES[0])]


def test_every_byte_of_g711_is_a_sample() -> None:
    g711 = make_depacketiser(Codec.PCMU, {}, 8_000, 1)
    units = feed(g711, [Packet(b"\xff" * 160, 0), Packet(b"", 160), Packet(b"\x7f" * 161, 160)])
    assert [(u.rtp_time, len(u.data)) for u in units] == [(0, 160), (160, 161)]
    assert units[0].config == AudioConfig(Codec.PCMU, 8_000, 1)
    assert units[0].identity == blake3(b"\xff" * 160).digest(length=16)


def test_half_a_sample_of_stereo_is_cut_off_and_counted() -> None:
    g711 = make_depacketiser(Codec.PCMA, {}, 8_000, 2)
    assert [len(data) for _, data in got(g711, Packet(b"\x55" * 161, 0))] == [160]
    assert g711.damaged_units == 1


def test_an_opus_payload_is_a_frame() -> None:
    opus = make_depacketiser(Codec.OPUS, {}, 48_000, 2)
    units = got(opus, Packet(b"\xfc\x01\x02", 0), Packet(b"", 960), Packet(b"\xfc", 1920))
    assert units == [(0, b"\xfc\x01\x02"), (1920, b"\xfc")]
    assert opus.damaged_units == 1


@pytest.mark.parametrize(
    ("codec", "fmtp", "clock_hz", "channels", "why"),
    [
        (Codec.H264, {"packetization-mode": "2"}, 90_000, 1, "interleaved"),
        (Codec.H264, {}, 48_000, 1, "90000"),
        (Codec.H265, {"sprop-max-don-diff": "3"}, 90_000, 1, "decoding order"),
        (Codec.AAC, {"cpresent": "0", "config": "400023203fc0"}, 24_000, 2, "LATM"),
        (Codec.AAC, {**HBR, "config": "12g0"}, 48_000, 2, "hexadecimal"),
        (Codec.AAC, {**HBR, "config": ""}, 48_000, 2, "no config"),
        (Codec.AAC, {**HBR, "config": "11"}, 48_000, 2, "ends"),
        (Codec.AAC, {**HBR, "sizelength": "99999999999"}, 48_000, 2, "sizelength"),
        (Codec.AAC, {**HBR, "indexlength": "-3"}, 48_000, 2, "indexlength"),
        (Codec.OPUS, {}, 8_000, 2, "48000"),
        (Codec.PCMU, {}, 8_000, 9, "9 channels"),
    ],
)
def test_what_is_not_recorded_is_refused_with_the_reason(
    codec: Codec, fmtp: dict[str, str], clock_hz: int, channels: int, why: str
) -> None:
    with pytest.raises(CodecError, match=why):
        make_depacketiser(codec, fmtp, clock_hz, channels)


@pytest.mark.real
def test_real_aac_comes_back_frame_by_frame(aac: Depacketiser) -> None:
    sound = ("-f", "lavfi", "-i", "sine=r=48000:d=0.5", "-ac", "2", "-c:a", "aac")
    adts = ffmpeg(*sound, "-f", "adts", "-")
    frames = []
    while adts:
        size = (adts[3] & 3) << 11 | adts[4] << 3 | adts[5] >> 5
        frames.append(adts[7:size])
        adts = adts[size:]
    packets = [Packet(hbr(*frames[i : i + 3]), 1024 * i, True) for i in range(0, len(frames), 3)]
    assert got(aac, *packets) == [(1024 * i, frame) for i, frame in enumerate(frames)]
