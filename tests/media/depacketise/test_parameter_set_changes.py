import base64

import pytest
from tests.media.codecs.writing import (
    h264_pps,
    h264_slice,
    h264_sps,
    h265_pps,
    h265_slice,
    h265_sps,
    h265_vps,
)
from tests.media.depacketise.packets import Packet, aggregate, feed

from tandem.media.depacketise import make_depacketiser
from tandem.media.depacketise.base import Depacketiser
from tandem.media.units import Codec, TrackConfig, VideoConfig

SPS, PPS = h264_sps(fps=25), h264_pps()
BIG = h264_sps(rows=30, fps=25)


def text(*nals: bytes) -> str:
    return ",".join(base64.b64encode(nal).decode() for nal in nals)


def camera(sprop: str = "") -> Depacketiser:
    return make_depacketiser(Codec.H264, {"sprop-parameter-sets": sprop}, 90_000)


def configs(depacketiser: Depacketiser, *pictures: list[bytes]) -> list[TrackConfig | None]:
    packets = [
        Packet(aggregate(Codec.H264, nals), time, True) for time, nals in enumerate(pictures)
    ]
    return [unit.config for unit in feed(depacketiser, packets)]


def heights(found: list[TrackConfig | None]) -> list[int | None]:
    return [c.height_px if isinstance(c, VideoConfig) else None for c in found]


def idr(pps_id: int = 0) -> bytes:
    return h264_slice(key=True, pps_id=pps_id, body=b"\x99" * 9)


def inter(pps_id: int = 0) -> bytes:
    return h264_slice(pps_id=pps_id, body=b"\x77" * 9)


def test_until_the_camera_tells_its_sets_there_is_no_config() -> None:
    found = configs(camera(), [inter()], [idr()], [SPS, PPS, idr()], [inter()])
    assert heights(found) == [None, None, 240, 240]


def test_sets_of_the_session_description_hold_from_the_first_picture() -> None:
    found = configs(camera(text(SPS, PPS)), [inter()], [idr()])
    assert found[0] is found[1] is not None
    assert found[0] == VideoConfig(Codec.H264, (SPS, PPS), 320, 240, None)


@pytest.mark.parametrize(
    "sprop", ["%%%", "Z0I=,", text(SPS[:6]), text(PPS), "AAAA" * 9, "é,", text(b"\x65\x88")]
)
def test_nonsense_in_the_session_description_is_passed_over(sprop: str) -> None:
    found = configs(camera(sprop), [inter()], [SPS, PPS, idr()])
    assert heights(found) == [None, 240]


def test_sets_in_the_description_may_lack_padding_or_have_start_codes() -> None:
    sprop = text(b"\0\0\0\1" + SPS, PPS).replace("=", "")
    assert heights(configs(camera(sprop), [inter()])) == [240]


def test_sets_told_again_with_every_keyframe_keep_the_one_config() -> None:
    found = configs(camera(text(SPS, PPS)), [SPS, PPS, idr()], [inter()], [SPS, PPS, idr()])
    assert found[0] is found[1] is found[2] is not None


@pytest.mark.parametrize(
    "same", [SPS + b"\x80\x00", SPS + b"\0\0", b"\x27" + SPS[1:], h264_sps(fps=8)]
)
def test_sets_that_decode_alike_keep_the_one_config(same: bytes) -> None:
    found = configs(camera(text(SPS, PPS)), [idr()], [same, PPS + b"\0", idr()], [inter()])
    assert found[0] is found[1] is found[2] is not None


def test_another_size_makes_a_new_config_from_its_keyframe_on() -> None:
    found = configs(
        camera(text(SPS, PPS)), [idr()], [inter()], [BIG, PPS, idr()], [inter()], [SPS, PPS, idr()]
    )
    assert heights(found) == [240, 240, 480, 480, 240]
    assert found[2] is found[3]


def test_sets_told_ahead_of_their_keyframe_wait_for_it() -> None:
    found = configs(camera(text(SPS, PPS)), [idr()], [BIG, inter()], [inter()], [idr()])
    assert heights(found) == [240, 240, 240, 480]


def test_sets_that_came_just_before_a_lost_keyframe_hold_for_the_next() -> None:
    depacketiser = camera(text(SPS, PPS))
    packets = [Packet(BIG, 1), None, Packet(idr(), 1, True), Packet(idr(), 2, True)]
    assert heights([unit.config for unit in feed(depacketiser, packets)]) == [480]


def test_sets_that_no_picture_uses_change_nothing() -> None:
    unused = [h264_sps(sps_id=5, rows=30), h264_pps(9, 5)]
    found = configs(camera(text(SPS, PPS)), [idr()], [*unused, idr()])
    assert found[0] is found[1]


def test_the_picture_chooses_among_the_sets_that_are_known() -> None:
    both = text(SPS, PPS, h264_sps(sps_id=1, rows=30), h264_pps(1, 1))
    found = configs(camera(both), [idr(0)], [inter(0)], [idr(1)], [inter(1)], [idr(0)])
    assert heights(found) == [240, 240, 480, 480, 240]
    assert [len(c.parameter_sets) for c in found if isinstance(c, VideoConfig)] == [2] * 5


def test_every_pps_of_the_sequence_is_in_the_config() -> None:
    found = configs(camera(), [SPS, h264_pps(3), PPS, idr()])
    assert isinstance(found[0], VideoConfig)
    assert found[0].parameter_sets == (SPS, PPS, h264_pps(3))


def test_nonsense_in_band_never_takes_the_place_of_good_sets() -> None:
    broken = [SPS[:5], b"\x67" + b"\xff" * 5000, b"\x68"]
    found = configs(camera(text(SPS, PPS)), [idr()], [*broken, idr()], [idr(pps_id=77)])
    assert found[0] is found[1] is found[2] is not None


def test_h265_sets_come_from_three_parameters_and_in_band() -> None:
    sets = (h265_vps(), h265_sps(), h265_pps())
    names = ("sprop-vps", "sprop-sps", "sprop-pps")
    fmtp = {name: text(nal) for name, nal in zip(names, sets, strict=True)}
    depacketiser = make_depacketiser(Codec.H265, fmtp, 90_000)
    key = h265_slice(19, body=b"\x11" * 9)
    changed = h265_sps(size=(640, 480))
    pictures = [[key], [*sets, key], [sets[0], changed, sets[2], key]]
    packets = [Packet(aggregate(Codec.H265, nals), i, True) for i, nals in enumerate(pictures)]
    found = [unit.config for unit in feed(depacketiser, packets)]
    assert found[0] is found[1]
    assert isinstance(found[0], VideoConfig)
    assert found[0].parameter_sets == sets
    assert heights(found) == [240, 240, 480]
