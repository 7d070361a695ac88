"""The revision graph is Alembic's own, and no revision is imported to read it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tzmigrate.errors import UsageError
from tzmigrate.revisions.graph import RevisionGraph, read_revision_file
from tzmigrate.revisions.project import AlembicProject


@pytest.fixture
def project(tmp_path: Path) -> AlembicProject:
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\n"
    )
    return AlembicProject.open(cwd=tmp_path, environ={})


def add(
    project: AlembicProject,
    revision: str,
    down: object = None,
    *,
    labels: object = None,
    depends: object = None,
    name: str | None = None,
) -> Path:
    path = project.version_locations[0] / f"{name or revision}.py"
    path.write_text(
        "from application.that.is_not import installed\n"
        f"revision: str = {revision!r}\n"
        f"down_revision = {down!r}\n"
        f"branch_labels = {labels!r}\n"
        f"depends_on = {depends!r}\n"
        "def upgrade():\n    installed()\n"
    )
    return path


def text_of(project: AlembicProject, text: str, name: str = "x.py") -> Path:
    path = project.version_locations[0] / name
    path.write_text(text)
    return path


def test_application_code_is_never_imported(project: AlembicProject) -> None:
    add(project, "aaaa")
    add(project, "bbbb", "aaaa")
    graph = RevisionGraph.read(project)
    assert graph.heads() == ("bbbb",)
    assert [file.revision for file in graph] == ["aaaa", "bbbb"]
    assert "application" not in sys.modules


def test_a_project_without_revisions_has_no_head(project: AlembicProject) -> None:
    graph = RevisionGraph.read(project)
    assert graph.heads() == ()
    assert graph.head() is None
    assert list(graph) == []


@pytest.mark.parametrize(
    ("text", "revision", "down"),
    [
        ("revision = 'aaaa'\ndown_revision = None", "aaaa", ()),
        ("revision: str = 'aaaa'\ndown_revision: str | None = 'b'", "aaaa", ("b",)),
        ("revision = 'aaaa'\ndown_revision = ('b', 'c')", "aaaa", ("b", "c")),
        ("revision = 'aaaa'\ndown_revision = ['b', 'c']", "aaaa", ("b", "c")),
        ("B = 'b'\nrevision = 'aaaa'\ndown_revision = B", "aaaa", ("b",)),
        (
            "P = 'x_'\nrevision = P + 'aaaa'\ndown_revision = f'{P}b'",
            "x_aaaa",
            ("x_b",),
        ),
        ("down_revision = branch_labels = None\nrevision = 'aaaa'", "aaaa", ()),
    ],
)
def test_every_literal_form_of_the_identifiers_is_read(
    project: AlembicProject, text: str, revision: str, down: tuple[str, ...]
) -> None:
    file = read_revision_file(text_of(project, text))
    assert (file.revision, file.down_revision) == (revision, down)


def test_a_file_of_alembic_0_1_is_named_by_its_file(project: AlembicProject) -> None:
    path = text_of(project, "down_revision = None", "1a2b3c.py")
    assert read_revision_file(path).revision == "1a2b3c"


@pytest.mark.parametrize(
    "text",
    [
        "revision = make()\n",
        "revision = 'aaaa'\ndown_revision = f(1)\n",
        "revision = 'aaaa'\nif x:\n    down_revision = 'b'\n",
        "revision = 'aaaa'\ntry:\n    pass\nexcept E:\n    depends_on = 'b'\n",
        "from base import revision\n",
        "revision = 'aaaa'\ndown_revision = 5\n",
        "revision = 'aaaa'\ndef upgrade(:\n",
        "no_revision = 1\n",
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_the_file(
    project: AlembicProject, text: str
) -> None:
    path = text_of(project, text)
    with pytest.raises(UsageError) as caught:
        RevisionGraph.read(project)
    assert caught.value.code == "TZ234"
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_several_heads_without_a_choice_are_listed(project: AlembicProject) -> None:
    add(project, "aaaa")
    add(project, "bbbb", "aaaa", labels=("billing",))
    add(project, "cccc", "aaaa")
    graph = RevisionGraph.read(project)
    with pytest.raises(UsageError) as caught:
        graph.head()
    assert caught.value.code == "TZ236"
    assert "bbbb (billing)" in caught.value.detail
    assert "cccc" in caught.value.detail
    assert "--head" in caught.value.hint


@pytest.mark.parametrize("name", ["bbbb1234", "bbbb", "billing", "billing@head"])
def test_a_head_is_chosen_by_identifier_its_beginning_or_label(
    project: AlembicProject, name: str
) -> None:
    add(project, "aaaa1234", labels="trunk")
    add(project, "abcd1234", "aaaa1234", labels=["billing"])
    add(project, "bbbb1234", "abcd1234")
    add(project, "cccc1234", "aaaa1234")
    assert RevisionGraph.read(project).head(name) == "bbbb1234"


@pytest.mark.parametrize("name", ["aaaa", "nothing", "trunk", "base"])
def test_what_is_not_one_head_is_refused(project: AlembicProject, name: str) -> None:
    add(project, "aaaa1234", labels="trunk")
    add(project, "bbbb1234", "aaaa1234")
    add(project, "cccc1234", "aaaa1234")
    with pytest.raises(UsageError) as caught:
        RevisionGraph.read(project).head(name)
    assert caught.value.code in {"TZ236", "TZ237"}


def test_dependencies_count_as_earlier_and_later(project: AlembicProject) -> None:
    add(project, "aaaa", labels=("trunk",))
    add(project, "bbbb", "aaaa")
    add(project, "mmmm", labels=("side",))
    add(project, "nnnn", "mmmm", depends="bbbb")
    graph = RevisionGraph.read(project)
    assert set(graph.heads()) == {"bbbb", "nnnn"}
    assert set(graph.earlier("nnnn")) == {"aaaa", "bbbb", "mmmm"}
    assert set(graph.later("aaaa")) == {"bbbb", "nnnn"}
    assert graph.applied(["bbbb"]) == {"aaaa", "bbbb"}
    assert graph.applied(["elsewhere"]) == {"elsewhere"}


@pytest.mark.parametrize(
    "revisions",
    [
        [("aaaa", "gone")],
        [("aaaa", "bbbb"), ("bbbb", "aaaa")],
        [("aaaa", "aaaa")],
    ],
)
def test_a_broken_graph_is_a_clear_error(
    project: AlembicProject, revisions: list[tuple[str, str]]
) -> None:
    for revision, down in revisions:
        add(project, revision, down)
    with pytest.raises(UsageError) as caught:
        RevisionGraph.read(project)
    assert caught.value.code == "TZ235"


def test_a_revision_present_twice_names_both_files(project: AlembicProject) -> None:
    one, other = add(project, "aaaa"), add(project, "aaaa", name="copy")
    with pytest.raises(UsageError) as caught:
        RevisionGraph.read(project)
    assert str(one) in caught.value.detail
    assert str(other) in caught.value.detail


def test_editors_locks_and_packages_are_passed_over(project: AlembicProject) -> None:
    add(project, "aaaa")
    for name in ("__init__.py", ".#aaaa.py", "notes.txt", "x.pyc"):
        text_of(project, "not python at all (", name)
    assert len(RevisionGraph.read(project)) == 1


def test_the_graph_is_the_one_that_alembic_shows(project: AlembicProject) -> None:
    """The same heads as the real command, which imports the files."""
    add(project, "aaaa", labels=("trunk",))
    add(project, "bbbb", "aaaa")
    add(project, "cccc", "aaaa")
    add(project, "dddd", ("bbbb", "cccc"))
    add(project, "eeee", labels=("side",), depends="dddd")
    graph = RevisionGraph.read(project)
    stub = project.root / "application" / "that"
    stub.mkdir(parents=True)
    (stub / "is_not.py").write_text("installed = print\n")
    shown = subprocess.run(
        [sys.executable, "-m", "alembic", "heads"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {line.split()[0] for line in shown.splitlines()} == set(graph.heads())
