"""SQL scripts for teams without Alembic: run by psql, by their tools, and by apply."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tzmigrate import commands
from tzmigrate.errors import DecisionNeeded, Refused, TzmigrateError, UsageError
from tzmigrate.execution.model import Run, Status, StepState
from tzmigrate.planning.model import Plan
from tzmigrate.revisions.script_store import STYLES
from tzmigrate.verification.model import Outcome

Dump = Callable[..., str]
MakeScripts = Callable[..., "Scripts"]

TABLES = r"""
CREATE TABLE a_events (
    id bigint PRIMARY KEY,
    at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE VIEW a_recent AS SELECT id, at, date_trunc('day', at) AS day FROM a_events;
CREATE TABLE b_shops (id bigint PRIMARY KEY, opened timestamp, closed timestamp);
CREATE TABLE "c 50% off: \now ${a}
-- migrate:down" (
    "k:ey" text PRIMARY KEY,
    ":at %(x)s" timestamp DEFAULT '2024-01-01 10:00:00'
);
INSERT INTO a_events SELECT g, timestamp '2024-01-15' + g * interval '61 minutes'
FROM generate_series(1, 50) AS g;
INSERT INTO b_shops SELECT g, timestamp '2024-01-15' + g * interval '1 day', 'infinity'
FROM generate_series(1, 50) AS g;
INSERT INTO "c 50% off: \now ${a}
-- migrate:down"
SELECT E'\\' || g || ':k', timestamp '2024-07-01' + g * interval '1 day'
FROM generate_series(1, 50) AS g;
"""

ZONES = (
    "default=UTC",
    "public.b_shops.opened=America/New_York",
    "public.b_shops.closed=Asia/Kolkata",
    "public.c*.*=Australia/Lord_Howe",
)

NAIVE = """
SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind = 'r' AND c.relname ~ '^(a_events|b_shops|c 50)'
AND a.atttypid = 'timestamp'::regtype
"""

TOOLS = """
DROP TABLE IF EXISTS schema_migrations, django_migrations, flyway_schema_history
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripts:
    """A directory of scripts, and tzmigrate's verbs run on it and its database."""

    directory: Path
    database: Any

    @property
    def here(self) -> commands.Connection:
        config = self.directory.parent.parent / "none.toml"
        config.touch()
        return commands.Connection(url=self.database.url, config=config)

    @property
    def sql(self) -> commands.SqlOptions:
        return commands.SqlOptions(directory=self.directory)

    def plan(self, style: str | None = None, **options: Any) -> Plan:
        options = {"zones": ZONES, "accept": ("TZ301",)} | options
        where = commands.SqlOptions(directory=self.directory, style=style)
        return commands.plan(self.here, sql=where, **options)

    def apply(self, **options: Any) -> Run:
        return commands.apply(
            self.here,
            sql=self.sql,
            confirm=lambda _: True,
            progress=lambda _: None,
            **options,
        )

    def rollback(self, **options: Any) -> Run:
        return commands.rollback(
            self.here,
            sql=self.sql,
            confirm=lambda _: True,
            progress=lambda _: None,
            **options,
        )

    def status(self) -> Status:
        return commands.status(self.here, sql=self.sql)

    def states(self) -> list[StepState]:
        return [step.state for step in self.status().steps]

    def proved(self) -> bool:
        return commands.verify(self.here).outcome is Outcome.PROVED

    @property
    def naive(self) -> int:
        return int(self.database.scalar(NAIVE))

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def scripts(database: Any, tmp_path: Path) -> Scripts:
    """An empty directory, which does not exist yet, and a database to convert."""
    database.execute(TABLES)
    return Scripts(directory=tmp_path / "shop" / "migrations", database=database)


