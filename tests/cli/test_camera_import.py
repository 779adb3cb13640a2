"""`tandem camera import`: a table is entered as a whole or refused as a whole."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.material import PASSWORD, Desk, desk_with_agent
from tests.node.control.material import KEY, camera, node

from tandem.cli.camera_table import TableError, read_table
from tandem.cluster.model import Protection, Stream
from tandem.cluster.suspicion import start
from tandem.node.control.protocol import KeptLogin
from tandem.node.pulse.reporting import peers_document
from tandem.node.seal import Sealer
from tandem.node.store.fake import Call, Fault
from tandem.recording.camera import Login

TABLE = """id,name,url,sub,sub_live_only,protection,keep,audio,bit_rate,user,password
gate,Main gate,rtsp://192.0.2.10/1,rtsp://192.0.2.10/2,yes,mirror,30d,no,4.5,admin,s3cr3t-word
yard,"Yard, north",rtsp://192.0.2.11/1,,,,,,,,
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_with_agent(tmp_path) as found:
        yield found


def test_a_table_of_cameras_is_entered(desk: Desk) -> None:
    result = desk.run("camera", "import", desk.file("cameras.csv", TABLE))
    assert result.exit_code == 0, result.output
    assert result.stdout == "2 cameras in the table: 2 entered, 0 changed, 0 as they were.\n"
    gate = desk.agent.stored("gate")
    assert gate.streams == (
        Stream("main", "rtsp://192.0.2.10/1"),
        Stream("sub", "rtsp://192.0.2.10/2", recorded=False),
    )
    assert (gate.protection, gate.keep_s, gate.bit_rate_mbps) == (
        Protection.MIRROR,
        30 * 86_400,
        4.5,
    )
    assert gate.login is not None
    assert Sealer(KEY).unseal("gate", gate.login) == Login("admin", PASSWORD)
    assert desk.agent.stored("yard") == camera(
        "yard", name="Yard, north", streams=(Stream("main", "rtsp://192.0.2.11/1"),)
    )


@pytest.mark.parametrize(
    ("others", "protection", "notes"), [(0, "hot", 1), (0, "cold", 0), (2, "hot", 0)]
)
def test_nobody_to_stand_in_is_told_once_for_all_cameras_and_of_those_that_are_new(
    desk: Desk, others: int, protection: str, notes: int
) -> None:
    peers = peers_document(start("node1", ["a"], [f"other{each}" for each in range(others)], 0))
    desk.agent.own = node(peers=peers)
    rows = "".join(f"c{n},{n},rtsp://192.0.2.10/{n},{protection}\n" for n in range(3))
    table = desk.file("cameras.csv", f"id,name,url,protection\n{rows}")
    assert desk.run("camera", "import", table).stderr.count("one node") == notes
    again = desk.run("camera", "import", table)
    assert (again.exit_code, again.stderr) == (0, "")


def test_the_same_table_again_changes_nothing(desk: Desk) -> None:
    path = desk.file("cameras.csv", TABLE)
    desk.run("camera", "import", path)
    revision = desk.agent.fake.keys.revision
    result = desk.run("camera", "import", path, "--json")
    assert json.loads(result.output) == {
        "version": 1,
        "added": [],
        "changed": [],
        "unchanged": ["gate", "yard"],
    }
    assert desk.agent.fake.keys.revision == revision


def test_a_cell_that_changed_changes_that_camera_alone_and_an_empty_one_nothing(desk: Desk) -> None:
    desk.run("camera", "import", desk.file("cameras.csv", TABLE))
    changed = "id,protection,keep\ngate,,none\nyard,cold,\n"
    desk.run("camera", "import", desk.file("cameras.csv", changed))
    assert (desk.agent.stored("gate").protection, desk.agent.stored("gate").keep_s) == (
        Protection.MIRROR,
        None,
    )
    assert desk.agent.stored("gate").login is not None
    assert desk.agent.stored("yard").protection is Protection.COLD


