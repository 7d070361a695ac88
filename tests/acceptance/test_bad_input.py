"""Bad input gets one clear error, a hint, its exit status, and changes nothing."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.cli import verbs

MakeProject = Callable[..., Any]

TABLE = """
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp NOT NULL);
INSERT INTO orders SELECT g, timestamp '2024-01-15' + g * interval '1 day'
FROM generate_series(1, 50) AS g;
"""
UTC = ("--zone", "default=UTC")
NOWHERE = "postgresql://ann:hunter2@127.0.0.1:1/x"
"""Nobody answers there: what is wrong with the input must be told before."""


def in_utc(database: Any) -> Any:
    """Have the sessions of a database start in the zone of its columns."""
    database.execute(f"ALTER DATABASE \"{database.name}\" SET timezone = 'UTC'")
    return database


@pytest.fixture
def shop(database: Any) -> Any:
    """A small database in UTC."""
    database.execute(TABLE)
    return in_utc(database)


@pytest.fixture
def project(shop: Any, make_project: MakeProject) -> Any:
    """An Alembic project for it, where nothing is planned."""
    return make_project(shop.url)


@pytest.fixture
def planned(project: Any) -> Any:
    """The same with revisions written, and only the support applied."""
    project.plan(zones=("default=UTC",))
    support = next(path for path in project.revisions if "support" in path.name)
    project.run("upgrade", support.name.split("_")[0])
    return project


@pytest.fixture
def converted(project: Any) -> Any:
    """The same with all revisions applied."""
    project.plan(zones=("default=UTC",))
    project.run("upgrade", "head")
    return project


# ------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["scan", "--formt", "json"], "TZ280", "--format"),
        (["scan", "--tabel", "t"], "TZ280", "Did you mean --table? See"),
        (["scan", "--format", "xml"], "TZ280", "'markdown'"),
        (["scan", "-h"], "TZ280", "tzmigrate scan --help"),
        (["--url", NOWHERE, "scan"], "TZ280", "after the command"),
        (["scann"], "TZ280", "scan"),
        (["scan", "surplus"], "TZ280", "surplus"),
        (["plan", "--schema"], "TZ280", "--schema"),
        (["verify", "--level", "most"], "TZ280", "physical"),
        (["rollback", "--to", "abc", "--all"], "TZ283", "--to REVISION"),
        (["plan", "--init", "--accept", "tz301"], "TZ284", "TZ301"),
        (["verify", "--accept", "everything"], "TZ284", "--accept TZ301"),
        (["scan", "--schema", 'pub"lic'], "TZ261", "quote"),
        (["scan", "--table", "a..b"], "TZ261", "schema.table"),
        (["scan", "--exclude", "a.b.c"], "TZ261", "schema.table"),
        (["plan", "--init", "--zone", "nozone"], "TZ209", "PATTERN=ZONE"),
        (["plan", "--init", "--zone", "orders.at=UTC"], "TZ206", "public.orders.*"),
        (["plan", "--init", "--zone", 'a."b.c=UTC'], "TZ206", "quote"),
        (["scan", "--config", "missing.toml"], "TZ201", "missing.toml"),
        (["scan", "--config", "/"], "TZ201", "directory"),
        (["scan", "--output", "missing/x"], "TZ282", "missing/x"),
        (["scan", "--output", "/"], "TZ282", "directory"),
        (["plan", "--sql", ""], "TZ280", "--sql"),
        (["plan", "--alembic", ""], "TZ280", "empty"),
        (["plan", "--alembic-dir", ""], "TZ280", "--alembic-dir"),
        (["plan", "--version-path", "a", "--version-path", ""], "TZ280", "empty"),
        (["backup", "create", "--dir="], "TZ280", "--dir"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_line_that_makes_no_sense_ends_with_2(
    shell: Any, arguments: list[str], code: str, words: str
) -> None:
    if "--url" not in arguments and arguments[0] == "scan":
        arguments = [*arguments, "--url", NOWHERE]
    with shell.unchanged():
        shell.main(*arguments).is_error(2, code, words)


@pytest.mark.parametrize(
    ("url", "status", "code", "words"),
    [
        ("nonsense", 2, "TZ211", "postgresql://"),
        ("postgresql://ann:hunter2@h:port/x", 2, "TZ211", "--url"),
        ("postgresql://ann:hunter2@h/x?sslmod=require", 2, "TZ211", "'sslmode'"),
        ("postgresql://h/x@y:hunter2", 2, "TZ211", "%2F"),
        ("host=h password=hunter2 nonsense", 2, "TZ211", "postgresql://"),
        ("", 2, "TZ211", "postgresql://"),
        *(
            (f"postgresql://ann:hunter2@127.0.0.1:1/x?{wrong}", 2, "TZ211", said)
            for wrong, said in (
                ("connect_timeout=abc", "connect_timeout"),
                ("sslmode=bad", "sslmode"),
                ("target_session_attrs=zz", "target_session_attrs"),
                ("channel_binding=zz", "channel_binding"),
            )
        ),
        ("postgresql://ann:hunter2@127.0.0.1:99999/x", 2, "TZ211", "99999"),
        ("service=nix password=hunter2", 2, "TZ211", "nix"),
        ("mysql://ann:hunter2@h/x", 6, "TZ611", "mysql"),
        ("sqlite:///shop.db", 6, "TZ611", "sqlite"),
        ("mssql+pyodbc://ann:hunter2@h/x", 6, "TZ611", "mssql"),
    ],
)
def test_a_url_that_cannot_be_meant_is_told_without_its_password(
    shell: Any, url: str, status: int, code: str, words: str
) -> None:
    with shell.unchanged():
        ended = shell.main("scan", "--url", url)
    ended.is_error(status, code, words)
    assert "ter2" not in ended.err


def test_the_real_command_ends_as_the_function_does(shell: Any) -> None:
    with shell.unchanged():
        ended = shell.run("scan", "--url", "mysql://ann:hunter2@h/x")
        ended.is_error(6, "TZ611", "mysql")
        assert ended == shell.main("scan", "--url", "mysql://ann:hunter2@h/x")


# ------------------------------------------------------------ the configuration


@pytest.mark.parametrize(
    ("toml", "code", "words"),
    [
        ("[zones\n", "TZ202", "tzmigrate.toml:1"),
        ('a = 1\na = "x"\n', "TZ202", "tzmigrate.toml:2"),
        ('[zone]\ndefault = "UTC"\n', "TZ203", "Did you mean 'zones'?"),
        ('[policy]\nmaxlock = "5s"\n', "TZ203", "Did you mean 'max_lock'?"),
        ('[policy]\ngap = "sift"\n', "TZ204", "tzmigrate.toml:2: policy.gap"),
        ('[policy]\nmax_lock = "5 parsecs"\n', "TZ204", "parsecs"),
        ('[policy]\nlock_timeout = "500ms"\n', "TZ204", "deadlock_timeout"),
        ('[policy]\naccept = ["all"]\n', "TZ204", "policy.accept"),
        ("url = 5\n", "TZ204", "url"),
        ('url = "postgresql://ann:hunter2@h:x/y"\n', "TZ211", "tzmigrate.toml"),
        ("[zones]\ndefault = 2\n", "TZ208", "tzmigrate.toml:2"),
        ("[zones]\npublic.orders.at = 'UTC'\n", "TZ206", "quotes"),
        ("[zones]\n'orders.at' = 'UTC'\n", "TZ206", "tzmigrate.toml:2"),
        ("[zones]\n'a.b.c' = { colum = 'x' }\n", "TZ208", "'colum'"),
        ("[scan]\nschema = 'pub\"lic'\n", "TZ261", "quote"),
        ("\n[scan]\ntables = 'x'\n", "TZ203", "'table'"),
    ],
)
def test_a_wrong_configuration_ends_with_2_and_names_the_place(
    shell: Any, toml: str, code: str, words: str
) -> None:
    (shell.root / "tzmigrate.toml").write_text(toml, encoding="utf-8")
    url = () if toml.startswith("url") else ("--url", NOWHERE)
    with shell.unchanged():
        shell.main("plan", "--init", *url).is_error(2, code, words)
        shell.main("scan", *url).is_error(2, code, words)


def test_a_configuration_that_is_not_text_ends_with_2(shell: Any) -> None:
    (shell.root / "tzmigrate.toml").write_bytes(b"\xff\xfe\x00")
    with shell.unchanged():
        shell.main("scan").is_error(2, "TZ201", "tzmigrate.toml", "UTF-8")


def test_a_wrong_table_of_pyproject_ends_with_2(shell: Any) -> None:
    (shell.root / "pyproject.toml").write_text("[tool.tzmigrate.polcy]\nx = 1\n")
    with shell.unchanged():
        ended = shell.main("scan", "--url", NOWHERE)
        ended.is_error(2, "TZ203", "pyproject.toml:1", "'policy'")


# ------------------------------------------------------------------------ zones


ZONES = [
    ("Europe/Pariss", "TZ221", ("Did you mean 'Europe/Paris'?",)),
    ("Amerika/New_York", "TZ221", ("'America/New_York'",)),
    ("New York", "TZ221", ("'America/New_York'",)),
    ("Erewhon", "TZ221", ("pg_timezone_names",)),
    ("posixrules", "TZ221", ("pg_timezone_names",)),
    ("localtime", "TZ221", ("pg_timezone_names",)),
    ("EST", "TZ222", ("America/New_York", "summer time")),
    ("PST8PDT", "TZ222", ("America/Los_Angeles",)),
    ("Japan", "TZ222", ("Asia/Tokyo",)),
    ("XYZ", "TZ222", ("by its place",)),
    ("UTC+5", "TZ223", ("sign is reversed", "WEST", "Etc/GMT-5")),
    ("GMT-8", "TZ223", ("sign is reversed", "EAST")),
    ("<+05>-5", "TZ223", ("sign is reversed", "EAST")),
    ("+05:30", "TZ223", ("5 hours 30 minutes WEST",)),
    ("-3", "TZ223", ("SET TimeZone",)),
    ("5", "TZ223", ("by its place",)),
    ("Europe/Paris\x1b[31m", "TZ221", ("'Europe/Paris'",)),
]


def test_a_zone_that_is_none_ends_with_2_and_says_which_to_take(
    shell: Any, shop: Any
) -> None:
    with shell.unchanged(shop):
        for zone, code, words in ZONES:
            ended = shell.main(
                "plan", "--init", "--url", shop.url, "--zone", f"public.*.*={zone}"
            )
            ended.is_error(2, code, "--zone", *words)
            assert "\x1b" not in ended.err
        default = ("--zone", "default=UTC+5")
        ended = shell.main("plan", "--init", "--url", shop.url, *default)
        ended.is_error(2, "TZ223", "--zone", "sign is reversed")


def test_a_wrong_zone_of_the_file_is_named_with_its_line(shell: Any, shop: Any) -> None:
    toml = shell.root / "tzmigrate.toml"
    for text, line in (
        ('[zones]\ndefault = "UTC"\n"public.*.*" = "UTC+5"\n', 3),
        ('[zones]\n"public.*.*" = "UTC"\ndefault = "UTC+5"\n', 3),
        (
            '[zones]\n"*.*.*" = { until = "2019-03-01", then = "UTC", '
            'before = "UTC+5" }\n',
            2,
        ),
    ):
        toml.write_text(text, encoding="utf-8")
        with shell.unchanged(shop):
            ended = shell.main("plan", "--init", "--url", shop.url)
            ended.is_error(2, "TZ223", f"tzmigrate.toml:{line}", "sign is reversed")


def test_a_tie_between_patterns_ends_with_2_and_names_both(
    shell: Any, shop: Any
) -> None:
    zones = ("public.o*.placed_at=UTC", "public.*s.placed_at=Europe/Paris")
    options = [each for zone in zones for each in ("--zone", zone)]
    with shell.unchanged(shop):
        ended = shell.main("plan", "--init", "--url", shop.url, *options)
        ended.is_error(2, "TZ207", "public.orders.placed_at", "public.*s.placed_at")


@pytest.mark.parametrize("option", ["--schema", "--table", "--exclude"])
def test_a_pattern_that_matches_nothing_ends_with_2(
    shell: Any, shop: Any, option: str
) -> None:
    with shell.unchanged(shop):
        ended = shell.main("scan", "--url", shop.url, option, "Orders")
        ended.is_error(2, "TZ260", "Orders")


# -------------------------------------------------------- the Alembic directory


def _two_heads(project: Any) -> None:
    for name in "ab":
        (project.root / "migrations" / "versions" / f"{name}.py").write_text(
            f"revision = {name!r}\ndown_revision = None\n"
        )


def _broken_revision(project: Any) -> None:
    path = project.root / "migrations" / "versions" / "a.py"
    path.write_text("revision = 'a'\ndown_revision = \n")


def _missing_predecessor(project: Any) -> None:
    path = project.root / "migrations" / "versions" / "a.py"
    path.write_text("revision = 'a'\ndown_revision = 'gone'\n")


def _no_location(project: Any) -> None:
    (project.root / "alembic.ini").write_text("[alembic]\nsqlalchemy.url = x\n")


def _no_ini(project: Any) -> None:
    (project.root / "alembic.ini").unlink()


def _ini_elsewhere(project: Any) -> None:
    (project.root / "tzmigrate.toml").write_text('[alembic]\nini = "api/alembic.ini"')


def _directory_elsewhere(project: Any) -> None:
    (project.root / "tzmigrate.toml").write_text('[alembic]\ndir = "api"')


def _no_directory(project: Any) -> None:
    ini = project.root / "alembic.ini"
    ini.write_text(ini.read_text().replace("/migrations", "/gone"))


def _nothing(project: Any) -> None:
    """Leave the project as it is."""


@pytest.mark.parametrize(
    "case",
    [
        (_two_heads, (), "TZ236", "--head"),
        (_two_heads, ("--head", "c"), "TZ237", "alembic heads"),
        (_nothing, ("--head", "c"), "TZ237", "alembic heads"),
        (_nothing, ("--version-path", "gone"), "TZ238", "--version-path"),
        (_broken_revision, (), "TZ234", "a.py"),
        (_missing_predecessor, (), "TZ235", "gone"),
        (_no_location, (), "TZ231", "script_location"),
        (_no_ini, (), "TZ230", "--init"),
        (_no_directory, (), "TZ232", "gone"),
        (_nothing, ("--alembic", "other.ini"), "TZ230", "other.ini"),
        (_nothing, ("--alembic-dir", "other"), "TZ232", "other"),
        (_nothing, ("--alembic-dir", "."), "TZ232", "holds no env.py"),
        (_nothing, ("--name", "other"), "TZ231", "no section [other]"),
        (_nothing, ("--name", "other"), "TZ231", "--name"),
        (_ini_elsewhere, (), "TZ230", "tzmigrate.toml:2"),
        (_directory_elsewhere, (), "TZ232", "tzmigrate.toml:2"),
        (_nothing, ("--init",), "TZ233", "--init"),
    ],
)
def test_an_alembic_directory_that_cannot_be_used_ends_with_2(
    shell_in: Callable[..., Any],
    project: Any,
    shop: Any,
    case: tuple[Callable[..., None], tuple[str, ...], str, str],
) -> None:
    change, options, code, words = case
    change(project)
    shell = shell_in(project.root)
    with shell.unchanged(shop):
        ended = shell.main("plan", "--url", shop.url, *UTC, *options)
        ended.is_error(2, code, words)


def test_an_output_that_cannot_be_written_keeps_apply_from_anything(
    shell_in: Callable[..., Any], planned: Any, shop: Any
) -> None:
    shell = shell_in(planned.root)
    with shell.unchanged(shop):
        for verb in ("plan", "apply", "rollback", "status"):
            yes = ("--yes",) if verb in ("apply", "rollback") else ()
            ended = shell.main(verb, *yes, "--url", shop.url, "--output", "no/x")
            ended.is_error(2, "TZ282", "no/x")


# ------------------------------------------------------------------- decisions


def says_once(text: str, code: str) -> None:
    """Hold a result to one mention of a code, with a hint beneath."""
    assert len(re.findall(rf"\b{code}\b", text)) == 1, text
    assert "hint: " in text.split(code)[1]


def test_an_undecided_zone_ends_with_3_and_is_told_once(
    shell_in: Callable[..., Any], project: Any, shop: Any
) -> None:
    shell = shell_in(project.root)
    with shell.unchanged(shop):
        ended = shell.run("plan", "--url", shop.url)
    assert (ended.status, ended.err) == (3, "")
    says_once(ended.out, "TZ302")
    assert "public.orders.placed_at" in ended.out
    assert "nothing written" in ended.out


def test_a_refused_column_ends_with_3_and_the_rest_is_written(
    shell_in: Callable[..., Any], project: Any, shop: Any
) -> None:
    # PostgreSQL does not change the type of a column that rows are routed by
    shop.execute("CREATE TABLE parts (at timestamp) PARTITION BY RANGE (at)")
    shell = shell_in(project.root)
    ended = shell.run("plan", "--url", shop.url, *UTC)
    assert (ended.status, ended.err) == (3, "")
    assert "Not converted: 1 column" in ended.out
    assert "hint: " in ended.out.split("Not converted")[1]
    assert len(project.revisions) == 2
    again = shell.main("apply", "--yes", "--url", shop.url)
    assert again.status == 0, again.err


@pytest.mark.parametrize(
    ("moment", "code"),
    [("2024-03-10 02:30", "TZ304"), ("2024-11-03 01:30", "TZ305")],
)
def test_rows_in_a_gap_or_an_overlap_end_with_3_and_nothing_is_written_for_them(
    shell_in: Callable[..., Any], project: Any, shop: Any, moment: str, code: str
) -> None:
    shop.execute("INSERT INTO orders VALUES (0, %s)", [moment])
    shop.execute(f"ALTER DATABASE \"{shop.name}\" SET timezone = 'America/New_York'")
    shell = shell_in(project.root)
    with shell.unchanged(shop):
        zone = ("--zone", "default=America/New_York")
        ended = shell.main("plan", "--url", shop.url, *zone)
    assert (ended.status, ended.err) == (3, "")
    says_once(ended.out, code)


def test_a_session_zone_that_differs_ends_with_3_and_nothing_is_written(
    shell_in: Callable[..., Any], project: Any, shop: Any
) -> None:
    shop.execute(f"ALTER DATABASE \"{shop.name}\" SET timezone = 'Asia/Tokyo'")
    shell = shell_in(project.root)
    with shell.unchanged(shop):
        ended = shell.main("plan", "--url", shop.url, *UTC)
    assert (ended.status, ended.err) == (3, "")
    assert ended.out.count("\n  TZ301 ") == 1
    assert "--accept TZ301" in ended.out
    assert "Asia/Tokyo" in ended.out


@pytest.mark.parametrize(
    "case",
    [
        ("ALTER TABLE orders ALTER placed_at TYPE timestamp(3)", "TZ345", "stale plan"),
        ("ALTER TABLE orders ALTER placed_at SET DEFAULT now()", "TZ345", "default"),
        ("ALTER TABLE orders DROP placed_at", "TZ341", "placed_at"),
        ("DROP TABLE orders", "TZ341", "orders"),
        ("ALTER TABLE orders ALTER placed_at TYPE timestamptz", "TZ344", "placed_at"),
        ("CREATE VIEW v AS SELECT placed_at FROM orders", "TZ345", "public.v"),
        ("UPDATE alembic_version SET version_num = 'gone'", "TZ320", "gone"),
    ],
)
def test_a_database_that_is_not_as_planned_ends_apply_with_3(
    shell_in: Callable[..., Any], planned: Any, shop: Any, case: tuple[str, str, str]
) -> None:
    change, code, words = case
    shop.execute(change)
    shell = shell_in(planned.root)
    with shell.unchanged(shop):
        shell.main("apply", "--yes", "--url", shop.url).is_error(3, code, words)


def test_revisions_of_the_team_in_between_end_apply_with_3(
    shell_in: Callable[..., Any], project: Any, shop: Any
) -> None:
    theirs = project.revision("theirs", "CREATE TABLE theirs (id int)")
    project.plan(zones=("default=UTC",))
    shell = shell_in(project.root)
    with shell.unchanged(shop):
        ended = shell.run("apply", "--yes", "--url", shop.url)
        ended.is_error(3, "TZ321", theirs, "alembic upgrade")


def test_an_edited_revision_ends_apply_and_rollback_with_3(
    shell_in: Callable[..., Any], planned: Any, shop: Any
) -> None:
    (path,) = (p for p in planned.revisions if "orders" in p.name)
    text = path.read_text()
    edited = text.replace("2s", "9s")
    assert edited != text
    path.write_text(edited)
    shell = shell_in(planned.root)
    with shell.unchanged(shop):
        ended = shell.main("apply", "--yes", "--url", shop.url)
        ended.is_error(3, "TZ322", path.name, "version control")
        status = shell.main("status", "--url", shop.url)
        assert f"{path.name} was edited" in " ".join(status.out.split())
    path.write_text(text)
    planned.run("upgrade", "head")
    path.write_text(edited)
    with shell.unchanged(shop):
        ended = shell.main("rollback", "--yes", "--url", shop.url)
        ended.is_error(3, "TZ322", path.name)
        assert "delete" not in ended.err


def test_later_revisions_above_ours_end_rollback_with_3(
    shell_in: Callable[..., Any], converted: Any, shop: Any
) -> None:
    theirs = converted.revision("theirs", "CREATE TABLE theirs (id int)")
    converted.run("upgrade", "head")
    shell = shell_in(converted.root)
    with shell.unchanged(shop):
        ended = shell.main("rollback", "--yes", "--url", shop.url)
        ended.is_error(3, "TZ323", theirs, "--as-revision")
        ended = shell.main("rollback", "--all", "--yes", "--url", shop.url)
        ended.is_error(3, "TZ323", theirs)


def test_a_revision_that_stays_has_to_be_ours(
    shell_in: Callable[..., Any], converted: Any, shop: Any
) -> None:
    theirs = converted.revision("theirs", "SELECT 1")
    shell = shell_in(converted.root)
    with shell.unchanged(shop):
        for name, code in (("gone", "TZ237"), (theirs, "TZ251")):
            ended = shell.main("rollback", "--to", name, "--yes", "--url", shop.url)
            ended.is_error(2, code, name)


def test_without_yes_and_without_a_terminal_both_verbs_end_with_3(
    shell_in: Callable[..., Any], planned: Any, shop: Any
) -> None:
    shell = shell_in(planned.root)
    with shell.unchanged(shop):
        ended = shell.run("apply", "--url", shop.url)
        ended.is_error(3, "TZ390", "tzmigrate apply --dry-run", "1 revision will run")
    planned.run("upgrade", "head")
    with shell.unchanged(shop):
        ended = shell.main("rollback", "--url", shop.url)
        ended.is_error(3, "TZ390", "tzmigrate rollback --dry-run")


def test_drift_ends_status_and_verify_with_3(
    shell_in: Callable[..., Any], converted: Any, shop: Any
) -> None:
    shop.execute(
        "ALTER TABLE orders ALTER placed_at TYPE timestamp"
        " USING placed_at AT TIME ZONE 'UTC'"
    )
    shell = shell_in(converted.root)
    with shell.unchanged(shop):
        ended = shell.main("status", "--url", shop.url)
        assert (ended.status, "drift" in ended.out) == (3, True), ended
        ended = shell.main("verify", "--url", shop.url)
    assert (ended.status, ended.err) == (3, "")
    says_once(ended.out, "TZ325")


def test_a_stamped_revision_ends_apply_and_status_with_3(
    shell_in: Callable[..., Any], planned: Any, shop: Any
) -> None:
    planned.run("stamp", "head")
    shell = shell_in(planned.root)
    with shell.unchanged(shop):
        ended = shell.main("apply", "--yes", "--url", shop.url)
        ended.is_error(3, "TZ324", "alembic stamp")
        assert shell.main("status", "--url", shop.url).status == 3


# ------------------------------------------------------------------ not proved


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("placed_at = placed_at + interval '5 hours'", "+05:00:00"),
        ("placed_at = placed_at + interval '1 microsecond'", "+00:00:00.000001"),
    ],
)
def test_values_that_moved_together_end_verify_with_4(
    shell_in: Callable[..., Any], converted: Any, shop: Any, change: str, words: str
) -> None:
    shop.execute(f"UPDATE orders SET {change}")
    shell = shell_in(converted.root)
    with shell.unchanged(shop):
        ended = shell.main("verify", "--url", shop.url)
    assert (ended.status, ended.err) == (4, "")
    assert words in ended.out
    assert "public.orders.placed_at" in ended.out


def test_rows_that_are_all_new_end_verify_with_4(
    shell_in: Callable[..., Any], converted: Any, shop: Any
) -> None:
    shop.execute("UPDATE orders SET id = id + 1000")
    ended = shell_in(converted.root).main("verify", "--url", shop.url)
    assert (ended.status, ended.err) == (4, "")
    assert "unproved" in ended.out


def test_verify_before_any_apply_ends_with_4(
    shell_in: Callable[..., Any], project: Any, shop: Any
) -> None:
    shell = shell_in(project.root)
    with shell.unchanged(shop):
        ended = shell.run("verify", "--url", shop.url)
        ended.is_error(4, "TZ410", shop.name, "tzmigrate apply")
    project.plan(zones=("default=UTC",))
    with shell.unchanged(shop):
        shell.main("verify", "--url", shop.url).is_error(4, "TZ410", shop.name)


# ------------------------------------------------------------------ the set-up


@pytest.mark.parametrize(
    "case",
    [
        ("NullPool)", "NullPool, isolation_level='AUTOCOMMIT')", "TZ643", "AUTOCOMMIT"),
        (
            *("NullPool)", "NullPool, isolation_level='REPEATABLE READ')"),
            *("TZ644", "repeatable read"),
        ),
        ("from alembic", "import shop_model\nfrom alembic", "TZ660", "shop_model"),
        ("from alembic", "1 / 0\nfrom alembic", "TZ661", "ZeroDivisionError"),
        ("from alembic", "raise SystemExit(3)\nfrom alembic", "TZ661", "env.py"),
        ("create_engine(URL", "create_engine('sqlite://'", "TZ662", "sqlite"),
        ("    online()", "    pass", "TZ663", "env.py"),
    ],
    ids=lambda case: case[2],
)
def test_an_env_py_that_cannot_be_used_ends_with_6(
    shell_in: Callable[..., Any],
    planned: Any,
    shop: Any,
    case: tuple[str, str, str, str],
) -> None:
    old, new, code, words = case
    env = planned.root / "migrations" / "env.py"
    env.write_text(env.read_text().replace(old, new, 1))
    shell = shell_in(planned.root)
    with shell.unchanged(shop):
        for verb in ("apply", "rollback"):
            ended = shell.main(verb, "--yes", "--url", shop.url)
            ended.is_error(6, code, words)


def test_an_env_py_on_another_database_ends_with_6_and_both_stay(
    shell_in: Callable[..., Any],
    planned: Any,
    shop: Any,
    make_database: Callable[[], Any],
) -> None:
    other = in_utc(make_database())
    other.execute(TABLE)
    shell = shell_in(planned.root)
    with shell.unchanged(shop, other):
        for verb in ("apply", "rollback"):
            ended = shell.main(verb, "--yes", "--url", other.url)
            ended.is_error(6, "TZ650", shop.name, other.name, "--url")
        # a status of two databases would advise to stamp the wrong one
        ended = shell.main("status", "--url", other.url)
        ended.is_error(6, "TZ650", shop.name, other.name, "--url")


# -------------------------------------------------------- patterns of nothing


def test_a_zone_pattern_that_fits_no_column_is_told(
    database: Any, make_project: MakeProject
) -> None:
    in_utc(database).execute("CREATE TABLE stores (id int PRIMARY KEY, at timestamp)")
    database.execute("CREATE TABLE done (at timestamptz)")
    zones = (
        *("default=UTC", "public.storez.*=Europe/Paris", "*.menu.opens_at=keep"),
        # converted, and outside of the selection: no slips
        *("public.done.at=UTC", "public.stores.id=UTC"),
    )
    plan = make_project(database.url).plan(zones=zones, dry_run=True)
    found = [f for f in plan.findings if f.code == "TZ313"]
    assert [f.message.split("'")[1] for f in found] == [
        "public.storez.*",
        "*.menu.opens_at",
    ]
    assert "Did you mean 'public.stores.*'?" in found[0].hint
    assert plan.decisions == ()


def test_an_exclude_pattern_of_the_file_that_fits_no_table_is_told(
    shell_in: Callable[..., Any], project: Any, shop: Any
) -> None:
    (project.root / "tzmigrate.toml").write_text(
        '[scan]\nexclude = ["public.ordres", "public.orders"]\n'
    )
    shell = shell_in(project.root)
    for verb in ("scan", "plan"):
        ended = shell.run(verb, "--url", shop.url)
        assert "TZ161" in ended.out, verb
        assert "'public.ordres' fits no table" in " ".join(ended.out.split())
        assert "'public.orders'" not in ended.out
        assert (ended.status, ended.err) == (0, "")


# ----------------------------------------------------------------- nothing to do


def test_where_nothing_is_to_do_each_verb_says_so(
    shell_in: Callable[..., Any], database: Any, make_project: MakeProject
) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)")
    shell = shell_in(make_project(in_utc(database).url).root)
    with shell.unchanged(database):
        for verb, words in (
            ("scan", "there is nothing to convert"),
            ("plan", "there is nothing"),
            ("apply", "run tzmigrate plan first"),
            ("rollback", "Nothing is converted"),
            ("status", "tzmigrate plan"),
        ):
            yes = ("--yes",) if verb in ("apply", "rollback") else ()
            ended = shell.main(verb, *yes, "--url", database.url)
            assert (ended.status, ended.err) == (0, ""), verb
            assert words in ended.out, verb


def test_a_second_plan_with_nothing_left_writes_nothing_and_asks_nothing(
    shell_in: Callable[..., Any], planned: Any, shop: Any
) -> None:
    shell = shell_in(planned.root)
    with shell.unchanged(shop):
        for zones in (UTC, ()):
            ended = shell.main("plan", "--url", shop.url, *zones)
            assert (ended.status, ended.err) == (0, ""), ended.out
            assert "tzmigrate apply" in ended.out


def test_without_an_alembic_project_each_verb_says_how_to_get_one(
    shell: Any, shop: Any
) -> None:
    with shell.unchanged(shop):
        for verb in ("plan", "apply", "rollback", "status"):
            ended = shell.main(verb, "--url", shop.url)
            ended.is_error(2, "TZ230", "tzmigrate plan --init")
        assert shell.main("scan", "--url", shop.url).status == 0


# ----------------------------------------------------------------- and besides


def test_an_error_that_nobody_expected_ends_with_1_and_asks_for_a_report(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        message = f"no {NOWHERE}"
        raise RuntimeError(message)

    monkeypatch.setattr(verbs.commands, "scan", broken)
    with shell.unchanged():
        ended = shell.main("scan", "--url", NOWHERE)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("error: this is a bug in tzmigrate: RuntimeError\n")
    assert "hint: Please report it" in ended.err


def test_quiet_silences_alembic_too(
    shell_in: Callable[..., Any], project: Any, shop: Any
) -> None:
    ini = project.root / "alembic.ini"
    ini.write_text(ini.read_text() + LOGGING)
    env = project.root / "migrations" / "env.py"
    env.write_text(
        "from logging.config import fileConfig\nfrom alembic import context\n"
        "fileConfig(context.config.config_file_name)\n" + env.read_text()
    )
    shell = shell_in(project.root)
    common = ("--yes", "--quiet", "--url", shop.url)
    assert shell.main("plan", "-q", "--url", shop.url, *UTC).err == ""
    ended = shell.run("apply", *common)
    assert (ended.status, ended.err) == (0, "")
    # from elsewhere, Alembic runs in a process of its own
    ended = shell_in(project.root.parent).run(
        "rollback", "--all", *common, "--alembic", str(ini)
    )
    assert (ended.status, ended.err) == (0, "")
    ended = shell.run("apply", "--yes", "--url", shop.url)
    assert "alembic.runtime.migration" in ended.err


LOGGING = """
[loggers]
keys = root,alembic
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARNING
handlers = console
qualname =
[logger_alembic]
level = INFO
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic
[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""
