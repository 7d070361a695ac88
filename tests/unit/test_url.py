"""URLs as people have them, in libpq's words."""

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from tzmigrate.config import Alembic, Config, ShadowServer
from tzmigrate.errors import Refused, UsageError
from tzmigrate.postgres.url import (
    parse_url,
    resolve_shadow_url,
    resolve_url,
    sqlalchemy_url,
)

ANN = {"user": "ann", "password": "pw", "host": "db", "dbname": "app"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://ann:pw@db/app", ANN),
        ("postgres://ann:pw@db/app", ANN),
        ("postgresql+psycopg://ann:pw@db/app", ANN),
        ("postgresql+psycopg2://ann:pw@db/app", ANN),
        ("POSTGRESQL+asyncpg://ann:pw@db/app", ANN),
        ("jdbc:postgresql://db/app?user=ann&password=pw", ANN),
        ("host=db user=ann password=pw dbname=app", ANN),
        ("dbname = app host = db user='ann' password = 'pw'", ANN),
        ("postgresql://ann:pw@db:5433/app", ANN | {"port": "5433"}),
        ("postgresql://ann:pw@db/app?ssl=require", ANN | {"sslmode": "require"}),
        ("postgresql://ann:pw@db/app?ssl=true", ANN | {"sslmode": "require"}),
        ("postgresql://ann:pw@db/app?ssl=allow", ANN | {"sslmode": "allow"}),
        ("postgresql://ann:pw@db/app?pgbouncer=true&schema=public", ANN),
        ("postgresql://ann:pw@db/app?host=", ANN),
        ("postgresql://ann:p%40w%2F@db/app", ANN | {"password": "p@w/"}),
        ("postgresql://ann:p@w@db/app", ANN | {"password": "p@w"}),
        ("postgresql://ann:p/w?x#%@db/app", ANN | {"password": "p/w?x#%"}),
        ("postgresql://db/app?application_name=a@b",
         {"host": "db", "dbname": "app", "application_name": "a@b"}),
        ("postgresql://db:5432/app?application_name=a@b",
         {"host": "db", "port": "5432", "dbname": "app", "application_name": "a@b"}),
        ("postgresql:///app?host=/run/pg", {"dbname": "app", "host": "/run/pg"}),
        ("postgresql://%2Frun%2Fpg/app", {"dbname": "app", "host": "/run/pg"}),
        ("postgresql:///app?host=/run/pg/.s.PGSQL.5433",
         {"dbname": "app", "host": "/run/pg", "port": "5433"}),
        ("postgresql://[::1]:54/app", {"host": "::1", "port": "54", "dbname": "app"}),
        ("postgresql://a:1,b:2/app", {"host": "a,b", "port": "1,2", "dbname": "app"}),
        ("postgresql:///app?host=a:1&host=b:2",
         {"host": "a,b", "port": "1,2", "dbname": "app"}),
        ("postgresql://db", {"host": "db"}),
        ("postgresql:///%22%20%25", {"dbname": '" %'}),
        ("postgresql://db/app?options=-c%20geqo%3Doff",
         {"host": "db", "dbname": "app", "options": "-c geqo=off"}),
    ],
)  # fmt: skip
def test_a_url_means_the_same_to_libpq(url: str, expected: dict[str, str]) -> None:
    assert conninfo_to_dict(parse_url(url).conninfo) == expected


@pytest.mark.parametrize(
    "url",
    ["mysql://u@h/d", "sqlite:///x.db", "mssql+pyodbc://h/d", "http://h", "sqlite://"],
)
def test_another_database_system_is_refused(url: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_url(url)
    assert caught.value.code == "TZ611"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "app",
            "host",
            "postgresql:/x",
            "host=db s3cret",
            "postgresql://u:s3cret@h:x/d",
            "postgresql://u:12/s3cret@h/d",
        ),
        *("postgresql://u:s3cret@h/d?x", "host=db no_such=s3cret", "password='s3cret"),
    ],
)
def test_an_unreadable_url_is_a_usage_error_that_shows_no_secret(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(url, source="DATABASE_URL")
    error = caught.value
    shown = f"{error.message} {error.detail} {error.hint} {error.__suppress_context__}"
    assert "s3cret" not in shown
    assert "DATABASE_URL" in error.message


def test_a_misspelt_parameter_is_not_dropped() -> None:
    with pytest.raises(UsageError) as caught:
        parse_url("postgresql://db/app?ssl_mode=require")
    assert "'sslmode'" in caught.value.hint


def test_no_password_is_shown() -> None:
    for url in (
        "postgresql://ann:s3cret@db/app?sslpassword=s3cret",
        "host=db password=s3cret",
        "postgresql:///app?password=s3cret",
    ):
        target = parse_url(url)
        assert "s3cret" not in target.redacted
        assert "s3cret" not in repr(target)
        assert "s3cret" in target.conninfo


def test_control_characters_are_not_shown() -> None:
    assert "\x1b" not in parse_url("postgresql://db/%1B[31m").redacted
    with pytest.raises(UsageError) as caught:
        parse_url("postgresql://db/app?%1B[31m=1")
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        *("postgresql://ann:p%40w@db:5433/app", "postgresql:///app?host=/run/pg"),
        *("postgresql://[::1]/app", "host=db dbname='a b' application_name=x"),
    ],
)
def test_sqlalchemy_reads_our_url(url: str) -> None:
    target = parse_url(url)
    made = make_url(sqlalchemy_url(target))
    expected = conninfo_to_dict(target.conninfo)
    read = {
        "user": made.username, "password": made.password, "host": made.host,
        "port": str(made.port) if made.port else None, "dbname": made.database,
        **made.query,
    }  # fmt: skip
    assert {k: v for k, v in read.items() if v} == expected


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    path = tmp_path / "alembic.ini"
    path.write_text("[alembic]\nsqlalchemy.url = postgresql://h/%(here)s%%20x\n")
    return path


