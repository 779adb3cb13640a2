"""What systemd says, and whether Tandem may start what it speaks of."""

import pytest

from tandem.resources.unit.status import read_status

UNIT = "web.service"
FINE = "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\nWantedBy=\nTriggeredBy=\n"


def why(shown: str) -> str | None:
    return read_status(shown).why_not_ours(UNIT)


@pytest.mark.parametrize("file", ["disabled", "static", ""])
def test_a_service_that_nobody_else_starts_is_ours_to_start(file: str) -> None:
    assert why(FINE.replace("=disabled", f"={file}")) is None


@pytest.mark.parametrize("file", ["enabled", "enabled-runtime"])
def test_a_service_that_is_enabled_at_boot_is_refused_with_the_remedy(file: str) -> None:
    assert "systemctl disable web.service" in str(why(FINE.replace("=disabled", f"={file}")))


def test_a_service_that_is_masked_is_refused_with_the_remedy() -> None:
    assert "systemctl unmask web.service" in str(why(FINE.replace("=disabled", "=masked")))


def test_a_service_that_others_pull_in_is_refused_with_their_names() -> None:
    said = str(why(FINE + "TriggeredBy=web.socket web.timer\nWantedBy=multi-user.target\n"))
    assert "web.socket triggers it" in said
    assert "disable --now multi-user.target web.socket web.timer" in said


def test_a_service_that_is_not_there_is_refused() -> None:
    assert "knows no unit web.service" in str(why("LoadState=not-found\n"))
    assert "knows no unit web.service" in str(why(""))


def test_what_a_property_holds_may_have_equals_signs() -> None:
    assert read_status("ControlGroup=/a.slice/b=c.service\n").group == "/a.slice/b=c.service"
