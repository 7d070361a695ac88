"""The configuration file: found, read, and refused with the place of the error."""

import os
from pathlib import Path

import pytest

from tzmigrate.config import (
    ByColumn,
    Config,
    Eras,
    Gap,
    Keep,
    Overlap,
    ZoneRule,
    load_config,
    match_zone,
    parse_pattern,
    with_zone_options,
)
from tzmigrate.config.durations import milliseconds
from tzmigrate.errors import UsageError
from tzmigrate.zones.names import check_zone_name

FULL = """\
url = "postgresql://h/d"

[zones]
default = "UTC"
"public.stores.*" = "America/New_York"
"public.bookings.starts" = { column = "venue_tz" }
"public.logs.at" = { until = "2019-03-01", then = "UTC", before = "Europe/Berlin" }
"public.menu.opens_at" = "keep"

[policy]
gap = "shift"
overlap = "by-key"
max_lock = "2min"
lock_timeout = "1500ms"
accept = ["TZ301"]

[scan]
schema = ["public", "app_*"]
exclude = "public.tmp_*"

[alembic]
ini = "db/alembic.ini"

[shadow]
url = "postgresql://scratch/postgres"
"""


def write(folder: Path, text: str, name: str = "tzmigrate.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load_config(write(folder, text))
    return caught.value


def test_every_form_of_the_design_is_read(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, FULL))
    assert config.url == "postgresql://h/d"
    assert config.default_zone == "UTC"
    assert [(rule.pattern, rule.meaning) for rule in config.zones] == [
        ("public.stores.*", "America/New_York"),
        ("public.bookings.starts", ByColumn(column="venue_tz")),
        ("public.logs.at",
         Eras(until="2019-03-01", before="Europe/Berlin", then="UTC")),
        ("public.menu.opens_at", Keep()),
    ]  # fmt: skip
    assert config.zones[0].source == f"{tmp_path / 'tzmigrate.toml'}:5"
    policy = config.policy
    assert (policy.gap, policy.overlap) == (Gap.SHIFT, Overlap.BY_KEY)
    assert (policy.max_lock_ms, policy.lock_timeout_ms) == (120_000, 1500)
    assert policy.accept == ("TZ301",)
    assert config.scan.schema == ("public", "app_*")
    assert config.scan.exclude == ("public.tmp_*",)
    assert config.alembic.ini == tmp_path / "db" / "alembic.ini"
    assert config.shadow.url == "postgresql://scratch/postgres"
    assert "scratch" not in repr(config)
    assert config.path == tmp_path / "tzmigrate.toml"


def test_a_toml_date_may_end_an_era(tmp_path: Path) -> None:
    value = '{ until = 2019-03-01T02:00:00, then = "UTC", before = "X/Y" }'
    text = f"[zones]\n'a.b.c' = {value}"
    (rule,) = load_config(write(tmp_path, text)).zones
    assert rule.meaning == Eras(until="2019-03-01T02:00:00", before="X/Y", then="UTC")


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    config = load_config(directory=tmp_path)
    assert config == Config()
    assert (config.policy.max_lock, config.policy.lock_timeout) == ("5s", "2s")


def test_the_search_goes_up_to_the_repository_and_no_further(tmp_path: Path) -> None:
    write(tmp_path, 'url = "outside"')
    repository = tmp_path / "repository"
    below = repository / "a" / "b"
    below.mkdir(parents=True)
    (repository / ".git").mkdir()
    assert load_config(directory=below).url is None
    write(repository, '[tool.tzmigrate]\nurl = "project"', "pyproject.toml")
    assert load_config(directory=below).url == "project"
    write(repository, 'url = "own"')
    assert load_config(directory=below).url == "own"
    write(below.parent, "[tool.other]\n", "pyproject.toml")
    assert load_config(directory=below).url == "own"


def test_a_place_in_pyproject_is_found(tmp_path: Path) -> None:
    path = write(
        tmp_path, "[tool.tzmigrate.policy]\n\ngpa = 'refuse'\n", "pyproject.toml"
    )
    with pytest.raises(UsageError) as caught:
        load_config(path)
    assert f"{path}:3: unknown key policy.gpa" in caught.value.message


