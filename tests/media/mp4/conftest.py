"""Clips by real encoders, made once a session."""

import pytest
from tests.media.mp4.material import Clip, Recipe, make_clip

from tandem.media.units import Codec

RECIPES = {
    "H.264 with B-frames, AAC": Recipe(
        Codec.H264, 2, Codec.AAC, ("libx264", "-bf", "3", "-g", "12", "-threads", "1")
    ),
    "H.265 with open GOPs, Opus": Recipe(
        *(Codec.H265, 2, Codec.OPUS),
        ("libx265", "-x265-params", "keyint=12:bframes=4:log-level=error:pools=1"),
    ),
    "H.264 baseline, G.711 u-law": Recipe(
        *(Codec.H264, 0, Codec.PCMU),
        ("libx264", "-profile:v", "baseline", "-g", "12", "-threads", "1"),
    ),
    "H.265 alone": Recipe(
        *(Codec.H265, 0, None),
        ("libx265", "-x265-params", "keyint=25:bframes=0:log-level=error:pools=1"),
    ),
    "H.264 without delay, G.711 A-law": Recipe(
        *(Codec.H264, 0, Codec.PCMA),
        ("libx264", "-tune", "zerolatency", "-g", "50", "-threads", "1"),
    ),
}


@pytest.fixture(scope="session", params=RECIPES)
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return make_clip(tmp_path_factory.mktemp("clip"), RECIPES[request.param])
