"""Bad input gets one clear error, a hint, its exit status, and changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    ("zone", "code", "words"),
    [
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
    ],
)
def test_a_zone_that_is_none_ends_with_2_and_says_which_to_take(
    shell: Any, shop: Any, zone: str, code: str, words: tuple[str, ...]
) -> None:
    given = (f"default={zone}", f"public.*.*={zone}")
    with shell.unchanged(shop):
        for option in given:
            arguments = ("plan", "--init", "--url", shop.url, "--zone", option)
            ended = shell.main(*arguments)
            ended.is_error(2, code, "--zone", *words)
            assert "\x1b" not in ended.err


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


@pytest.mark.parametrize("option", ["--schema", "--table"])
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
        (_nothing, ("--name", "other"), "TZ231", "other"),
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
