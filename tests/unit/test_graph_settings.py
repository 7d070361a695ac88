"""Alembic's settings are found where Alembic finds them, without side effects."""

import sys
from pathlib import Path

import pytest

from tzmigrate.errors import UsageError
from tzmigrate.revisions.graph import revision_paths
from tzmigrate.revisions.project import AlembicProject


def project_at(root: Path, settings: str = "", location: str = "migrations") -> Path:
    (root / "migrations" / "versions").mkdir(parents=True)
    ini = root / "alembic.ini"
    ini.write_text(f"[alembic]\nscript_location = {location}\n{settings}")
    return ini


def opened(root: Path, **options: object) -> AlembicProject:
    return AlembicProject.open(cwd=root, environ={}, **options)  # type: ignore[arg-type]


def test_nothing_there_is_a_usage_error_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        opened(tmp_path)
    for way in ("--alembic ", "--alembic-dir", "--init", "--sql", "[sql]"):
        assert way in caught.value.hint


@pytest.mark.parametrize(
    ("ini", "directory"), [("other.ini", None), (None, "nowhere"), ("dir", None)]
)
def test_a_missing_file_or_directory_is_named(
    tmp_path: Path, ini: str | None, directory: str | None
) -> None:
    (tmp_path / "dir").mkdir()
    with pytest.raises(UsageError) as caught:
        opened(
            tmp_path,
            ini=Path(ini) if ini else None,
            directory=Path(directory) if directory else None,
        )
    assert (ini or directory or "") in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "no section at all",
        "[alembic]\n",
        "[other]\nscript_location = migrations\n",
        "[alembic]\nscript_location = %(nowhere)s/migrations\n",
        "[alembic]\nscript_location = missing\n",
        "[alembic]\nscript_location = migrations\ntruncate_slug_length = many\n",
        "[alembic]\nscript_location = migrations\npath_separator = x\n"
        "version_locations = a b\n",
        "[alembic]\nscript_location = no.such.package:migrations\n",
    ],
)
def test_a_configuration_that_cannot_be_read_is_a_usage_error(
    tmp_path: Path, text: str
) -> None:
    project_at(tmp_path).write_text(text)
    with pytest.raises(UsageError) as caught:
        opened(tmp_path)
    assert caught.value.hint


def test_all_settings_of_the_ini_are_read(tmp_path: Path) -> None:
    before = list(sys.path)
    project_at(
        tmp_path,
        "prepend_sys_path = . src\n"
        "file_template = %%(year)d_%%(rev)s\n"
        "timezone = Europe/Paris\n"
        "truncate_slug_length = 12\n"
        "version_locations = %(here)s/one %(here)s/two\n"
        "recursive_version_locations = true\n"
        "path_separator = space\n"
        "sqlalchemy.url = postgresql://u:p%%40ss@h/d\n",
        "%(here)s/migrations",
    )
    project = opened(tmp_path)
    assert project.directory == tmp_path / "migrations"
    assert project.version_locations == (tmp_path / "one", tmp_path / "two")
    assert project.recursive_version_locations
    assert project.file_template == "%(year)d_%(rev)s"
    assert (project.timezone, project.truncate_slug_length) == ("Europe/Paris", 12)
    assert project.prepend_sys_path == (tmp_path, tmp_path / "src")
    assert project.url == "postgresql://u:p%40ss@h/d"
    assert "p%40ss" not in repr(project)
    assert sys.path == before


@pytest.mark.parametrize(
    "separators", ["", "version_path_separator = space\n", "path_separator = newline\n"]
)
def test_old_and_new_separators_are_read_without_warnings(
    tmp_path: Path, separators: str
) -> None:
    between = "\n  " if "newline" in separators else " "
    project_at(
        tmp_path,
        f"prepend_sys_path = .\n{separators}"
        f"version_locations = %(here)s/one{between}%(here)s/two\n",
    )
    assert len(opened(tmp_path).version_locations) == 2


def test_pyproject_takes_the_place_of_the_ini(tmp_path: Path) -> None:
    (tmp_path / "db" / "versions").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s/db"\n'
        'file_template = "%%(rev)s"\nprepend_sys_path = ["."]\n'
    )
    for project in (opened(tmp_path), opened(tmp_path, ini=Path("pyproject.toml"))):
        assert project.directory == tmp_path / "db"
        assert project.file_template == "%(rev)s"


def test_a_pyproject_without_alembic_is_not_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")
    with pytest.raises(UsageError):
        opened(tmp_path)