def test_the_nearest_source_wins(ini: Path) -> None:
    environ = {"TZMIGRATE_URL": "postgresql://b", "DATABASE_URL": "postgresql://c"}
    config = Config(url="postgresql://d", path=Path("tzmigrate.toml"))

    def source(url: str | None, config: Config, environ: dict[str, str]) -> str:
        return resolve_url(url, config=config, environ=environ, alembic_ini=ini).source

    assert source("postgresql://a", config, environ) == "--url"
    assert source(None, config, environ) == "TZMIGRATE_URL"
    environ["TZMIGRATE_URL"] = ""
    assert source(None, config, environ) == "DATABASE_URL"
    del environ["DATABASE_URL"]
    assert source(None, config, environ) == "tzmigrate.toml"
    assert source(None, Config(), environ) == f"sqlalchemy.url of {ini}"


def test_the_nearest_source_of_the_shadow_wins_and_none_is_needed() -> None:
    environ = {"TZMIGRATE_SHADOW_URL": "postgresql://b"}
    config = Config(
        shadow=ShadowServer(url="postgresql://d"), path=Path("tzmigrate.toml")
    )

    def source(url: str | None, config: Config) -> str | None:
        found = resolve_shadow_url(url, config=config, environ=environ)
        return found.source if found else None

    assert source("postgresql://a", config) == "--shadow-url"
    assert source(None, config) == "TZMIGRATE_SHADOW_URL"
    environ["TZMIGRATE_SHADOW_URL"] = ""
    assert source(None, config) == "[shadow] of tzmigrate.toml"
    assert source(None, Config()) is None


def test_without_any_source_libpq_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_url(None, config=Config(), environ={}).conninfo == ""


def test_alembic_ini_is_read_with_its_interpolation(ini: Path) -> None:
    config = Config(alembic=Alembic(ini=ini))
    target = resolve_url(None, config=config, environ={})
    assert conninfo_to_dict(target.conninfo)["dbname"] == f"{ini.parent} x"


def test_the_section_that_is_named_has_the_url(ini: Path) -> None:
    ini.write_text(
        "[alembic]\nsqlalchemy.url = postgresql://db/production\n"
        "[staging]\nsqlalchemy.url = postgresql://db/staging\n[bare]\n"
    )

    def database(section: str) -> object:
        target = resolve_url(
            None, config=Config(), environ={}, alembic_ini=ini, section=section
        )
        return conninfo_to_dict(target.conninfo).get("dbname")

    assert database("alembic") == "production"
    assert database("staging") == "staging"
    assert database("bare") is None
    with pytest.raises(UsageError, match=r"no section \[stagin\]"):
        database("stagin")


def test_a_configuration_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TZ212"):
        resolve_url(
            None, config=Config(), environ={}, alembic_ini=tmp_path / "none.ini"
        )


def test_the_placeholder_of_alembic_init_is_no_url(ini: Path) -> None:
    ini.write_text("[alembic]\nsqlalchemy.url = driver://user:pass@localhost/dbname\n")
    target = resolve_url(None, config=Config(), environ={}, alembic_ini=ini)
    assert target.conninfo == ""


@pytest.mark.parametrize(
    "text", ["sqlalchemy.url = %(DB)s", "sqlalchemy.url = 50%", "[", "x"]
)
def test_an_unreadable_alembic_ini_is_a_usage_error(ini: Path, text: str) -> None:
    ini.write_text(f"[alembic]\n{text}\n")
    with pytest.raises(UsageError) as caught:
        resolve_url(None, config=Config(), environ={}, alembic_ini=ini)
    assert caught.value.code == "TZ212"
