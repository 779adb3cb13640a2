"""When answers make a resource unwell."""

from dataclasses import replace

from tandem.resources.checks.options import read_checks
from tandem.resources.checks.verdict import Verdict, judged
from tandem.resources.kind import Health

(CHECK,) = read_checks("", [{"kind": "tcp", "port": 1, "failures": 3, "start_s": 10}])
GOOD, BAD = Health(is_well=True, said="good"), Health(is_well=False, said="bad")
LATE_US = 60_000_000


def after(*answers: Health, since_start_us: int = LATE_US) -> Verdict:
    verdict = Verdict()
    for answer in answers:
        verdict = judged(verdict, CHECK, answer, since_start_us)
    return verdict


def test_so_many_bad_answers_in_a_row_make_it_unwell() -> None:
    assert after(BAD, BAD).is_well
    assert not after(BAD, BAD, BAD).is_well
    assert after(BAD, BAD, GOOD, BAD, BAD).is_well


def test_a_good_answer_makes_it_well_again() -> None:
    assert after(BAD, BAD, BAD, GOOD).is_well


def test_a_bad_answer_keeps_what_is_unwell_so() -> None:
    assert not after(BAD, BAD, BAD, BAD).is_well


def test_a_slow_start_is_no_failure_until_its_time_is_over() -> None:
    starting = after(BAD, BAD, BAD, BAD, since_start_us=9_999_999)
    assert starting.is_well
    assert starting.said == "starting: bad"
    verdict = starting
    for _ in range(3):
        verdict = judged(verdict, CHECK, BAD, 10_000_000)
    assert not verdict.is_well


def test_what_has_been_well_once_may_not_fail_as_if_it_were_starting() -> None:
    assert not after(GOOD, BAD, BAD, BAD, since_start_us=1).is_well


def test_one_bad_answer_is_enough_where_the_definition_says_so() -> None:
    check = replace(CHECK, failures=1)
    assert not judged(Verdict(), check, BAD, LATE_US).is_well
