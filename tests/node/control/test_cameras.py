"""Cameras in the store: who changes one knows what he changes, whatever becomes of an answer."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.store.subjects import in_a_loop
from tests.node.control.material import KEY, PlayedAgent, camera

from tandem.cluster.keys import CAMERAS
from tandem.cluster.model import Protection, Stream
from tandem.node.control.protocol import (
    ConflictError,
    KeptLogin,
    NotFoundError,
    RefusedError,
)
from tandem.node.seal import Sealer
from tandem.node.store.errors import StoreUnavailableError, UnknownOutcomeError
from tandem.node.store.fake import Call, Fault, scripted
from tandem.node.store.model import Put, Transaction
from tandem.recording.camera import Login

LOGIN = Login("admin", "s3cr3t")


@in_a_loop
async def test_a_camera_is_entered_with_its_login_sealed() -> None:
    agent = PlayedAgent()
    revision = await agent.put_camera(camera(), LOGIN, 0)
    entry = await agent.camera("gate")
    assert (entry.revision, entry.placement) == (revision, None)
    assert entry.camera.login is not None
    assert "s3cr3t" not in entry.camera.login
    assert Sealer(KEY).unseal("gate", entry.camera.login) == LOGIN


@in_a_loop
async def test_a_change_keeps_the_login_that_is_not_mentioned() -> None:
    agent = PlayedAgent()
    revision = await agent.put_camera(camera(), LOGIN, 0)
    sealed = agent.stored().login
    await agent.put_camera(camera(name="Main gate"), KeptLogin.KEPT, revision)
    assert (agent.stored().name, agent.stored().login) == ("Main gate", sealed)


@in_a_loop
async def test_a_login_can_be_taken_away() -> None:
    agent = PlayedAgent()
    await agent.put_camera(camera(), None, await agent.put_camera(camera(), LOGIN, 0))
    assert agent.stored().login is None


@in_a_loop
async def test_what_is_as_wanted_already_is_not_written_again() -> None:
    agent = PlayedAgent()
    revision = await agent.put_camera(camera(), LOGIN, 0)
    assert await agent.put_camera(camera(), LOGIN, revision) == revision
    assert await agent.put_camera(camera(), KeptLogin.KEPT, revision) == revision
    assert await agent.put_camera(camera(), Login("admin", "other"), revision) > revision


@in_a_loop
async def test_who_read_it_before_another_changed_it_is_told_what_there_is_now() -> None:
    agent = PlayedAgent()
    old = await agent.put_camera(camera(), None, 0)
    new = await agent.put_camera(camera(name="Main gate"), None, old)
    with pytest.raises(ConflictError, match="changed by somebody else") as told:
        await agent.put_camera(camera(name="Door"), None, old)
    assert told.value.current is not None
    assert (told.value.current.revision, told.value.current.camera.name) == (new, "Main gate")
    with pytest.raises(ConflictError):
        await agent.remove_camera("gate", old)


@in_a_loop
async def test_a_camera_that_is_there_is_not_entered_again() -> None:
    agent = PlayedAgent()
    await agent.put_camera(camera(), None, 0)
    with pytest.raises(ConflictError, match="'gate' is there already"):
        await agent.put_camera(camera(), None, 0)


@in_a_loop
async def test_a_removed_camera_is_gone_its_login_too_and_its_id_is_never_used_again() -> None:
    agent = PlayedAgent()
    revision = await agent.put_camera(camera(keep_s=86_400), LOGIN, 0)
    await agent.remove_camera("gate", revision)
    assert (await agent.cameras()).entries == ()
    assert (agent.stored().keep_s, agent.stored().login) == (86_400, None)
    with pytest.raises(NotFoundError, match="no camera 'gate'"):
        await agent.camera("gate")
    with pytest.raises(NotFoundError):
        await agent.remove_camera("gate", revision)
    with pytest.raises(ConflictError, match="never used again"):
        await agent.put_camera(camera(), None, 0)


@in_a_loop
async def test_a_camera_that_nobody_entered_is_not_found() -> None:
    agent = PlayedAgent()
    with pytest.raises(NotFoundError):
        await agent.camera("gate")
    with pytest.raises(NotFoundError):
        await agent.put_camera(camera(), None, 7)


@in_a_loop
async def test_all_cameras_are_listed_with_their_placements() -> None:
    agent = PlayedAgent()
    agent.store(camera("yard"))
    agent.store(camera("gate"), "node2", "node1")
    found = await agent.cameras()
    assert [it.camera.camera_id for it in found.entries] == ["gate", "yard"]
    assert [it.placement.nodes if it.placement else None for it in found.entries] == [
        ("node2", "node1"),
        None,
    ]


@in_a_loop
async def test_one_camera_that_cannot_be_read_hides_no_other() -> None:
    agent = PlayedAgent()
    agent.store(camera("gate"))
    agent.fake.keys.transact(Transaction(success=(Put(CAMERAS + "yard", b"{"),)))
    found = await agent.cameras()
    assert [it.camera.camera_id for it in found.entries] == ["gate"]
    assert [problem for problem in found.problems if "'yard'" in problem]


@pytest.mark.parametrize("fault", [Fault.UNANSWERED, Fault.LOST])
@in_a_loop
async def test_a_change_of_unknown_outcome_is_made_once(fault: Fault) -> None:
    agent = PlayedAgent()
    revision = agent.store(camera())
    agent.fake.faults = scripted(None, fault)  # the reading, then the writing
    now = await agent.put_camera(camera(name="Main gate"), None, revision)
    entry = agent.fake.keys.get(CAMERAS + "gate")
    assert entry is not None
    assert (entry.mod_revision, entry.version, agent.stored().name) == (now, 2, "Main gate")


@in_a_loop
async def test_a_change_that_arrives_late_beside_its_repetition_is_made_once() -> None:
    agent = PlayedAgent()
    revision = agent.store(camera())
    agent.fake.faults = scripted(None, Fault.DELAYED)
    now = await agent.put_camera(camera(name="Main gate"), None, revision)
    agent.fake.deliver_delayed()
    entry = agent.fake.keys.get(CAMERAS + "gate")
    assert entry is not None
    assert (entry.mod_revision, entry.version) == (now, 2)


@in_a_loop
async def test_a_change_that_arrives_before_its_repetition_is_found_to_be_made() -> None:
    agent = PlayedAgent()
    revision = agent.store(camera())
    faults = iter([None, Fault.DELAYED, None])  # reading, writing, reading back

    def deliver_when_it_is_repeated(_call: Call) -> Fault | None:
        fault = next(faults, Fault.STALE)
        if fault is Fault.STALE:
            agent.fake.deliver_delayed()
            return None
        return fault

    agent.fake.faults = deliver_when_it_is_repeated
    now = await agent.put_camera(camera(name="Main gate"), None, revision)
    assert (now, agent.stored().name) == (revision + 1, "Main gate")


@in_a_loop
async def test_a_change_that_nobody_ever_answers_is_said_to_be_unknown() -> None:
    agent = PlayedAgent()
    revision = agent.store(camera())
    lost = Fault.LOST
    agent.fake.faults = scripted(None, lost, None, lost, None, lost)
    with pytest.raises(UnknownOutcomeError):
        await agent.put_camera(camera(name="Main gate"), None, revision)


@in_a_loop
async def test_a_change_that_another_overtook_is_a_conflict_even_if_it_may_have_happened() -> None:
    agent = PlayedAgent()
    revision = agent.store(camera())
    faults = iter([None, Fault.UNANSWERED])

    def fail_and_overtake(_call: object) -> Fault | None:
        fault = next(faults, None)
        if fault is None and agent.stored().name == "Main gate":
            agent.store(camera(name="Door"))
        return fault

    agent.fake.faults = fail_and_overtake
    with pytest.raises(ConflictError) as told:
        await agent.put_camera(camera(name="Main gate"), None, revision)
    assert told.value.current is not None
    assert told.value.current.camera.name == "Door"


@in_a_loop
async def test_a_store_that_cannot_be_asked_says_so_itself() -> None:
    agent = PlayedAgent()
    agent.fake.faults = scripted(Fault.UNAVAILABLE)
    with pytest.raises(StoreUnavailableError):
        await agent.cameras()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"streams": ()}, "none of its streams"),
        ({"streams": (Stream("main", "rtsp://192.0.2.1/", recorded=False),)}, "none of its"),
        ({"streams": (Stream("third", "rtsp://192.0.2.1/"),)}, "no stream; there are main"),
        ({"streams": (Stream("main", "rtsp://u:s3cr3t@192.0.2.1/"),)}, "password in it"),
        ({"streams": (Stream("main", "rtsp:"),)}, "cannot be read"),
        ({"streams": (Stream("main", "rtsp://h/\x1b[2J"),)}, "cannot be read"),
        ({"transport": "pigeon"}, "tcp or udp"),
        ({"name": " "}, "printable"),
        ({"name": "x\x1b[2J"}, "printable"),
        ({"window_s": 0}, "window"),
        ({"keep_s": 0}, "kept for no time"),
    ],
)
@in_a_loop
async def test_a_camera_that_could_not_be_recorded_is_refused(
    changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(RefusedError, match=why) as told:
        await PlayedAgent().put_camera(camera(**changes), None, 0)
    assert "'gate'" in str(told.value)
    assert "s3cr3t" not in str(told.value)


@pytest.mark.parametrize("camera_id", ["", "a/b", "locks", "x" * 64, ".gate", "gate é"])
@in_a_loop
async def test_an_id_that_cannot_name_a_directory_and_a_key_is_refused(camera_id: str) -> None:
    with pytest.raises(RefusedError):
        await PlayedAgent().put_camera(camera(camera_id), None, 0)


@given(
    st.lists(st.sampled_from([None, *Fault]), max_size=8),
    st.sampled_from(sorted(Protection)),
)
def test_whatever_befalls_the_store_a_change_is_made_once_or_said_not_to_be(
    faults: list[Fault | None], protection: Protection
) -> None:
    wanted = camera(name="Main gate", protection=protection)

    @in_a_loop
    async def run() -> None:
        agent = PlayedAgent()
        revision = agent.store(camera())
        agent.fake.faults = scripted(*[None if it is Fault.STALE else it for it in faults])
        try:
            now = await agent.put_camera(wanted, None, revision)
        except (StoreUnavailableError, UnknownOutcomeError):
            now = None
        agent.fake.deliver_delayed()
        entry = agent.fake.keys.get(CAMERAS + "gate")
        assert entry is not None
        assert entry.version <= 2
        if now is not None:
            assert (entry.mod_revision, agent.stored()) == (now, replace(wanted, login=None))

    run()