def test_a_new_password_is_a_change(desk: Desk) -> None:
    desk.run("camera", "import", desk.file("cameras.csv", TABLE))
    other = TABLE.replace(PASSWORD, "another")
    result = desk.run("camera", "import", desk.file("cameras.csv", other))
    assert "1 changed, 1 as they were" in result.output


def test_one_bad_row_keeps_all_others_out(desk: Desk) -> None:
    bad = TABLE + "door,Door,rtsp://192.0.2.12/1,,,hottest,,,,,\n"
    result = desk.run("camera", "import", desk.file("cameras.csv", bad))
    assert result.exit_code == 1
    assert "line 4, column protection: 'hottest' is none of cold, failover" in result.output
    assert "nothing of it was entered" in result.output
    assert desk.agent.fake.keys.revision == 1


def test_a_new_camera_needs_a_url(desk: Desk) -> None:
    result = desk.run("camera", "import", desk.file("cameras.csv", "id,keep\ngate,30d\n"), "--json")
    document = json.loads(result.output)
    assert document["problems"] == ["line 2, column url: 'gate' is new, and has none."]
    assert result.exit_code == 1


def test_a_table_of_passwords_that_all_may_read_is_warned_of(desk: Desk) -> None:
    result = desk.run("camera", "import", desk.file("cameras.csv", TABLE, 0o644))
    assert result.exit_code == 0
    assert "Warning: everybody on this machine can read the passwords" in result.stderr
    without = desk.file("others.csv", "id,url\ndoor,rtsp://192.0.2.12/1\n", 0o644)
    assert "Warning" not in desk.run("camera", "import", without).stderr


def test_what_was_entered_before_the_agent_failed_is_told(desk: Desk) -> None:
    writes = iter([None])

    def fail_the_second(call: Call) -> Fault | None:
        return next(writes, Fault.UNAVAILABLE) if call is Call.TRANSACT else None

    desk.agent.fake.faults = fail_the_second
    result = desk.run("camera", "import", desk.file("cameras.csv", TABLE))
    said = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "line 3, camera 'yard':" in said
    assert "What is above it in the table is entered" in said
    desk.agent.fake.faults = lambda _call: None
    again = desk.run("camera", "import", desk.file("cameras.csv", TABLE))
    assert "1 entered, 0 changed, 1 as they were" in again.output


# --- Reading --------------------------------------------------------------------------------------


