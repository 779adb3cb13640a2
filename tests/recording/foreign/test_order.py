"""What a child is told, and what libav is asked for."""

import pytest
from tests.recording.foreign.material import PASSWORD, order

from tandem.recording.foreign.order import FOREIGN_SCHEMES, ChildOrder, child_order


def ask(url: str, *, login: bool = False, audio: bool = False) -> ChildOrder:
    return child_order(order(url, login=login, audio=audio), 1)


def test_an_order_survives_its_journey() -> None:
    sent = ask("http://192.0.2.1/x?y=1", login=True, audio=True)
    assert ChildOrder.from_json(sent.to_json()) == sent


def test_a_password_is_in_no_representation() -> None:
    assert PASSWORD not in repr(ask("http://192.0.2.1/x", login=True))


def test_a_login_of_odd_characters_makes_a_valid_address() -> None:
    assert ask("http://192.0.2.1:81/x?y=1", login=True).address == (
        "http://admin:p%40ss%3Aw%2Frd%3F%2541%20%26%C3%A9@192.0.2.1:81/x?y=1"
    )


def test_a_url_is_shown_without_its_query() -> None:
    assert ask("http://192.0.2.1/x?password=secret#y").shown_url == "http://192.0.2.1/x"


def test_a_file_with_a_space_is_found() -> None:
    assert ask("file:///a%20b.mp4").address == "file:/a b.mp4"


@pytest.mark.parametrize("scheme", sorted(FOREIGN_SCHEMES))
def test_no_option_throws_away_what_was_read_to_find_the_tracks(scheme: str) -> None:
    options = ask(f"{scheme}://192.0.2.1/x").options
    assert "nobuffer" not in options.get("fflags", "")
    assert "discardcorrupt" not in options.get("fflags", "")


@pytest.mark.parametrize("scheme", sorted(FOREIGN_SCHEMES - {"file"}))
def test_no_playlist_may_name_our_files(scheme: str) -> None:
    assert "file" not in ask(f"{scheme}://192.0.2.1/x").options["protocol_whitelist"].split(",")


@pytest.mark.parametrize("scheme", ["rtmp", "rtmps", "tcp"])
def test_no_option_makes_libav_listen(scheme: str) -> None:
    assert not {"timeout", "listen"} & set(ask(f"{scheme}://192.0.2.1/x").options)


def test_sound_is_set_up_only_where_it_is_wanted() -> None:
    assert ask("rtsps://192.0.2.1/x").options["allowed_media_types"] == "video"
    assert ask("rtsps://192.0.2.1/x", audio=True).options["allowed_media_types"] == "video+audio"


def test_srt_takes_the_password_as_its_passphrase() -> None:
    asked = ask("srt://192.0.2.1:9000", login=True)
    assert asked.options["passphrase"] == PASSWORD
    assert asked.address == "srt://192.0.2.1:9000"
