"""What a node is to do, worked out from what the cluster agreed on."""

from dataclasses import replace

from tests.node.agent.material import camera

from tandem.archive.deletion import Retention
from tandem.archive.rows import Role
from tandem.cluster.duties import Beliefs, Word
from tandem.cluster.model import Camera, Placement, Protection, Stream
from tandem.node.agent.heal_orders import HealOrders
from tandem.node.agent.work import Work, copies_here, retention_of, work_of
from tandem.node.seal import SealError
from tandem.recording.camera import Login, Relay, StreamName

PLACED = {"gate": Placement("gate", ("n1", "n2", "n3"), 4)}


def unseal(camera_id: str, sealed: str) -> Login:
    if sealed == "broken":
        raise SealError(f"The login of camera '{camera_id}' cannot be unsealed.")
    return Login("admin", sealed)


LINKS = {
    node: (f"10.0.1.{number}", f"10.0.2.{number}")
    for number, node in enumerate(PLACED["gate"].nodes, 1)
}


def work(
    node_id: str, *cameras: Camera, suspected: str = "", words: dict[str, Word] | None = None
) -> Work:
    beliefs = Beliefs({suspected}, words or {})
    return work_of(node_id, cameras, PLACED, beliefs, unseal, LINKS)


def test_primary_and_second_record_the_same_and_differ_in_their_role() -> None:
    [first], [second] = work("n1", camera()).streams, work("n2", camera()).streams
    assert (first.role, second.role) == (Role.PRIMARY, Role.SECOND)
    assert first.url == second.url
    assert not work("n3", camera()).streams


def test_who_stands_in_for_a_suspected_node_records_as_a_second() -> None:
    found = work("n3", camera(), suspected="n1")
    assert [order.role for order in found.streams] == [Role.SECOND]
    duty = found.duty_of(("gate", "main"))
    assert duty is not None
    assert duty.stands_in


def test_a_login_reaches_the_recorder_unsealed() -> None:
    [order] = work("n1", camera(login="secret")).streams
    assert order.login == Login("admin", "secret")


def test_a_camera_whose_login_cannot_be_read_is_told_and_holds_up_no_other() -> None:
    good = camera("yard")
    placed = PLACED | {"yard": Placement("yard", ("n1",), 1)}
    found = work_of("n1", [camera(login="broken"), good], placed, Beliefs(), unseal, LINKS)
    assert [order.camera_id for order in found.streams] == ["yard"]
    assert "gate" in found.problems[0]


def test_a_camera_whose_id_no_volume_can_take_holds_up_no_other() -> None:
    placed = {name: Placement(name, ("n1",), 1) for name in ("locks", "yard")}
    found = work_of("n1", [camera("locks"), camera("yard")], placed, Beliefs(), unseal, LINKS)
    assert [order.camera_id for order in found.streams] == ["yard"]
    assert "locks" in found.problems[0]


def test_a_stream_that_is_live_only_is_not_recorded() -> None:
    streams = (Stream("main", "rtsp://h/1"), Stream("sub", "rtsp://h/2", recorded=False))
    one = camera()
    both = type(one)("gate", "Gate", streams, Protection.HOT, 4.0)
    assert [order.stream for order in work("n1", both).streams] == [StreamName.MAIN]


def test_a_removed_camera_is_not_recorded_and_its_recordings_are_kept_as_was_said() -> None:
    gone = camera(removed=True, keep_s=60)
    assert not work("n1", gone).streams
    assert retention_of([gone]) == {"gate": Retention(60_000_000, None, 600_000_000)}


def test_a_mirror_has_no_window_and_a_single_copy_none_to_wait_for() -> None:
    kept = retention_of([camera("a", Protection.MIRROR), camera("b", Protection.FAILOVER)])
    assert (kept["a"].window_us, kept["b"].window_us) == (None, 0)


def test_only_who_is_to_have_a_copy_heals_one() -> None:
    cameras = {"gate": camera()}
    assert copies_here("n1", cameras, PLACED) == {"gate": ("n2", "n3")}
    assert copies_here("n2", cameras, PLACED) == {"gate": ("n1", "n3")}
    assert copies_here("n3", cameras, PLACED) == {}
    assert copies_here("n1", {"gate": camera(protection=Protection.COLD)}, PLACED) == {}


def test_a_token_changes_with_whatever_may_have_left_a_hole() -> None:
    heal, cameras = HealOrders(), {"gate": camera()}
    tokens = []

    def look(placed: dict[str, Placement] = PLACED) -> None:
        tokens.append(heal.orders("n1", cameras, placed)["gate"].token)

    look()
    heal.note_return("n2")
    look()
    heal.note_streams({("gate", StreamName.MAIN): {"connected": True, "since_us": 9}})
    look()
    heal.note_streams({("gate", StreamName.MAIN): {"connected": True, "since_us": 11}})
    look()
    look({"gate": Placement("gate", ("n1", "n2", "n3"), 5)})
    assert len(set(tokens)) == len(tokens)


def test_a_token_stays_while_nothing_happens_here_and_while_a_camera_is_away() -> None:
    heal, cameras = HealOrders(), {"gate": camera()}
    heal.note_streams({("gate", StreamName.MAIN): {"connected": True, "since_us": 9}})
    before = heal.orders("n1", cameras, PLACED)
    heal.note_streams({("gate", StreamName.MAIN): {"connected": False, "since_us": 12}})
    heal.note_return("n7")
    heal.note_streams({("yard", StreamName.MAIN): {"connected": True, "since_us": 13}})
    assert heal.orders("n1", cameras, PLACED) == before


HELD = Word(holds={"gate": {"main": 2383, "sub": None}})


def relayed() -> Camera:
    streams = (Stream("main", "rtsp://10.0.0.8/1"), Stream("sub", "rtsp://10.0.0.8/2"))
    return Camera("gate", "Gate", streams, Protection.RELAYED, 4.0)


def test_a_relayed_camera_is_passed_on_by_who_has_its_session() -> None:
    main, sub = work("n1", relayed()).streams
    assert (main.relays, main.relay, sub.relays) == (True, None, True)
    [hot] = work("n1", camera()).streams
    assert not hot.relays


def test_its_second_receives_what_is_offered_and_waits_for_the_rest() -> None:
    [main] = work("n2", relayed(), words={"n1": HELD}).streams
    assert (main.stream, main.role, main.relays) == (StreamName.MAIN, Role.SECOND, False)
    assert main.relay == Relay("n1", LINKS["n1"], 2383)
    waiting = work("n2", relayed())
    assert not waiting.streams
    assert waiting.duty_of(("gate", "main")) is not None


def test_a_camera_with_a_broken_login_is_told_once_for_all_its_streams() -> None:
    found = work_of("n1", [replace(relayed(), login="broken")], PLACED, Beliefs(), unseal, LINKS)
    assert len(found.duties) == 2
    assert len(found.problems) == 1


def test_its_primary_receives_from_its_second_what_that_one_has() -> None:
    [main] = work("n1", relayed(), words={"n2": HELD}).streams
    assert main.role is Role.PRIMARY
    assert main.relay == Relay("n2", LINKS["n2"], 2383)