@pytest.mark.parametrize(
    ("text", "code", "line", "words"),
    [
        ("[zones\n", "TZ202", 1, "not valid TOML"),
        ("[polcy]\n", "TZ203", 1, "'policy'"),
        ("[policy]\nlock_timout = '2s'", "TZ203", 2, "'lock_timeout'"),
        ("[scan]\nschemas = ['a']", "TZ203", 2, "'schema'"),
        ("[policy]\ngap = 'ignore'", "TZ204", 2, "'refuse' or 'shift'"),
        ("[policy]\ngap = 'ignore'", "TZ204", 2, "'shift' is not available yet"),
        ("[policy]\noverlap = 'x'", "TZ204", 2, "'by-key' are not available yet"),
        ("[policy]\nlock_timeout = '1s'", "TZ204", 2, "deadlock_timeout"),
        ("[policy]\nmax_lock = '5'", "TZ204", 2, "not a duration"),
        ("[policy]\nmax_lock = 5", "TZ204", 2, "string"),
        ("[policy]\naccept = ['no']", "TZ204", 2, "match"),
        ("url = 1", "TZ204", 1, "string"),
        ("zones = 1", "TZ204", 1, "dict"),
        ("[zones]\n'a.b' = 'UTC'", "TZ206", 2, "2 parts"),
        ("[zones]\ndefalt = 'UTC'", "TZ206", 2, "Did you mean 'default'?"),
        ("[zones]\na.b.c = 'UTC'", "TZ206", 2, "quotes"),
        ("[zones]\n'a.\"b.c' = 'UTC'", "TZ206", 2, "not closed"),
        ("[zones]\n'a.b.c' = 5", "TZ208", 2, "does not say"),
        ("[zones]\n'a.b.c' = ''", "TZ208", 2, "does not say"),
        ("[zones]\n'a.b.c' = { colum = 'x' }", "TZ208", 2, "'colum'"),
        ("[zones]\n'a.b.c' = { column = 'x', until = 'y' }", "TZ208", 2, "together"),
        ("[zones]\ndefault = 'keep'", "TZ208", 2, '"*.*.*"'),
        ("[zones]\n'a.b.c' = { until = 'soon', then = 'a', before = 'b' }",
         "TZ208", 2, "'soon'"),
        ("[zones]\n'a.b.c' = { until = '2020-01-01T00:00Z', then = 'a', before = 'b' }",
         "TZ208", 2, "offset"),
    ],
)  # fmt: skip
def test_an_error_names_its_line(
    tmp_path: Path, text: str, code: str, line: int, words: str
) -> None:
    error = refused(tmp_path, text)
    assert error.code == code
    assert f"tzmigrate.toml:{line}: " in error.message
    assert words in f"{error.message} {error.detail} {error.hint}"


def test_a_wrong_url_is_not_repeated(tmp_path: Path) -> None:
    error = refused(tmp_path, 'url = ["postgresql://u:s3cret@h"]')
    assert "s3cret" not in f"{error.message} {error.detail} {error.hint}"


