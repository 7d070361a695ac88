"""The sample's files agree with each other, before any server reads them."""

import re
import tomllib

import pytest

from tzmigrate.postgres import sample


def _text(name: str) -> str:
    return (sample.sample_directory() / name).read_text(encoding="utf-8")


def _statements(name: str) -> str:
    """The SQL without its comments."""
    return re.sub(r"--.*", "", _text(name))


def test_the_folder_holds_all_files() -> None:
    names = {path.name for path in sample.sample_directory().iterdir()}
    assert {"schema.sql", "data.sql", "tzmigrate.toml", "README.md"} <= names


@pytest.mark.parametrize(
    "word",
    [
        r"random\(",
        r"gen_random_uuid",
        r"now\(",
        r"clock_timestamp",
        r"CURRENT_(DATE|TIME|TIMESTAMP)",
        r"LOCALTIME",
        r"'(now|today|tomorrow|yesterday)'",
        r"pg_sleep|txid_|pg_backend_pid",
    ],
)
def test_no_row_depends_on_clock_or_chance(word: str) -> None:
    assert not re.search(word, _statements("data.sql"), re.IGNORECASE)


def test_every_inserted_table_is_created() -> None:
    name = r'((?:"[^"]+"|\w+)\.(?:"[^"]+"|\w+))'
    created = set(re.findall(f"CREATE TABLE {name}", _text("schema.sql")))
    inserted = set(re.findall(f"INSERT INTO {name}", _text("data.sql")))
    assert inserted
    assert inserted <= created


def test_the_zones_are_those_of_the_readme() -> None:
    zones = tomllib.loads(_text("tzmigrate.toml"))["zones"]
    assert zones.pop("default") == "UTC"
    assert zones == {
        "app.bookings.*": "America/New_York",
        "app.store_hours.*": "America/New_York",
        "app.venue_events.*": {"column": "venue_tz"},
        "app.alarms.rings_at": "keep",
    }
    assert all(f"`{pattern}`" in _text("README.md") for pattern in zones)


@pytest.mark.parametrize("arguments", [["--rows", "0", "x"], ["--rows", "many", "x"]])
def test_a_wrong_number_of_rows_is_wrong_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        sample.main(arguments)
    assert stopped.value.code == 2
    assert "--rows" in capsys.readouterr().err


def test_an_unreachable_server_is_one_clear_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        sample.main(["postgresql://127.0.0.1:1/nowhere?connect_timeout=2"])
    assert stopped.value.code == 5
    assert "TZ507" in capsys.readouterr().err