def psql(
    database: Any, *files: Path, one: bool = True, text: str = "", check: bool = True
) -> "subprocess.CompletedProcess[str]":
    """Run files, or a text, as the head of each script says."""
    argv: list[str | Path] = [database.server.bin / "psql", "-X", "-q"]
    argv += ["-v", "ON_ERROR_STOP=1", *(["-1"] if one else [])]
    for file in files or ("-",):
        argv += ["-f", file]
    done = subprocess.run(
        [*map(str, argv), database.url],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def as_it_is(scripts: Scripts) -> list[str]:
    """Return what must be the very same."""
    lines = scripts.database.dump_apart().splitlines()
    return [line for line in lines if "restrict" not in line]


def sections(path: Path, mark: str, until: str) -> str:
    """Cut a part of a file out as its tool does, by a rule of the test's own."""
    inside, lines = False, []
    for line in path.read_text("utf-8").split("\n"):
        if line.rstrip() == until:
            inside = False
        if inside:
            lines.append(line)
        if line.rstrip() == mark:
            inside = True
    assert lines
    return "\n".join(lines)


def as_ruby_reads(text: str) -> str:
    """Return what the calls of execute in a method are given."""
    found, lines = [], iter(text.split("\n"))
    for line in lines:
        if call := re.fullmatch(r"    execute <<-'(\w+)'", line):
            body = []
            for inner in lines:
                if inner.strip() == call[1]:
                    break
                body.append(inner)
            found.append("\n".join(body) + "\n;")
        else:
            assert line.strip() in {"", "end"} or line.startswith("    #"), line
    return "\n".join(found)


def run_each(scripts: Scripts, style: str, direction: str) -> None:
    """Run every script through psql, wrapped as the style's tool would."""
    database, root = scripts.database, scripts.directory
    up = direction == "up"
    if style == "plain":
        found = sorted(root.glob(f"*.{direction}.sql"))
    elif style == "flyway":
        found = sorted(root.glob(f"{'V' if up else 'U'}*.sql"))
    elif style == "sqitch":
        plan = (root / "sqitch.plan").read_text("utf-8")
        names = [line.split(" ")[0] for line in plan.splitlines() if " # " in line]
        found = [root / ("deploy" if up else "revert") / f"{n}.sql" for n in names]
    else:
        found = sorted(root.glob("*.rb" if style == "rails" else "*.sql"))
    assert found
    for path in found if up else reversed(found):
        if style == "dbmate":
            marks = ("-- migrate:up", "-- migrate:down")
            text = sections(path, *(marks if up else (marks[1], "never")))
            psql(database, text=text)
        elif style == "rails":
            marks = ("  def up", "  def down")
            text = sections(path, *(marks if up else (marks[1], "never")))
            psql(database, text=as_ruby_reads(text))
        else:
            psql(database, path, one=style != "sqitch")
        if style == "sqitch" and up:
            psql(database, root / "verify" / path.name, one=False)


STYLED = pytest.mark.parametrize(
    "style", ["plain", "flyway", "dbmate", "sqitch", "rails"]
)


@STYLED
def test_scripts_go_up_are_proved_and_come_back(
    style: str, scripts: Scripts, canonical_dump: Dump
) -> None:
    before = canonical_dump(scripts.database)
    plan = scripts.plan(style)
    for group in plan.groups:
        assert group.path in plan.written
    assert set(plan.written) == {
        str(scripts.directory / name) for name in scripts.files()
    }
    run_each(scripts, style, "up")
    assert scripts.naive == 0
    assert scripts.proved()
    assert scripts.states() == [StepState.DONE] * 4
    assert scripts.apply().steps == ()
    assert scripts.database.execute(
        "SELECT extract(epoch FROM at)::bigint FROM a_events WHERE id = 1"
        " UNION ALL SELECT extract(epoch FROM opened)::bigint FROM b_shops WHERE id = 1"
    ) == [(1705280460,), (1705381200,)]
    run_each(scripts, style, "down")
    assert scripts.naive == 4
    assert scripts.states() == [StepState.PENDING] * 4
    assert canonical_dump(scripts.database) == before


@STYLED
def test_apply_and_rollback_run_the_scripts_of_every_style(
    style: str, scripts: Scripts, canonical_dump: Dump
) -> None:
    before = canonical_dump(scripts.database)
    scripts.plan(style)
    run = scripts.apply()
    assert [step.step for step in run.steps][:2] == ["support", "tz_a_events"]
    assert scripts.naive == 0
    assert scripts.proved()
    assert scripts.states() == [StepState.DONE] * 4
    tool = {"plain": ""}.get(style, style)
    assert tool in " ".join(run.notes)
    assert (len(run.notes) > 1) is (style != "plain")
    # whatever the tool does next changes nothing
    run_each(scripts, style, "up")
    assert scripts.proved()
    run = scripts.rollback(everything=True)
    assert scripts.naive == 4
    assert scripts.states() == [StepState.DONE] + [StepState.ROLLED_BACK] * 3
    assert len(run.notes) == {"plain": 2, "sqitch": 3}.get(style, 4)
    assert canonical_dump(scripts.database) == before
    scripts.apply()
    assert scripts.proved()
    run_each(scripts, style, "down")
    assert scripts.states() == [StepState.PENDING] * 4
    assert canonical_dump(scripts.database) == before


@pytest.mark.parametrize("strings", ["on", "off"])
def test_settings_of_the_database_change_nothing(
    strings: str, scripts: Scripts, canonical_dump: Dump
) -> None:
    database = scripts.database
    before = canonical_dump(database)
    scripts.plan()
    settings = {
        "standard_conforming_strings": strings,
        "escape_string_warning": "off",
        "lock_timeout": "7s",
        "DateStyle": "SQL, DMY",
        "TimeZone": "Asia/Kathmandu",
        "default_transaction_isolation": "serializable" if strings == "on" else "",
    }
    for name, value in settings.items():
        if value:
            database.execute(f"ALTER DATABASE {database.name} SET {name} = '{value}'")
    scripts.apply()
    assert scripts.naive == 0
    assert scripts.proved()
    scripts.rollback(everything=True)
    database.execute(f"ALTER DATABASE {database.name} RESET ALL")
    run_each(scripts, "plain", "up")
    run_each(scripts, "plain", "down")
    assert canonical_dump(database) == before


@STYLED
@pytest.mark.parametrize("encodings", [("UTF8", "LATIN1"), ("LATIN1", None)])
def test_letters_arrive_whatever_the_client_takes_the_files_for(
    encodings: tuple[str, str | None],
    style: str,
    make_database: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored, read = encodings
    database = make_database(encoding=stored)
    database.execute(
        'CREATE TABLE "a_évents" (id int PRIMARY KEY, "né" timestamp);'
        "INSERT INTO \"a_évents\" VALUES (1, '2024-01-01');"
        'CREATE VIEW v AS SELECT "né"::date AS day, \'é\' AS c FROM "a_évents"'
    )
    scripts = Scripts(directory=tmp_path / "shop" / "migrations", database=database)
    assert scripts.plan(style, zones=("default=UTC",)).written
    if read is not None:
        monkeypatch.setenv("PGCLIENTENCODING", read)
    run_each(scripts, style, "up")
    monkeypatch.delenv("PGCLIENTENCODING", raising=False)
    assert scripts.states() == [StepState.DONE] * 2
    assert scripts.proved()
    assert database.execute("SELECT c FROM v") == [("é",)]
    if read is not None:
        monkeypatch.setenv("PGCLIENTENCODING", read)
    run_each(scripts, style, "down")
    monkeypatch.delenv("PGCLIENTENCODING", raising=False)
    assert database.execute("SELECT c FROM v") == [("é",)]
    assert scripts.states() == [StepState.PENDING] * 2


def test_a_script_that_fails_half_way_leaves_nothing_behind(scripts: Scripts) -> None:
    scripts.plan()
    support, events, *_ = sorted(scripts.directory.glob("*.up.sql"))
    psql(scripts.database, support)
    change = "ALTER TABLE a_events ALTER at SET DEFAULT "
    scripts.database.execute(f"{change} 'epoch'")
    before = as_it_is(scripts)
    done = psql(scripts.database, events, check=False)
    assert "TZ345" in done.stderr
    assert done.returncode == 3
    assert as_it_is(scripts) == before
    assert scripts.database.scalar("SELECT count(*) FROM tzmigrate.step") == 0
    with pytest.raises(DecisionNeeded, match="TZ345"):
        scripts.apply()
    scripts.database.execute(f"{change} (now() AT TIME ZONE 'utc')")
    scripts.apply()
    assert scripts.proved()


def test_run_twice_a_script_changes_nothing(
    scripts: Scripts, canonical_dump: Dump
) -> None:
    before = canonical_dump(scripts.database)
    scripts.plan()
    for _ in range(2):
        run_each(scripts, "plain", "up")
    assert scripts.naive == 0
    assert scripts.proved()
    *_, last = sorted(scripts.directory.glob("*.down.sql"))
    for _ in range(2):
        psql(scripts.database, last)
    assert scripts.naive == 1
    assert scripts.proved()
    scripts.rollback(everything=True)
    assert canonical_dump(scripts.database) == before


def test_outside_of_a_transaction_a_script_refuses_and_names_the_option(
    scripts: Scripts,
) -> None:
    scripts.plan()
    support, events, *_ = sorted(scripts.directory.glob("*.up.sql"))
    before = as_it_is(scripts)
    done = psql(scripts.database, support, one=False, check=False)
    assert "TZ643" in done.stderr
    assert "psql -1" in done.stderr
    assert scripts.database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")
    psql(scripts.database, support)
    done = psql(scripts.database, events, one=False, check=False)
    assert "TZ643" in done.stderr
    assert "psql -1" in done.stderr
    assert as_it_is(scripts) == before
    down = support.with_name(support.name.replace(".up.", ".down."))
    done = psql(scripts.database, down, one=False, check=False)
    assert "TZ643" in done.stderr
    assert "psql -1" in done.stderr


def cuts(script: str) -> list[str]:
    """Return what a script is where it ends after one of its statements."""
    found, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if line.rstrip().endswith(";") and text.count("$tz$") % 2 == 0:
            found.append(text)
    return found


@pytest.mark.parametrize("part", [0.0, 0.3, 0.5, 0.7, 0.99])
def test_a_script_that_lost_its_end_does_not_commit(
    part: float, scripts: Scripts
) -> None:
    scripts.plan()
    support, events, *_ = sorted(scripts.directory.glob("*.up.sql"))
    psql(scripts.database, support)
    before = as_it_is(scripts)
    # the guard before it names the function, too
    begun, proved = "SELECT tzmigrate.begin_step(", "SELECT tzmigrate.prove_step("
    open_ends = [
        text
        for text in cuts(events.read_text("utf-8"))
        if begun in text and proved not in text
    ]
    text = open_ends[int(part * len(open_ends))]
    done = psql(scripts.database, text=text, check=False)
    assert done.returncode != 0
    assert "a_step_is_not_finished" in done.stderr
    assert as_it_is(scripts) == before
    psql(scripts.database, events)
    assert scripts.proved()


def adopt(scripts: Scripts, column: str) -> None:
    commands.adopt(
        scripts.here,
        (column,),
        sql=scripts.sql,
        zones=ZONES,
        accept=("TZ415",),
        confirm=lambda _: True,
        progress=lambda _: None,
    )


def test_a_later_script_is_adopted_and_those_before_it_run(
    scripts: Scripts, canonical_dump: Dump
) -> None:
    before = canonical_dump(scripts.database)
    scripts.plan()
    scripts.database.execute(
        "ALTER TABLE b_shops"
        " ALTER opened TYPE timestamptz USING opened AT TIME ZONE 'America/New_York',"
        " ALTER closed TYPE timestamptz USING closed AT TIME ZONE 'Asia/Kolkata'"
    )
    adopt(scripts, "public.b_shops.opened")
    assert StepState.INTERRUPTED not in scripts.states()[:2]
    scripts.apply()
    assert scripts.naive == 0
    assert set(scripts.states()) == {StepState.DONE}
    scripts.rollback(everything=True)
    assert canonical_dump(scripts.database) == before


def test_what_was_adopted_without_a_script_hinders_none(scripts: Scripts) -> None:
    scripts.plan()
    scripts.apply()
    scripts.database.execute(
        "CREATE TABLE d_notes (id int PRIMARY KEY, at timestamptz)"
    )
    adopt(scripts, "public.d_notes.at")
    scripts.rollback()
    scripts.apply()
    assert scripts.naive == 0
    scripts.rollback(everything=True)
    support = min(scripts.directory.glob("*.down.sql"))
    assert "adopt_d_notes" in psql(scripts.database, support).stderr
    assert scripts.database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")
    assert "gone already" in psql(scripts.database, support).stderr


def test_scripts_run_in_their_order_only(scripts: Scripts) -> None:
    scripts.plan()
    ups = sorted(scripts.directory.glob("*.up.sql"))
    assert "TZ342" in psql(scripts.database, ups[1], check=False).stderr
    psql(scripts.database, ups[0])
    assert "TZ343" in psql(scripts.database, ups[2], check=False).stderr
    psql(scripts.database, *ups[1:], one=True)
    downs = sorted(scripts.directory.glob("*.down.sql"))
    assert "TZ343" in psql(scripts.database, downs[1], check=False).stderr
    assert "TZ348" in psql(scripts.database, downs[0], check=False).stderr
    assert scripts.proved()


def test_what_is_planned_is_not_planned_again_and_a_new_table_goes_on_top(
    scripts: Scripts,
) -> None:
    events = commands.Selection(tables=("a_events",))
    first = scripts.plan(selection=events)
    assert [Path(p).name for p in first.written] == [
        "0001_tz_support.up.sql",
        "0001_tz_support.down.sql",
        "0002_tz_a_events.up.sql",
        "0002_tz_a_events.down.sql",
    ]
    before = scripts.files()
    dry = scripts.plan(dry_run=True)
    assert (dry.written, scripts.files()) == ((), before)
    assert [g.path for g in dry.groups] == [None] * len(dry.groups)
    (scripts.directory / "0003_of_the_team.sql").write_text("SELECT 1;")
    second = scripts.plan()
    assert next(Path(p).name for p in second.written) == "0004_tz_b_shops.up.sql"
    (kept,) = [c for g in second.groups for c in g.columns if c.planned_in]
    assert kept.planned_in == first.groups[0].revision
    command = f"tzmigrate apply --sql {scripts.directory}"
    assert second.next_command == scripts.status().next_command == command
    assert scripts.plan().written == ()
    scripts.apply()
    assert scripts.plan().written == ()
    assert scripts.status().next_command == "tzmigrate verify"
    scripts.database.execute("ALTER TABLE a_events ADD seen timestamp")
    third = scripts.plan()
    assert [g.slug for g in third.groups if g.tables] == ["tz_a_events_2"]
    scripts.apply()
    assert scripts.proved()
    scripts.rollback(everything=True)
    assert scripts.naive == 5


def test_a_pending_script_that_no_longer_fits_stops_the_next_plan(
    scripts: Scripts,
) -> None:
    scripts.plan(selection=commands.Selection(tables=("a_events",)))
    scripts.database.execute("ALTER TABLE a_events ALTER at SET DEFAULT 'epoch'")
    with pytest.raises(DecisionNeeded, match=r"0002_tz_a_events\.up\.sql") as caught:
        scripts.plan()
    assert caught.value.code == "TZ319"


def test_rollback_knows_scripts_by_identifier_and_by_name(scripts: Scripts) -> None:
    plan = scripts.plan()
    scripts.apply()
    (run,) = scripts.rollback().steps
    assert run.step == "tz_c_50_off_now_a_migrate_down"
    scripts.apply()
    first = plan.groups[0].revision
    assert len(scripts.rollback(to=first, dry_run=True).pending) == 2
    assert len(scripts.rollback(to="0002_tz_a_events").steps) == 2
    assert scripts.naive == 3
    with pytest.raises(UsageError, match="TZ237"):
        scripts.rollback(to="0009_nonsense")


@pytest.mark.parametrize("style", ["plain", "flyway", "sqitch"])
def test_the_inverse_is_a_script_for_those_who_only_go_forward(
    style: str, scripts: Scripts, canonical_dump: Dump
) -> None:
    before = canonical_dump(scripts.database)
    scripts.plan(style)
    scripts.apply()
    run = scripts.rollback(as_revision=True, everything=True)
    ups = [p for p in run.written if "_inverse" in p and "/revert/" not in p]
    assert len(run.steps) == 0
    assert scripts.naive == 0
    assert scripts.states() == [StepState.DONE] * 4 + [StepState.PENDING] * 3
    with pytest.raises(DecisionNeeded, match="TZ326"):
        scripts.rollback(as_revision=True, everything=True)
    newest = [p for p in ups if re.search(r"(/V[^/]*|/deploy/.*|\.up)\.sql$", p)]
    assert len(newest) == 3
    psql(scripts.database, Path(newest[0]), one=style != "sqitch")
    if style == "sqitch":
        check = Path(newest[0].replace("/deploy/", "/verify/"))
        psql(scripts.database, check, one=False)
    scripts.apply()
    assert scripts.naive == 4
    assert scripts.states() == (
        [StepState.DONE] + [StepState.ROLLED_BACK] * 3 + [StepState.DONE] * 3
    )
    assert canonical_dump(scripts.database) == before
    again = scripts.plan()
    assert next(g.slug for g in again.groups if g.tables) == "tz_a_events_2"
    scripts.apply()
    assert scripts.naive == 0
    assert scripts.proved()


def test_an_edited_script_stops_and_other_line_ends_do_not(scripts: Scripts) -> None:
    scripts.database.execute('DROP TABLE "c 50% off: \\now ${a}\n-- migrate:down"')
    scripts.plan()
    (shops,) = scripts.directory.glob("*_tz_b_shops.up.sql")
    original = shops.read_bytes()
    assert b"Asia/Kolkata" in original
    shops.write_bytes(original.replace(b"Asia/Kolkata", b"Asia/Tokyo"))
    before = as_it_is(scripts)
    with pytest.raises(DecisionNeeded) as caught:
        scripts.apply()
    assert caught.value.code == "TZ322"
    assert str(shops) in caught.value.detail
    assert as_it_is(scripts) == before
    shops.write_bytes(original)
    for path in scripts.directory.glob("*.sql"):
        path.write_bytes(path.read_bytes().replace(b"\n", b" \r\n"))
    run_each(scripts, "plain", "up")
    assert scripts.states() == [StepState.DONE] * 3
    assert scripts.proved()
    down = shops.with_name(shops.name.replace(".up.", ".down."))
    text = down.read_bytes()
    down.write_bytes(text.replace(b"2s", b"3s"))
    with pytest.raises(DecisionNeeded, match="TZ322"):
        scripts.rollback()
    down.unlink()
    with pytest.raises(UsageError, match="TZ252"):
        scripts.rollback()
    down.write_bytes(text)
    scripts.rollback(everything=True)
    assert scripts.naive == 3


def test_a_database_that_another_directory_converted_is_left_alone(
    scripts: Scripts, tmp_path: Path
) -> None:
    scripts.plan()
    other = Scripts(directory=tmp_path / "other", database=scripts.database)
    other.plan()
    other.apply()
    before = as_it_is(scripts)
    for action in (scripts.apply, scripts.rollback):
        with pytest.raises(DecisionNeeded) as caught:
            action()
        assert caught.value.code == "TZ320"
        assert "the directory of SQL scripts" in caught.value.message
        assert "--sql" in caught.value.hint
    assert as_it_is(scripts) == before
    assert scripts.status().next_command == "tzmigrate verify"


def test_a_script_that_the_server_refuses_is_named(scripts: Scripts) -> None:
    scripts.plan()
    scripts.database.execute(
        "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'not on Sundays' USING ERRCODE = 'XX123'; END$$;"
        "CREATE EVENT TRIGGER no ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA')"
        " EXECUTE FUNCTION no()"
    )
    with pytest.raises(TzmigrateError) as caught:
        scripts.apply()
    assert "not on Sundays" in str(caught.value)
    assert isinstance(caught.value, Refused)


# ------------------------------------------------------------- the command line


def test_the_commands_as_they_are_typed(
    scripts: Scripts, shell: Any, canonical_dump: Dump
) -> None:
    before = canonical_dump(scripts.database)
    url = f"--url={scripts.database.url}"
    zones = [word for zone in ZONES for word in ("--zone", zone)]
    more = [*zones, "--accept", "TZ301"]
    planned = shell.main("plan", url, *more, "--sql", "db", "--style", "flyway")
    assert planned.status == 0, planned.err
    assert "db/V1__tz_support.sql" in planned.out.replace("\n", "")
    shown = json.loads(
        shell.main("plan", url, *more, "--sql", "db", "--format", "json").out
    )
    assert shown["document"] == "tzmigrate.plan"
    assert shown["written"] == []
    done = shell.main("apply", url, "--sql", "db", "--yes")
    assert done.status == 0, done.err
    assert "flyway_schema_history does not have" in done.out.replace("\n", " ")
    assert shell.main("verify", url, "--accept", "TZ301").status == 0
    assert shell.main("status", url, "--sql", "db").status == 0
    (shell.root / "tzmigrate.toml").write_text('[sql]\ndir = "db"\n')
    assert "tzmigrate verify" in shell.main("status", url).out
    back = shell.main("rollback", url, "--all", "--yes")
    assert back.status == 0, back.err
    assert "DELETE FROM flyway_schema_history" in back.out
    assert canonical_dump(scripts.database) == before


def test_what_does_not_go_together_is_bad_usage(scripts: Scripts, shell: Any) -> None:
    url = f"--url={scripts.database.url}"
    with shell.unchanged(scripts.database):
        for other in (
            ["--alembic", "alembic.ini"],
            ["--alembic-dir", "migrations"],
            ["--init"],
            ["--head", "abc"],
            ["--version-path", "x"],
            ["-x", "a=b"],
        ):
            shell.main("plan", url, "--sql", "db", *other).is_error(2, "TZ246", "--sql")
        shell.main("plan", url, "--style", "rails").is_error(2, "TZ247", "--sql")
    toml = shell.root / "tzmigrate.toml"
    toml.write_text('[sql]\nstyle = "rails"\n')
    with shell.unchanged(scripts.database):
        for verb in ("plan", "apply", "status"):
            shell.main(verb, url).is_error(2, "TZ247", "style of [sql]", "--sql")
        ended = shell.main("status", url, "--alembic", "alembic.ini")
        assert "TZ247" not in ended.err
    toml.unlink()
    with shell.unchanged(scripts.database):
        for verb in ("apply", "rollback", "status"):
            shell.main(verb, url, "--sql", "db").is_error(2, "TZ244", "db", "--sql")
            ended = shell.main(verb, url, "--sql", "db", "--alembic", "alembic.ini")
            ended.is_error(2, "TZ246")
    scripts.plan()
    shell.main("apply", url, "--sql", str(scripts.directory / "0001_tz_support.up.sql"))
    where = ["--sql", str(scripts.directory)]
    ended = shell.main("plan", url, *where, "--style", "django")
    ended.is_error(2, "TZ245", "plain", "django")
    text = (scripts.directory / "0001_tz_support.up.sql").read_bytes()
    (scripts.directory / "V1__tz_support.sql").write_bytes(text)
    (scripts.directory / "U1__tz_support.sql").write_bytes(text)
    shell.main("apply", url, *where).is_error(2, "TZ245", "several styles")
    (shell.root / "tzmigrate.toml").write_text(
        '[sql]\ndir = "db"\n[alembic]\ndir = "migrations"\n'
    )
    shell.main("status", url).is_error(2, "TZ246", "[alembic]")


def test_a_backup_before_apply_knows_the_plan_of_the_scripts(
    scripts: Scripts, shell: Any
) -> None:
    scripts.plan()
    url = f"--url={scripts.database.url}"
    done = shell.main(
        *("apply", url, "--sql", str(scripts.directory), "--yes"),
        *("--backup", "--pg-bin", str(scripts.database.server.bin)),
    )
    assert done.status == 0, done.err
    (path,) = (shell.root / "backups").glob("*/backup_metadata.json")
    assert json.loads(path.read_text("utf-8"))["plan"] is not None


# -------------------------------------------------------------- real tools


SETTINGS = """
import os
SECRET_KEY = "none"
USE_TZ = True
INSTALLED_APPS = ["shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", **PARTS}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""

MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""

MODELS = """
from django.db import models

class Event(models.Model):
    at = models.DateTimeField()

    class Meta:
        db_table = "a_events"
"""

INITIAL = """
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.CreateModel(
                name="Event",
                fields=[
                    ("id", models.BigAutoField(primary_key=True, serialize=False,
                        auto_created=True, verbose_name="ID")),
                    ("at", models.DateTimeField()),
                ],
                options={"db_table": "a_events"},
            ),
        ]),
    ]