def problems(text: str) -> list[str]:
    with pytest.raises(TableError) as told:
        read_table(text.encode())
    assert PASSWORD not in str(told.value)
    return told.value.problems


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("", "line 1: the table is empty"),
        ("id,url\n,\n\n", "It names no camera: nothing follows its first line."),
        ("id,colour\na,red\n", "line 1, column 2: there is no column 'colour'"),
        ("url,url\n", "the column url is there twice"),
        ("url\nrtsp://192.0.2.1/\n", "neither a column id nor a column name"),
        ("id,url\na\n", "line 2: it has 1 columns, and the head has 2"),
        ('id,url\na,"b\n', "it is not CSV"),
        ("id,url\na,rtsp://h/\na,rtsp://h/\n", "line 3: camera 'a' is in line 2 already"),
        ("id,url\na,stream\n", "line 2: "),
        ("id,url,window\na,rtsp://h/,10\n", "line 2, column window: '10' is no duration"),
        ("id,url,keep_size\na,rtsp://h/,10\n", "line 2, column keep_size: '10' is no size"),
        ("id,url,bit_rate\na,rtsp://h/,0\n", "line 2, column bit_rate: '0' is no bit rate"),
        ("id,url,audio\na,rtsp://h/,maybe\n", "line 2, column audio: 'maybe' is none of yes, no"),
        ("id,url\na/b,rtsp://h/\n", "line 2: 'a/b' cannot name"),
        ("name,url\n门,rtsp://h/\n", "line 2: the camera has neither"),
        ("id,url,user\na,rtsp://h/,admin\n", "column user: there is no column for its password"),
        (f"id,url,user,password\na,rtsp://h/,,{PASSWORD}\n", "column password: it has no user"),
        (f"id,url\na,rtsp://admin:{PASSWORD}@h/\n", "password in it"),
        (f"id,protection\na,rtsp://admin:{PASSWORD}@h/\n", "column protection"),
        (f"id,rtsp://admin:{PASSWORD}@h/\n", "line 1, column 2"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_column(table: str, why: str) -> None:
    assert [it for it in problems(table) if why in it], problems(table)


def test_all_that_is_wrong_is_told_at_once_to_a_limit() -> None:
    bad = "".join(f"c{number},rtsp://h/,x\n" for number in range(100))
    found = problems(f"id,url,window\n{bad}")
    assert len(found) == 21
    assert found[-1] == "There may be more."


def test_a_table_that_is_not_utf_8_is_told_with_its_line() -> None:
    with pytest.raises(TableError, match="line 2: it is not UTF-8"):
        read_table("id,name\na,Süd\n".encode("latin-1"))


def test_the_table_of_a_spreadsheet_is_read_as_it_saves_it() -> None:
    (row,) = read_table(b"\xef\xbb\xbfID;Name;URL;bit_rate\r\na;Gate;rtsp://h/;4,5\r\n;;;\r\n")
    assert (row.camera_id, row.given["bit_rate_mbps"]) == ("a", 4.5)


def test_a_url_with_a_password_where_no_login_is_expected_is_warned_of(desk: Desk) -> None:
    url = f"rtsp://192.0.2.10/user=admin&password={PASSWORD}&channel=1"
    path = desk.file("cameras.csv", f"id,url\ngate,{url}\nyard,rtsp://192.0.2.11/1?pass=\n")
    warned = [
        " ".join(desk.run("camera", *arguments).output.split())
        for arguments in (
            ("add", "Door", url, "--no-test"),
            ("edit", "door", "--sub", url),
            ("import", path),
        )
    ]
    for said, camera_id in zip(warned, ("door", "door", "gate"), strict=True):
        assert f"a URL of camera '{camera_id}' seems to have a password in it" in said
        assert said.count("Warning") == 1
        assert PASSWORD not in said
    assert "Warning" not in desk.run("camera", "edit", "door", "--keep", "3d").output


def test_a_password_is_taken_as_it_stands() -> None:
    (row,) = read_table(b'id,user,password\na,admin," a,""b "\n')
    assert row.login == Login("admin", ' a,"b ')
    assert "a," not in repr(row)


NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)


@given(
    st.dictionaries(
        NAMES,
        st.tuples(TEXT, st.sampled_from(sorted(Protection)), st.none() | TEXT),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([",", ";"]),
)
def test_whatever_a_table_says_is_read_as_it_was_written(
    cameras: dict[str, tuple[str, Protection, str | None]], divider: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=divider)
    writer.writerow(["id", "name", "url", "protection", "user", "password"])
    for camera_id, (name, protection, password) in cameras.items():
        login = ["", ""] if password is None else ["admin", password]
        writer.writerow([camera_id, name, "rtsp://192.0.2.1/", protection.value, *login])
    rows = read_table(text.getvalue().encode())
    assert [row.camera_id for row in rows] == list(cameras)
    for row, (name, protection, password) in zip(rows, cameras.values(), strict=True):
        document = row.document(None)
        assert (document["name"], document["protection"]) == (name, protection)
        assert row.login == (KeptLogin.KEPT if password is None else Login("admin", password))


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_is_refused_in_sentences(text: str) -> None:
    problems: list[str] = []
    try:
        read_table(text.encode("utf-8", "surrogatepass"))
    except TableError as error:
        problems = error.problems
    assert all(it.startswith(("line ", "There may")) for it in problems)
