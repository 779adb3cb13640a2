"""What all commands say things with."""

import io
import os
import shutil

import pytest

from tandem.cli.common import WIDTH, by_number, ended, line_width, redacted, wrapped


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def wide(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_: size)


@pytest.mark.parametrize(("columns", "width"), [(80, 80), (200, WIDTH), (20, 60)])
def test_a_line_is_no_longer_than_the_terminal_is_wide(
    monkeypatch: pytest.MonkeyPatch, columns: int, width: int
) -> None:
    wide(monkeypatch, columns)
    assert line_width(Terminal()) == width


def test_what_goes_to_a_program_is_as_wide_on_every_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide(monkeypatch, 80)
    assert line_width(io.StringIO()) == WIDTH


def test_text_is_broken_between_words() -> None:
    lines = wrapped("word " * 40, "  - ", "    ", width=80).split("\n")
    assert max(map(len, lines)) <= 80
    assert {word for line in lines for word in line.split()} == {"word", "-"}


@pytest.mark.parametrize(
    ("said", "told"), [("It broke", "It broke."), ("Is it on?", "Is it on?"), ("Wait …", "Wait …")]
)
def test_a_message_ends_once(said: str, told: str) -> None:
    assert ended(said) == told


def test_cameras_are_in_the_order_of_their_numbers() -> None:
    ids = ["gate", "camera-10", "camera-2", "10", "2b", "camera"]
    ordered = sorted(({"camera_id": it} for it in ids), key=by_number)
    assert [it["camera_id"] for it in ordered] == [
        "camera",
        "camera-2",
        "camera-10",
        "gate",
        "2b",
        "10",
    ]


@pytest.mark.parametrize("password", ["s3cr3t", "s3 cr3t", "s3@cr3t", "s3/cr3t"])
def test_a_login_in_a_url_is_not_repeated_whatever_its_letters(password: str) -> None:
    assert redacted(f"No camera 'rtsp://admin:{password}@h/x'.") == "No camera 'rtsp://***@h/x'."