"""


@pytest.fixture
def django(scripts: Scripts) -> Callable[..., str]:
    """A project of Django with one app, whose migrations the scripts join."""
    pytest.importorskip("django")
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415  only when used

    root, migrations = scripts.directory.parent.parent, scripts.directory
    migrations.mkdir(parents=True)
    given = conninfo_to_dict(scripts.database.url)
    names = {"dbname": "NAME", "user": "USER", "host": "HOST", "port": "PORT"}
    names["password"] = "PASSWORD"
    parts = {names[k]: str(v) for k, v in given.items() if k in names}
    (root / "settings.py").write_text(f"PARTS = {parts!r}\n{SETTINGS}")
    (root / "manage.py").write_text(MANAGE)
    (migrations.parent / "__init__.py").touch()
    (migrations.parent / "models.py").write_text(MODELS)
    (migrations / "__init__.py").touch()
    (migrations / "0001_initial.py").write_text(INITIAL)

    def manage(*arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr[-3000:]
        return done.stdout + done.stderr

    return manage


@pytest.mark.pg(">= 14")  # Django's own condition
def test_django_migrates_there_and_back(
    scripts: Scripts, django: Callable[..., str], canonical_dump: Dump
) -> None:
    django("migrate", "shop")
    before = canonical_dump(scripts.database, "--exclude-table=django_migrations")
    plan = scripts.plan("django")
    assert [Path(p).name for p in plan.written] == [
        "0002_tz_support.py",
        "0003_tz_a_events.py",
        "0004_tz_b_shops.py",
        "0005_tz_c_50_off_now_a_migrate_down.py",
    ]
    assert "No changes detected" in django("makemigrations", "--check", "--dry-run")
    assert "tz_a_events" in django("sqlmigrate", "shop", "0003")
    django("migrate")
    assert scripts.naive == 0
    assert scripts.proved()
    assert scripts.states() == [StepState.DONE] * 4
    assert "No changes detected" in django("makemigrations", "--check", "--dry-run")

    def after() -> str:
        return canonical_dump(scripts.database, "--exclude-table=django_migrations")

    # taken back by tzmigrate, Django does not know it until it is told
    run = scripts.rollback(everything=True)
    assert after() == before
    assert "0003_tz_a_events.py to 0005" in " ".join(run.notes)
    (forget,) = [n for n in run.notes if "DELETE FROM django_migrations" in n]
    scripts.database.execute(forget.partition("or: ")[2])
    assert "[ ] 0003_tz_a_events" in django("showmigrations", "shop")
    scripts.apply()
    assert "[ ] 0003_tz_a_events" in django("showmigrations", "shop")
    django("migrate", "shop")
    assert scripts.proved()
    assert "[ ]" not in django("showmigrations", "shop")
    django("migrate", "shop", "0003")
    assert scripts.naive == 3
    assert scripts.states() == [StepState.DONE] * 2 + [StepState.ROLLED_BACK] * 2
    django("migrate", "shop", "zero")
    assert scripts.naive == 4
    assert after() == before
    assert scripts.states() == [StepState.PENDING] * 4


@pytest.mark.pg(">= 14")  # Django's own condition
def test_django_leaves_nothing_behind_where_a_migration_fails(
    scripts: Scripts, django: Callable[..., str]
) -> None:
    scripts.plan("django")
    scripts.database.execute("ALTER TABLE a_events ALTER at SET DEFAULT 'epoch'")
    assert "TZ345" in django("migrate", check=False)
    assert scripts.naive == 4
    assert scripts.states() == [StepState.DONE] + [StepState.PENDING] * 3
    (path,) = scripts.directory.glob("0003*.py")
    path.write_text(path.read_text("utf-8").replace("atomic = True", "atomic = False"))
    assert "TZ643" in django("migrate", check=False)
    assert scripts.naive == 4


@pytest.fixture
def strong_password(server: Any) -> Iterator[None]:
    """Have the password hashed as a driver in Go wants it; ours is hashed for speed."""
    password = server.parts.get("password")
    # older servers hash it as always
    if not (server.embedded and password and server.version >= 16):
        yield
        return
    for rounds in (4096, 1):
        server.execute(
            f"DO $$BEGIN SET LOCAL scram_iterations = {rounds};"
            f" ALTER ROLE CURRENT_USER PASSWORD '{password}'; END$$"
        )
        if rounds > 1:
            yield


def program(name: str) -> str:
    """Return a tool of this environment, or of the machine; skip without it."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    return found or pytest.skip(f"{name} is not installed")


