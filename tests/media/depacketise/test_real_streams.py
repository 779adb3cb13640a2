from itertools import chain
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.media.codecs.real_streams import RECIPES, Stream, coded_stream
from tests.media.depacketise.packets import (
    Packet,
    feed,
    identity,
    is_vcl,
    nal_units,
    packetise,
)

from tandem.media.depacketise import make_depacketiser
from tandem.media.units import AccessUnit, VideoConfig

pytestmark = pytest.mark.real

randomly = given(st.randoms(use_true_random=True))
few = settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(params=RECIPES)
def stream(request: pytest.FixtureRequest) -> Stream:
    return coded_stream(request.param)


def sent(stream: Stream, random: Random, *, marks: bool = True) -> list[list[Packet]]:
    return [
        packetise(stream.codec, picture.nals, 1_000_000 + 3600 * i, random, marks)
        for i, picture in enumerate(stream.pictures)
    ]


def received(stream: Stream, packets: list[Packet | None]) -> tuple[list[AccessUnit], int]:
    depacketiser = make_depacketiser(stream.codec, {}, 90_000)
    units = feed(depacketiser, packets)
    depacketiser.flush()
    return units + feed(depacketiser, []), depacketiser.damaged_units


@few
@given(st.randoms(use_true_random=True), st.booleans())
def test_however_it_is_packetised_the_very_nal_units_come_back(
    stream: Stream, random: Random, marks: bool
) -> None:
    units, damaged = received(stream, list(chain(*sent(stream, random, marks=marks))))
    assert damaged == 0
    assert [nal_units(unit) for unit in units] == [p.nals for p in stream.pictures]
    assert [unit.is_keyframe for unit in units] == [p.is_keyframe for p in stream.pictures]
    assert [unit.rtp_time for unit in units] == [
        1_000_000 + 3600 * i for i in range(len(stream.pictures))
    ]
    for unit, picture in zip(units, stream.pictures, strict=True):
        assert unit.identity == identity(stream.codec, picture.nals)


@few
@randomly
def test_the_config_is_one_object_and_the_one_ffprobe_sees(stream: Stream, random: Random) -> None:
    units, _ = received(stream, list(chain(*sent(stream, random))))
    config = units[0].config
    assert all(unit.config is config for unit in units)
    assert isinstance(config, VideoConfig)
    assert (config.width_px, config.height_px) == (stream.probed["width"], stream.probed["height"])


@few
@randomly
def test_lost_packets_cost_their_access_units_and_no_other(stream: Stream, random: Random) -> None:
    packets: list[Packet | None] = []
    whole: set[int] = set()
    hurt: set[int] = set()
    for burst in sent(stream, random):
        gone = {i for i in range(len(burst)) if random.random() < 0.05}
        (hurt if gone else whole).add(burst[0].time)
        packets += [None if i in gone else packet for i, packet in enumerate(burst)]
    units, damaged = received(stream, packets)
    originals = {1_000_000 + 3600 * i: p for i, p in enumerate(stream.pictures)}
    for unit in units:
        picture = originals[unit.rtp_time]
        slices = [nal for nal in nal_units(unit) if is_vcl(stream.codec, nal)]
        assert slices == [nal for nal in picture.nals if is_vcl(stream.codec, nal)]
        assert unit.identity == identity(stream.codec, picture.nals)
    assert whole <= {unit.rtp_time for unit in units}
    assert damaged <= len(hurt)


@few
@randomly
def test_who_joins_in_the_middle_gets_the_next_access_unit_whole(
    stream: Stream, random: Random
) -> None:
    first, *rest = sent(stream, random)
    joined = first[random.randrange(len(first)) :] + list(chain(*rest))
    units, _ = received(stream, list(joined))
    assert [nal_units(unit) for unit in units[-len(rest) :]] == [
        picture.nals for picture in stream.pictures[1:]
    ]