def test_another_section_is_read_on_request(tmp_path: Path) -> None:
    ini = project_at(tmp_path)
    (tmp_path / "second").mkdir()
    ini.write_text(ini.read_text() + "[second]\nscript_location = second\n")
    assert opened(tmp_path, section="second").directory == tmp_path / "second"


def test_alembic_config_of_the_environment_is_obeyed(tmp_path: Path) -> None:
    project_at(tmp_path).rename(tmp_path / "db.ini")
    project = AlembicProject.open(
        cwd=tmp_path, environ={"ALEMBIC_CONFIG": str(tmp_path / "db.ini")}
    )
    assert project.ini == tmp_path / "db.ini"


def test_a_directory_without_ini_is_enough(tmp_path: Path) -> None:
    (tmp_path / "50% done" / "versions").mkdir(parents=True)
    project = opened(tmp_path, directory=Path("50% done"))
    assert project.ini is None
    assert project.version_locations == (tmp_path / "50% done" / "versions",)
    assert project.config().get_main_option("script_location") == str(
        tmp_path / "50% done"
    )


def test_a_directory_brings_the_ini_that_belongs_to_it(tmp_path: Path) -> None:
    project_at(tmp_path, "file_template = %%(rev)s\n", "%(here)s/migrations")
    (tmp_path / "other").mkdir()
    assert opened(tmp_path, directory=Path("migrations")).file_template == "%(rev)s"
    assert opened(tmp_path, directory=Path("other")).ini is None


def test_relative_paths_hold_from_where_the_ini_stands(tmp_path: Path) -> None:
    project_at(tmp_path / "backend")
    project = opened(tmp_path, ini=Path("backend/alembic.ini"))
    assert project.root == tmp_path / "backend"
    assert project.directory == tmp_path / "backend" / "migrations"


def test_a_package_location_is_found_without_importing_it(tmp_path: Path) -> None:
    package = tmp_path / "src" / "shop_application" / "db"
    (package / "migrations" / "versions").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError\n")
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = shop_application.db:migrations\n"
    )
    assert opened(tmp_path).directory == package / "migrations"


def test_a_placeholder_is_no_url_and_a_bad_percent_is_an_error(tmp_path: Path) -> None:
    ini = project_at(tmp_path, "sqlalchemy.url = driver://user:pass@localhost/dbname\n")
    assert opened(tmp_path).url is None
    ini.write_text(
        "[alembic]\nscript_location = migrations\n"
        "sqlalchemy.url = postgresql://u:secret%40x@h/d\n"
    )
    project = opened(tmp_path)
    with pytest.raises(UsageError) as caught:
        _ = project.url
    assert caught.value.code == "TZ243"
    assert "secret" not in f"{caught.value} {caught.value.detail} {caught.value.hint}"


def test_recursive_locations_are_walked_on_request_only(tmp_path: Path) -> None:
    ini = project_at(tmp_path)
    versions = tmp_path / "migrations" / "versions"
    for name in ("a.py", "2024/b.py", "__pycache__/c.py"):
        (versions / name).parent.mkdir(exist_ok=True)
        (versions / name).write_text("")
    assert [path.name for path in revision_paths(opened(tmp_path))] == ["a.py"]
    ini.write_text(ini.read_text() + "recursive_version_locations = true\n")
    found = {path.name for path in revision_paths(opened(tmp_path))}
    assert found == {"a.py", "b.py"}


def test_init_makes_an_environment_without_a_password(tmp_path: Path) -> None:
    project = AlembicProject.init(Path("migrations"), Path("alembic.ini"), cwd=tmp_path)
    text = (tmp_path / "alembic.ini").read_text()
    assert "script_location = %(here)s/migrations\n" in text
    assert "user:pass" not in text
    assert project.url is None
    assert project.directory == tmp_path / "migrations"
    assert (tmp_path / "migrations" / "script.py.mako").is_file()
    env = (tmp_path / "migrations" / "env.py").read_text()
    compile(env, "env.py", "exec")
    assert "TZMIGRATE_URL" in env
    assert str(tmp_path) not in text + env


@pytest.mark.parametrize("there", ["alembic.ini", "migrations/env.py", "migrations"])
def test_init_overwrites_nothing(tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as caught:
        AlembicProject.init(Path("migrations"), Path("alembic.ini"), cwd=tmp_path)
    assert caught.value.code == "TZ233"
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / there).read_text() == "mine"