def ran(*argv: object, **environ: str) -> str:
    """Run a tool, and return what it printed."""
    done = subprocess.run(
        [str(word) for word in argv],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dbmate_migrates_there_and_back(
    scripts: Scripts, canonical_dump: Dump, strong_password: None
) -> None:
    before = canonical_dump(scripts.database)
    scripts.plan("dbmate")
    url = scripts.database.url + ("&" if "?" in scripts.database.url else "?")
    argv = (program("dbmate"), "--no-dump-schema", "-d", scripts.directory)

    def dbmate(*arguments: str) -> str:
        return ran(*argv, *arguments, DATABASE_URL=f"{url}sslmode=disable")

    dbmate("migrate")
    assert scripts.naive == 0
    assert scripts.proved()
    assert scripts.states() == [StepState.DONE] * 4
    for _ in range(4):
        dbmate("rollback")
    assert scripts.states() == [StepState.PENDING] * 4
    scripts.apply()
    assert dbmate("status").count("[ ]") == 4
    dbmate("migrate")
    assert scripts.proved()
    assert dbmate("status").count("[X]") == 4
    run = scripts.rollback()
    assert "dbmate rollback" in " ".join(run.notes)
    for _ in range(4):
        dbmate("rollback")
    scripts.database.execute("DROP TABLE schema_migrations")
    assert canonical_dump(scripts.database) == before


def test_sqitch_deploys_and_reverts(scripts: Scripts, canonical_dump: Dump) -> None:
    sqitch = program("sqitch")
    before = canonical_dump(scripts.database)
    scripts.plan("sqitch")
    client = scripts.database.server.bin / "psql"
    (scripts.directory / "sqitch.conf").write_text(
        "[core]\n\tengine = pg\n[user]\n\tname = Ann\n\temail = ann@example.com\n"
        f'[engine "pg"]\n\tclient = {client}\n'
    )
    target = scripts.database.url.replace("postgresql:", "db:pg:", 1)

    def run(verb: str, *options: str) -> str:
        return ran(sqitch, "-C", scripts.directory, verb, *options, target)

    run("deploy", "--verify")
    assert scripts.naive == 0
    assert scripts.proved()
    assert scripts.states() == [StepState.DONE] * 4
    run("verify")
    scripts.rollback()
    run("revert", "-y", "--to", "tz_b_shops")
    assert scripts.states()[-2:] == [StepState.DONE, StepState.ROLLED_BACK]
    scripts.apply()
    run("deploy", "--log-only")
    run("verify")
    run("revert", "-y")
    scripts.database.execute("DROP SCHEMA sqitch CASCADE")
    assert canonical_dump(scripts.database) == before


RAILS = """
require "active_record"
ActiveRecord::Base.establish_connection(ENV["DATABASE_URL"])
ActiveRecord::Migration.verbose = false
history = ActiveRecord::VERSION::MAJOR < 7 ? [ActiveRecord::SchemaMigration] : []
context = ActiveRecord::MigrationContext.new(ARGV[0], *history)
ARGV[1] == "up" ? context.migrate : context.rollback(ARGV[2].to_i)
puts context.get_all_versions.size
"""


def test_rails_migrates_there_and_back(
    scripts: Scripts, canonical_dump: Dump, tmp_path: Path
) -> None:
    ruby = program("ruby")
    asked = "require 'active_record'; require 'pg'; puts ActiveRecord.gem_version"
    version = subprocess.run([ruby, "-e", asked], capture_output=True, check=False)
    if version.returncode:
        pytest.skip("Rails is not installed")
    before = canonical_dump(scripts.database)
    scripts.directory.mkdir(parents=True)
    major, minor, *_ = version.stdout.decode().split(".")
    (scripts.directory / "20200101000000_team.rb").write_text(
        f"class Team < ActiveRecord::Migration[{major}.{minor}]\nend\n"
    )
    scripts.plan("rails")
    (tmp_path / "run.rb").write_text(RAILS)

    def rails(*arguments: str) -> str:
        argv = (ruby, tmp_path / "run.rb", scripts.directory, *arguments)
        return ran(*argv, DATABASE_URL=scripts.database.url).strip()

    assert rails("up") == "5"
    assert scripts.naive == 0
    assert scripts.proved()
    assert scripts.states() == [StepState.DONE] * 4
    assert rails("down", "4") == "1"
    assert scripts.states() == [StepState.PENDING] * 4
    scripts.apply()
    assert rails("up") == "5"
    assert scripts.proved()
    scripts.rollback(everything=True)
    assert rails("down", "5") == "0"
    scripts.database.execute("DROP TABLE schema_migrations, ar_internal_metadata")
    assert canonical_dump(scripts.database) == before


def test_every_style_can_be_asked_for() -> None:
    from tzmigrate.cli.options import Style  # noqa: PLC0415  only here
    from tzmigrate.config import SqlStyle  # noqa: PLC0415  only here

    assert {s.value for s in Style} == {s.value for s in SqlStyle} == set(STYLES)