def test_an_unreadable_file_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(UsageError) as caught:
            load_config(path)
        assert caught.value.code == "TZ201"
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'url = "\xe9"')
    with pytest.raises(UsageError):
        load_config(latin)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_a_usage_error(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.chmod(0)
    with pytest.raises(UsageError):
        load_config(path)


@pytest.mark.parametrize("text", ["", "5", "-1s", "0s", "5 years", "1e3s", "25d", "s"])
def test_a_wrong_duration_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        milliseconds(text)


# ---------------------------------------------------------------- patterns


def rules(*patterns: str) -> tuple[ZoneRule, ...]:
    return tuple(ZoneRule(pattern=p, meaning="UTC", source="test") for p in patterns)


@pytest.mark.parametrize(
    ("patterns", "column", "winner"),
    [
        (("*.*.*", "public.*.*", "public.t.*", "public.t.at"), "public.t.at", 3),
        (("*.*.*", "public.*.*", "public.t.*"), "public.t.at", 2),
        (("*.t.at", "public.*.at"), "public.t.at", 1),
        (("public.t.*_*", "public.t.*"), "public.t.a_b", 1),
        (("public.?.at",), "public.t.at", 0),
        (("public.*.at",), "public.t.on", None),
        (("public.T.at",), "public.t.at", None),
        (("publi.t.at",), "public.t.at", None),
        (("public.t+.at",), "public.tt.at", None),
    ],
)
def test_the_pattern_with_fewer_wildcards_from_the_left_wins(
    patterns: tuple[str, ...], column: str, winner: int | None
) -> None:
    for ordered in (patterns, patterns[::-1]):
        found = match_zone(rules(*ordered), *column.split("."))
        assert (found and found.pattern) == (
            None if winner is None else patterns[winner]
        )


def test_double_quotes_protect() -> None:
    (rule,) = rules('public."a.b*""c".*')
    assert match_zone([rule], "public", 'a.b*"c', "at") is rule
    assert match_zone([rule], "public", 'a.bx"c', "at") is None
    assert parse_pattern('"*"."?"."."').wildcards == (0, 0, 0)


def test_a_name_with_a_newline_is_matched() -> None:
    assert match_zone(rules("public.*.at"), "public", "a\nb", "at")


def test_a_tie_names_both_patterns() -> None:
    with pytest.raises(UsageError) as caught:
        match_zone(rules("public.*s.at", "public.order*.at"), "public", "orders", "at")
    assert "public.*s.at" in caught.value.detail
    assert "public.order*.at" in caught.value.detail


@pytest.mark.parametrize(
    "pattern", ["", "*", "a.b", "a.b.c.d", "a..c", "a.b.", '"a.b.c']
)
def test_a_malformed_pattern_is_a_usage_error(pattern: str) -> None:
    with pytest.raises(UsageError):
        parse_pattern(pattern)


def test_an_option_takes_the_place_of_the_same_pattern() -> None:
    config = Config(zones=rules("a.b.c", "a.b.*"))
    options = ["a.b.c=Europe/Paris", 'a.b."x=y"=keep', "default=UTC"]
    changed = with_zone_options(config, options)
    assert [(rule.pattern, rule.meaning) for rule in changed.zones] == [
        ("a.b.c", "Europe/Paris"),
        ("a.b.*", "UTC"),
        ('a.b."x=y"', Keep()),
    ]
    assert changed.default_zone == "UTC"


@pytest.mark.parametrize("option", ["", "UTC", "=UTC", "a.b.c=", "a.b=UTC"])
def test_a_malformed_option_is_a_usage_error(option: str) -> None:
    with pytest.raises(UsageError):
        with_zone_options(Config(), [option])


def test_the_default_cannot_be_to_keep() -> None:
    with pytest.raises(UsageError, match="cannot be to keep") as caught:
        with_zone_options(Config(), ["default=keep"])
    assert caught.value.code == "TZ208"


# -------------------------------------------------------------- zone names

KNOWN = [
    *("Europe/Paris", "America/New_York", "Asia/Kolkata", "Etc/GMT+5", "Etc/UTC"),
    *("CET", "EST", "EST5EDT", "Japan", "UTC", "GMT", "Factory"),
]


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("europe/PARIS", "Europe/Paris"),
        ("utc", "UTC"),
        ("Gmt", "GMT"),
        ("etc/gmt+5", "Etc/GMT+5"),
        (" Etc/UTC ", "Etc/UTC"),
    ],
)
def test_a_zone_gets_its_canonical_spelling(name: str, spelling: str) -> None:
    assert check_zone_name(name, KNOWN) == spelling


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("CET", "TZ222", "Europe/Paris"),
        ("est", "TZ222", "America/New_York"),
        ("IST", "TZ222", "Asia/Kolkata"),
        ("EST5EDT", "TZ222", "America/New_York"),
        ("Z", "TZ222", "UTC"),
        ("XYZ", "TZ222", "place"),
        ("Japan", "TZ222", "Asia/Tokyo"),
        ("UTC+5", "TZ223", "5 hours WEST"),
        ("GMT-5", "TZ223", "5 hours EAST"),
        ("FOO5BAR", "TZ223", "WEST"),
        ("<+05>-5", "TZ223", "EAST"),
        ("+05", "TZ223", "AT TIME ZONE"),
        ("5", "TZ223", "AT TIME ZONE"),
        ("+05:30", "TZ223", "5 hours 30 minutes WEST"),
        ("Europe/Pari", "TZ221", "'Europe/Paris'"),
        ("kep", "TZ221", "Did you mean 'keep'?"),
        ("Keep", "TZ221", "Did you mean 'keep'?"),
        ("Paris", "TZ221", "'Europe/Paris'"),
        ("new york", "TZ221", "'America/New_York'"),
        ("Americas/New York", "TZ221", "'America/New_York'"),
        ("Foo/Bar", "TZ221", "pg_timezone_names"),
        ("", "TZ221", "pg_timezone_names"),
    ],
)
def test_a_trap_is_explained(name: str, code: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_zone_name(name, KNOWN)
    assert caught.value.code == code
    assert words in f"{caught.value.detail} {caught.value.hint}"
