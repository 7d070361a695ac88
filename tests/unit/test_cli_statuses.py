"""Every way a command can end, and what it says then."""

import errno
import io
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tzmigrate.cli import exits
from tzmigrate.cli.app import app
from tzmigrate.cli.entry import main
from tzmigrate.cli.stderr import Dialogue, say, say_error, without_secrets
from tzmigrate.cli.stdout import destination, write_stdout
from tzmigrate.errors import DecisionNeeded, ExitStatus, Refused, UsageError
from tzmigrate.execution.model import Status, StepState, StepStatus
from tzmigrate.inventory.model import Finding, Server, Severity
from tzmigrate.planning.model import (
    Action,
    Group,
    Plan,
    PlannedColumn,
    RelationName,
    Strategy,
)
from tzmigrate.verification.model import ColumnProof, Outcome, Proof

BLOCKS = Finding(code="TZ301", severity=Severity.BLOCKS, message="m", hint="h")
DRIFT = replace(BLOCKS, code="TZ325")


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Put a callable in the place of what the verb ``scan`` does."""

    def put(action: Callable[[], int]) -> None:
        def scan() -> int:
            return action()

        command = next(c for c in app.registered_commands if c.callback)
        monkeypatch.setattr(command, "callback", scan)
        monkeypatch.setattr(command, "name", "scan")

    return put


def raises(error: BaseException) -> Callable[[], int]:
    def act() -> int:
        raise error

    return act


# ------------------------------------------------------------- by an exception


def test_one_of_our_errors_ends_with_its_status_and_says_three_things(
    verb: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb(raises(Refused("TZ604", 'no "x"', detail="It is gone.", hint="Make it.")))
    assert main(["scan"]) == ExitStatus.REFUSED
    out, err = capsys.readouterr()
    assert out == ""
    assert err == 'error TZ604: no "x"\ndetail: It is gone.\nhint: Make it.\n'


def test_anything_uncaught_is_our_bug_without_a_secret_and_without_a_traceback(
    verb: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb(raises(KeyError("postgresql://ann:hunter2@db/app password=hunter2")))
    assert main(["scan"]) == ExitStatus.BUG
    err = capsys.readouterr().err
    assert "hunter2" not in err
    assert "Traceback" not in err
    assert "this is a bug in tzmigrate: KeyError" in err
    assert "Please report it" in err
    assert "tzmigrate 0." in err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), KeyboardInterrupt("again")])
def test_ctrl_c_says_that_nothing_is_half_done_and_what_to_run(
    verb: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
) -> None:
    verb(raises(error))
    assert main(["scan"]) == ExitStatus.UNAVAILABLE
    err = capsys.readouterr().err
    assert "nothing is half done" in err
    assert "tzmigrate status" in err


def test_a_status_that_a_verb_returns_is_the_exit_status(
    verb: Callable[..., None],
) -> None:
    verb(lambda: ExitStatus.DECISION)
    assert main(["scan"]) == 3


# ------------------------------------------------------------------ by a result


def _plan(*actions: Action, decisions: tuple[Finding, ...] = ()) -> Plan:
    columns = tuple(
        PlannedColumn(
            schema="s",
            relation="r",
            column=f"c{number}",
            type_before="timestamp",
            type_after="timestamptz",
            action=action,
        )
        for number, action in enumerate(actions)
    )
    group = Group(
        slug="tz_r",
        relations=(RelationName(schema="s", name="r"),),
        columns=columns,
        strategy=Strategy.METADATA,
    )
    server = Server(
        version=180000,
        version_text="",
        database="d",
        database_oid=1,
        system_identifier=None,
        role="r",
        superuser=False,
    )
    return Plan(server=server, groups=(group,), decisions=decisions)


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        (_plan(), ExitStatus.DONE),
        (_plan(Action.CONVERT, Action.KEEP), ExitStatus.DONE),
        (_plan(Action.CONVERT, Action.REFUSE), ExitStatus.DECISION),
        (_plan(Action.CONVERT, decisions=(BLOCKS,)), ExitStatus.DECISION),
    ],
)
def test_a_plan_ends_with_3_where_a_person_must_decide(
    plan: Plan, status: ExitStatus
) -> None:
    assert exits.of_plan(plan) is status


def _proof(*columns: tuple[Outcome, int], findings: tuple[Finding, ...] = ()) -> Proof:
    order = list(Outcome)
    found = tuple(
        ColumnProof(
            schema="s",
            relation="r",
            column="c",
            step="tz_r",
            revision="1",
            state="zoned",
            level="sample",
            rows_compared=rows,
            rows_total=rows,
            shifted=0,
            changed=0,
            missing=0,
            offsets=(),
            outcome=outcome,
        )
        for outcome, rows in columns
    )
    worst = min((c.outcome for c in found), key=order.index, default=Outcome.UNPROVED)
    return Proof(outcome=worst, database="d", at="", columns=found, findings=findings)


@pytest.mark.parametrize(
    ("proof", "status"),
    [
        (_proof((Outcome.PROVED, 5)), ExitStatus.DONE),
        (_proof((Outcome.PROVED, 5), (Outcome.SHIFTED, 5)), ExitStatus.NOT_PROVED),
        (_proof((Outcome.PROVED, 5), (Outcome.SUSPECT, 5)), ExitStatus.NOT_PROVED),
        (_proof((Outcome.PROVED, 5), (Outcome.UNPROVED, 5)), ExitStatus.NOT_PROVED),
        (_proof(), ExitStatus.NOT_PROVED),
        (_proof((Outcome.PROVED, 5), findings=(BLOCKS,)), ExitStatus.DECISION),
        (
            _proof((Outcome.PROVED, 5), (Outcome.UNPROVED, 0), findings=(DRIFT,)),
            ExitStatus.DECISION,
        ),
        (
            _proof((Outcome.SHIFTED, 5), (Outcome.UNPROVED, 0), findings=(DRIFT,)),
            ExitStatus.NOT_PROVED,
        ),
        (
            _proof((Outcome.UNPROVED, 5), (Outcome.UNPROVED, 0), findings=(DRIFT,)),
            ExitStatus.NOT_PROVED,
        ),
    ],
)
def test_verify_ends_with_0_only_without_any_doubt(
    proof: Proof, status: ExitStatus
) -> None:
    assert exits.of_proof(proof) is status


@pytest.mark.parametrize("state", StepState)
def test_status_ends_with_3_only_for_what_cannot_be_explained(state: StepState) -> None:
    steps = (StepStatus(step="tz_r", revision="1", state=state),)
    found = exits.of_status(Status(database="d", steps=steps, next_command=""))
    odd = state in {StepState.INTERRUPTED, StepState.DRIFT}
    assert found is (ExitStatus.DECISION if odd else ExitStatus.DONE)


# ------------------------------------------------------------------- questions


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Terminal]:
    """Put a terminal in place, on which somebody types."""

    def put(typed: str) -> Terminal:
        err = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        monkeypatch.setattr(sys, "stderr", err)
        return err

    return put


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)],
)
def test_only_a_clear_yes_is_a_yes(
    terminal: Callable[[str], Terminal], typed: str, *, answer: bool
) -> None:
    err = terminal(typed)
    dialogue = Dialogue(verb="apply", yes=False, quiet=False)
    assert dialogue.confirm(("app.orders\x1b: 2 columns",)) is answer
    assert dialogue.declined is not answer
    assert err.getvalue() == "app.orders\\x1b: 2 columns\nGo on? [y/N] "


def test_without_yes_and_without_a_terminal_nothing_is_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    dialogue = Dialogue(verb="apply", yes=False, quiet=True)
    with pytest.raises(DecisionNeeded) as caught:
        dialogue.confirm(("two columns",))
    assert caught.value.code == "TZ390"
    assert "--yes" in caught.value.hint
    assert capsys.readouterr().err == "two columns\n"


def test_yes_is_not_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert Dialogue(verb="apply", yes=True, quiet=False).confirm(("two columns",))
    assert Dialogue(verb="apply", yes=True, quiet=True).confirm(("two columns",))
    assert capsys.readouterr().err == "two columns\n"


def test_quiet_silences_events(capsys: pytest.CaptureFixture[str]) -> None:
    Dialogue(verb="apply", yes=True, quiet=True).progress("one")
    Dialogue(verb="apply", yes=True, quiet=False).progress("two")
    assert capsys.readouterr() == ("", "two\n")


# --------------------------------------------------------------------- stderr


def test_no_line_of_a_detail_can_pose_as_a_hint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say_error(Refused("TZ601", "a\nhint: b", detail="x\n\nhint: y\x1b[2J", hint="z"))
    assert capsys.readouterr().err.splitlines() == [
        r"error TZ601: a\nhint: b",
        "detail: x",
        r"  hint: y\x1b[2J",
        "hint: z",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann:s3cret@db/app",
        "postgresql+asyncpg://ann:s3cr@et@db:5432/app",
        "host=db password=s3cret dbname=app",
        "PASSWORD = 's3cret with \\' quote' host=db",
        "sslpassword=s3cret",
        "at postgresql://:s3cret@/app, twice postgresql://a:s3cret@b/c",
    ],
)
def test_no_password_is_said(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    said = capsys.readouterr().err
    assert "s3cr" not in said
    assert "quote" not in said
    assert "***" in said


@pytest.mark.parametrize(
    "text", ["postgresql://ann@db:5432/app", "https://h:80/a", "a: b@c", "app.password"]
)
def test_what_is_no_password_stays(text: str) -> None:
    assert without_secrets(text) == text


# --------------------------------------------------------------------- output


def test_a_file_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    with destination(target) as write:
        assert not target.exists()
        write("done\n")
    assert target.read_text() == "done\n"
    assert os.listdir(tmp_path) == ["out.json"]  # noqa: PTH208  names are enough


def test_a_command_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    with pytest.raises(KeyError), destination(target):
        raise KeyError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_file_keeps_its_mode_and_a_link_its_target(tmp_path: Path) -> None:
    target = tmp_path / "real"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(target)
    with destination(link) as write:
        write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_new_file_gets_the_usual_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with destination(tmp_path / "new") as write:
            write("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_device_is_written_to_and_stays_a_device() -> None:
    with destination(Path(os.devnull)) as write:
        write("gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)  # noqa: PTH116


@pytest.mark.parametrize("name", ["", "missing/out.json", "file/out.json", "a\0b"])
def test_an_unwritable_place_is_told_before_anything_is_done(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("")
    reached = False
    with pytest.raises(UsageError) as caught:  # noqa: SIM117
        with destination(tmp_path / name):
            reached = True
    assert caught.value.code == "TZ282"
    assert not reached


def test_a_reader_that_went_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        def fileno(self) -> int:
            raise OSError

    monkeypatch.setattr(sys, "stdout", Closed())
    write_stdout("text")


def test_a_full_disk_under_stdout_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def fileno(self) -> int:
            raise OSError

        def close(self) -> None:
            pass

    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(UsageError) as caught:
        write_stdout("text")
    assert "No space left" in caught.value.detail
