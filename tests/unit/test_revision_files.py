"""Revision files follow the project's conventions, and say exactly what was asked."""

import ast
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from tzmigrate.errors import UsageError
from tzmigrate.revisions.files import prepare_revisions, write_revisions
from tzmigrate.revisions.graph import RevisionGraph, new_revision_id
from tzmigrate.revisions.ours import Kind
from tzmigrate.revisions.project import AlembicProject
from tzmigrate.revisions.source import digest, parse
from tzmigrate.revisions.template import Draft, one_line
from tzmigrate.revisions.writing import Prepared, Written

BITING = (
    "50% off",
    "a:b :c",
    "${user} <% x %> ## %if",
    "{0} {name}",
    "triple ''' and \"\"\"",
    "back\\slash \\n",
    "new\nline",
    "\x1b[31mred\x1b[0m",
    "\r\f\u2028\x85",
    "; drop table x --",
    "ünïcödé 時刻 \U0001f570 \u202e",
    "[bold]rich[/bold]",
    "x" * 63,
)

FACTS: dict[str, object] = {
    "version": 1,
    "step": "tz_orders",
    "kind": "group",
    "predecessor": "support",
    "database": {"name": "shop", "oid": 16384, "system_identifier": None},
    "relations": [["public", "Order"], ["public", '"; drop table x']],
    "columns": [
        ["public", "Order", "placed", "timestamp", "timestamptz", "UTC"],
        ["public", "Order", "50% off", "timestamp(3)", "timestamptz(3)", None],
    ],
    "strategy": "metadata",
    "session_zone": "Etc/UTC",
}


def body(*statements: str) -> str:
    return "".join(f"    op.execute({text!r})\n" for text in statements)


def draft(slug: str = "tz_orders", **changes: object) -> Draft:
    base = Draft(
        revision=f"{abs(hash(slug)):012x}"[:12],
        slug=slug,
        message="convert public.orders",
        upgrade=body("ALTER TABLE a", "SELECT 1"),
        downgrade=body("ALTER TABLE b"),
        facts={**FACTS, "step": slug},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture
def project(tmp_path: Path) -> AlembicProject:
    return AlembicProject.init(Path("migrations"), Path("alembic.ini"), cwd=tmp_path)


def settings(project: AlembicProject, text: str) -> AlembicProject:
    """Add settings to the ini's first section, and read it again."""
    assert project.ini is not None
    old = project.ini.read_text()
    project.ini.write_text(old.replace("[alembic]\n", f"[alembic]\n{text}\n", 1))
    return AlembicProject.open(project.ini, cwd=project.root, environ={})


def write(
    project: AlembicProject,
    *drafts: Draft,
    head: str | None = None,
    version_path: Path | None = None,
) -> Written:
    graph = RevisionGraph.read(project)
    prepared = prepare_revisions(
        project, graph, drafts, head=head, version_path=version_path
    )
    return write_revisions(project, prepared)


def template(project: AlembicProject, text: str) -> None:
    (project.directory / "script.py.mako").write_text(text)


def executed(path: Path, function: str) -> list[str]:
    """Return the statements that a function of a written file executes."""
    statements: list[str] = []

    class Op:
        execute = staticmethod(statements.append)

    names: dict[str, object] = {}
    source = path.read_bytes().replace(b"from alembic import op", b"")
    exec(compile(source, str(path), "exec"), names)
    names["op"] = Op
    names[function]()  # type: ignore[operator]
    return statements


def everything(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if "__pycache__" not in p.parts)


def test_files_follow_each_other_and_alembic_accepts_them(
    project: AlembicProject,
) -> None:
    written = write(project, draft("tz_one"), draft("tz_two"))
    assert written.notes == ()
    script = ScriptDirectory.from_config(Config(str(project.ini)))
    walk = [(s.revision, s.down_revision) for s in script.walk_revisions()]
    one, two = (file.revision for file in written.files)
    assert walk == [(two, one), (one, None)]
    assert [path.name for path in written.paths] == [
        f"{one}_tz_one.py",
        f"{two}_tz_two.py",
    ]


def test_a_written_file_says_what_it_is(project: AlembicProject) -> None:
    write(project, draft("tz_one"), draft("tz_two"))
    one, two = RevisionGraph.read(project).ours()
    assert (one.step, two.step) == ("tz_one", "tz_two")
    assert two.down_revision == (one.revision,)
    assert two.kind is Kind.GROUP
    assert two.predecessor == "support"
    assert two.database["oid"] == 16384
    assert two.relations == (("public", "Order"), ("public", '"; drop table x'))
    assert two.columns[1].column == "50% off"
    assert two.columns[1].zone is None
    assert (two.strategy, two.session_zone) == ("metadata", "Etc/UTC")
    assert len(two.digest) == 64
    assert not two.edited


@pytest.mark.parametrize("text", BITING)
def test_text_that_bites_reaches_the_server_unchanged(
    project: AlembicProject, text: str
) -> None:
    facts = {**FACTS, "step": text, "relations": [["s", text]]}
    written = write(
        project,
        draft(
            "tz_odd",
            message=f"convert {text}",
            upgrade=body(text),
            downgrade=body(text, text),
            facts=facts,
        ),
    )
    assert written.notes == ()
    assert executed(written.paths[0], "upgrade") == [text]
    assert executed(written.paths[0], "downgrade") == [text, text]
    (ours,) = RevisionGraph.read(project).ours()
    assert ours.step == text
    assert ours.relations == (("s", text),)
    assert not ours.edited
    assert "\x1b" not in written.paths[0].read_text(encoding="utf-8")


def test_triple_quoted_blocks_keep_their_lines(project: AlembicProject) -> None:
    block = '    op.execute(\n        """\nCREATE x\n      AS y\n    """\n    )\n'
    written = write(project, draft(upgrade=block))
    assert executed(written.paths[0], "upgrade") == ["\nCREATE x\n      AS y\n    "]


def test_constants_stand_above_and_count_as_what_it_does(
    project: AlembicProject,
) -> None:
    written = write(
        project,
        draft(
            upgrade="    for text in SUPPORT:\n        op.execute(text)\n",
            constants='SUPPORT = ("SELECT 1", "SELECT 2")',
        ),
    )
    path = written.paths[0]
    assert executed(path, "upgrade") == ["SELECT 1", "SELECT 2"]
    path.write_text(path.read_text().replace("SELECT 2", "SELECT 3"))
    (ours,) = RevisionGraph.read(project).ours()
    assert ours.edited


@pytest.mark.parametrize(
    ("old", "new", "edited"),
    [
        ("'ALTER TABLE a'", "'ALTER TABLE c'", True),
        ("'ALTER TABLE b'", "'ALTER TABLE c'", True),
        ("    op.execute('SELECT 1')\n", "", True),
        ('"Etc/UTC"', '"Europe/Paris"', True),
        ("'ALTER TABLE a'", "'ALTER '\n        'TABLE a'", False),
        ("'ALTER TABLE a'", '"""ALTER TABLE a"""', False),
        (
            "op.execute('SELECT 1')",
            "op.execute(\n        'SELECT 1',\n    )  # x",
            False,
        ),
        ('"""Upgrade schema."""', "'''Another docstring.'''", False),
        ("convert public.orders", "another message", False),
        ("down_revision: ", "# rebased\ndown_revision: ", False),
        ("import sqlalchemy as sa\n", "", False),
    ],
)
def test_edits_are_noticed_and_formatting_is_not(
    project: AlembicProject, old: str, new: str, edited: bool
) -> None:
    (path,) = write(project, draft()).paths
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    (ours,) = RevisionGraph.read(project).ours()
    assert ours.edited is edited


def test_a_moved_revision_is_not_an_edited_one(project: AlembicProject) -> None:
    first, second = write(project, draft("tz_one"), draft("tz_two")).files
    text = second.path.read_text()
    second.path.write_text(text.replace(f"'{first.revision}'", "None"))
    assert not any(ours.edited for ours in RevisionGraph.read(project).ours())


def test_facts_that_are_not_literal_are_an_error(project: AlembicProject) -> None:
    (path,) = write(project, draft()).paths
    path.write_text(path.read_text().replace('"metadata"', "compute()"))
    with pytest.raises(UsageError) as caught:
        RevisionGraph.read(project)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    "setting",
    [
        "file_template = %%(year)d-%%(month).2d-%%(rev)s_%%(slug)s",
        "file_template = %%(epoch)s",
        "file_template = %%(slug)s",
        "truncate_slug_length = 6",
        "timezone = Asia/Kolkata",
        "output_encoding = utf-8",
        "file_template = %%(year)d/%%(rev)s_%%(slug)s\n"
        "recursive_version_locations = true",
    ],
)
def test_naming_conventions_are_the_projects(
    project: AlembicProject, setting: str
) -> None:
    project = settings(project, setting)
    written = write(project, draft("tz_one"), draft("tz_two"))
    script = ScriptDirectory.from_config(Config(str(project.ini)))
    paths = {s.revision: Path(s.path) for s in script.walk_revisions()}
    assert paths == {file.revision: file.path for file in written.files}
    if "epoch" in setting:
        assert sorted(written.paths) == list(written.paths)
    if "Kolkata" in setting:
        assert "+05:30" in written.paths[0].read_text()


def test_an_unknown_timezone_is_said_and_not_fatal(project: AlembicProject) -> None:
    written = write(settings(project, "timezone = Mars/Olympus"), draft())
    (note,) = written.notes
    assert "Mars/Olympus" in note


def test_a_file_template_that_cannot_be_used_is_an_error(
    project: AlembicProject,
) -> None:
    with pytest.raises(UsageError) as caught:
        write(settings(project, "file_template = %%(nonsense)s"), draft())
    assert caught.value.code == "TZ239"


OLD_TEMPLATE = '''"""${message}"""
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
depends_on = ${repr(depends_on)}
from alembic import op


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''


def test_a_template_of_ones_own_is_kept_where_it_serves(
    project: AlembicProject,
) -> None:
    template(project, OLD_TEMPLATE + "\n# (c) ${config.get_main_option('owner')}\n")
    written = write(settings(project, "owner = team"), draft())
    assert written.notes == ()
    assert written.paths[0].read_text().rstrip().endswith("# (c) team")


def test_a_template_without_imports_gets_op(project: AlembicProject) -> None:
    template(project, OLD_TEMPLATE.replace("from alembic import op\n", ""))
    written = write(project, draft())
    assert written.notes == ()
    assert "from alembic import op" in written.paths[0].read_text()


@pytest.mark.parametrize(
    "text",
    [
        OLD_TEMPLATE.partition("def downgrade")[0],
        OLD_TEMPLATE.replace("depends_on", "# depends_on"),
        OLD_TEMPLATE.replace("def upgrade():", "def upgrade(engine):"),
        OLD_TEMPLATE.replace("def upgrade():\n", "def upgrade():\n    log()\n"),
        OLD_TEMPLATE.replace("${upgrades", "${upgrades.upper()"),
        OLD_TEMPLATE.replace("    ${", "\t${"),
        OLD_TEMPLATE + "${ticket}",
        OLD_TEMPLATE + "${",
        "not python",
        "",
        None,
    ],
)
def test_any_other_template_gives_way_to_the_plain_form_and_it_is_said(
    project: AlembicProject, text: str | None
) -> None:
    if text is None:
        (project.directory / "script.py.mako").unlink()
    else:
        template(project, text)
    written = write(project, draft(depends_on=()), draft("tz_two"))
    assert len(written.notes) == 2
    assert "script.py.mako" in written.notes[0]
    assert executed(written.paths[0], "upgrade") == ["ALTER TABLE a", "SELECT 1"]
    assert executed(written.paths[0], "downgrade") == ["ALTER TABLE b"]
    script = ScriptDirectory.from_config(Config(str(project.ini)))
    assert len(list(script.walk_revisions())) == 2
    assert [ours.edited for ours in RevisionGraph.read(project).ours()] == [False] * 2


GUARDED: dict[str, object] = {
    "upgrade": "    op.execute(GUARD)\n    op.execute('ALTER TABLE a')\n",
    "downgrade": "    op.execute(GUARD)\n",
    "constants": 'GUARD = "SELECT 1"\n',
}


@pytest.mark.parametrize(
    "text",
    [
        OLD_TEMPLATE + "\n\ndef upgrade():\n    pass\n",
        OLD_TEMPLATE + "\n\nupgrade = print\n",
        OLD_TEMPLATE.replace("\ndef upgrade", "\nop = print\n\n\ndef upgrade"),
        OLD_TEMPLATE + "\n\nop = print\n",
        OLD_TEMPLATE + "\n\nGUARD = ''\n",
        OLD_TEMPLATE.replace("\ndef upgrade", "\nGUARD = ''\n\n\ndef upgrade"),
        OLD_TEMPLATE + "\n\nGUARD: str = ''\n",
        OLD_TEMPLATE + "\n\ndef GUARD(): ...\n",
        OLD_TEMPLATE.replace("    ${upgrades", "    if op.x: ${upgrades"),
        OLD_TEMPLATE.replace("    ${upgrades", "    if op.x:\n     ${upgrades"),
        OLD_TEMPLATE.replace("def upgrade", "@print\ndef upgrade"),
        OLD_TEMPLATE.replace("def downgrade", "@print\ndef downgrade"),
        OLD_TEMPLATE.replace("def upgrade", "async def upgrade"),
        OLD_TEMPLATE.replace("    ${upgrades", "    return\n    ${upgrades"),
        OLD_TEMPLATE.replace("def upgrade():", "def upgrade(): return;"),
        OLD_TEMPLATE.replace("def upgrade():", "def upgrade(op=None):"),
        OLD_TEMPLATE.replace("def upgrade():", "def upgrade() -> log:")
        + "\n\ndef log(): ...\n",
        OLD_TEMPLATE.replace('else "pass"}', "else 'pass'}\n    op.execute('x')"),
        OLD_TEMPLATE.replace('else "pass"}', "else 'pass'}; op.execute('x')"),
        OLD_TEMPLATE.replace("def upgrade", "if True:\n def upgrade"),
        OLD_TEMPLATE.replace("\ndef upgrade", '\n"""\ndef upgrade', 1) + '"""\n',
        OLD_TEMPLATE.replace("${upgrades", "${downgrades"),
        OLD_TEMPLATE + "\n\nTZMIGRATE = None\n",
        OLD_TEMPLATE + "\n\nrevision = 'x'\n",
    ],
)
def test_no_template_adds_to_what_runs(project: AlembicProject, text: str) -> None:
    template(project, text)
    written = write(project, draft("tz_orders", **GUARDED))
    (note,) = written.notes
    assert "script.py.mako" in note
    assert executed(written.paths[0], "upgrade") == ["SELECT 1", "ALTER TABLE a"]
    assert executed(written.paths[0], "downgrade") == ["SELECT 1"]


def test_a_template_of_another_encoding_than_the_projects_is_not_used(
    project: AlembicProject,
) -> None:
    template(project, "${'# coding: latin-1'}\n" + OLD_TEMPLATE)
    changed = GUARDED | {"upgrade": "    op.execute('時刻' + GUARD)\n"}
    written = write(project, draft("tz_orders", **changed))
    assert len(written.notes) == 1
    assert executed(written.paths[0], "upgrade") == ["時刻SELECT 1"]


@pytest.mark.parametrize(
    "text",
    [
        OLD_TEMPLATE,
        OLD_TEMPLATE.replace("():", "() -> None:  # says nothing more"),
        OLD_TEMPLATE.replace('else "pass"}', "else 'pass'}\n    pass"),
        OLD_TEMPLATE.replace("():\n", "():\n    '''Doc.'''\n"),
        OLD_TEMPLATE.replace("\n", "\r\n"),
        OLD_TEMPLATE.replace('"""\n', '\n\ndef upgrade():\n"""\n', 1),
        OLD_TEMPLATE.replace("import op\n", "import (\n    context,\n    op,\n)\n"),
        OLD_TEMPLATE.replace("from alembic import op\n", ""),
        OLD_TEMPLATE.replace("def upgrade", "# up\n# wards\ndef upgrade"),
    ],
)
def test_what_is_seen_at_once_is_what_the_long_way_finds(
    project: AlembicProject, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.directory / "script.py.mako").write_bytes(text.encode())
    graph = RevisionGraph.read(project)
    date = datetime(2024, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("tzmigrate.revisions.files._now", lambda _: (date, ""))
    drafts = [draft("tz_orders", **GUARDED), draft("tz_plain")]
    seen = prepare_revisions(project, graph, drafts)
    monkeypatch.setattr("tzmigrate.revisions.template._at_sight", lambda *_: None)
    assert prepare_revisions(project, graph, drafts) == seen
    assert [file.note for file in seen] == ["", ""]
    write_revisions(project, seen)
    assert [ours.edited for ours in RevisionGraph.read(project).ours()] == [False] * 2


@pytest.mark.parametrize("text", [None, OLD_TEMPLATE])
def test_a_common_template_is_believed_after_one_parse(
    project: AlembicProject, text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        template(project, text)
    monkeypatch.delattr("tzmigrate.revisions.template._plain")
    graph = RevisionGraph.read(project)
    (file,) = prepare_revisions(project, graph, [draft("tz_orders", **GUARDED)])
    assert file.note == ""


@pytest.mark.parametrize(
    "changes", [{"upgrade": "    op.execute(\n"}, {"constants": 'GUARD = """'}]
)
def test_a_draft_that_is_not_python_is_our_fault(
    project: AlembicProject, changes: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="tz_orders is not Python"):
        write(project, draft("tz_orders", **GUARDED | changes))


DIGESTED = r'''
import os
from alembic import op
GUARD = "SELECT 'é" "\n'"
def helper(x: int, *rest, key=None, **more) -> str:
    """Not counted."""
    pass
    return [-1, 1.5, 2j, b"\xff", ..., None, True, {**more, 1: {2}}, f"{x!r}y"]
class Kept:
    a: int = 1
    @property
    def b(self): return lambda y, /: y[::2] if y else (yield)
def upgrade() -> None:
    op.execute(GUARD)
    op.execute("ALTER " "TABLE a")
    op.execute(GUARD, "x")
    op.execute("x", "y")
    op.execute(*"x")
    op.execute("x", options={"a": 1})
    op.get_bind().execute("x")
    print("x")
    for each in helper(1, *(), key="2", **{}):
        with op.get_context() as (one, two), Kept() as op.kept[0]:
            op.execute(f"{each}")
    global unused, other
    match op:
        case Kept(a=1, b=[None, *_]) | {"k": True, **_k}: ...
    unused += helper
async def aside(): return [await z async for z in op if z]
def downgrade():
    pass
down_revision = "x"
'''


def test_the_digest_of_a_text_is_always_the_same() -> None:
    facts = {"step": "tz", "n": [1, ("é", None)], "m": {"b": 1, "a": 2.5}}
    expected = "621dfbea85e12c8fb4dba445661dcf9d845e8cf5b0c3170ec1569e357e4a1555"
    assert digest(parse(DIGESTED), facts) == expected
    assert digest(parse(DIGESTED), {**facts, "digest": "not counted"}) == expected


def test_a_label_needs_a_template_that_writes_it(project: AlembicProject) -> None:
    template(project, OLD_TEMPLATE)
    written = write(project, draft(branch_labels=("zones",)))
    assert len(written.notes) == 1
    assert RevisionGraph.read(project).head("zones") == written.files[0].revision


def test_an_encoding_that_cannot_hold_the_text_is_not_used(
    project: AlembicProject,
) -> None:
    project = settings(project, "output_encoding = ascii")
    written = write(project, draft(upgrade="    op.execute('時刻')\n"))
    assert len(written.notes) == 1
    assert executed(written.paths[0], "upgrade") == ["時刻"]


def branched(project: AlembicProject) -> AlembicProject:
    """Two version locations, with a branch and a head in each."""
    project = settings(
        project,
        "version_locations = %(here)s/one:%(here)s/two",
    )
    for name in ("one", "two"):
        (project.root / name).mkdir()
        (project.root / name / "base.py").write_text(
            f"revision = '{name}0000'\ndown_revision = None\n"
            f"branch_labels = ('{name}',)\n"
        )
    return project


def test_a_file_goes_where_the_head_that_it_extends_lives(
    project: AlembicProject,
) -> None:
    project = branched(project)
    with pytest.raises(UsageError) as caught:
        write(project, draft())
    assert caught.value.code == "TZ236"
    for name in ("one", "two"):
        (path,) = write(project, draft(f"tz_{name}"), head=name).paths
        assert path.parent == project.root / name


def test_version_path_chooses_among_the_projects_own(project: AlembicProject) -> None:
    project = branched(project)
    (path,) = write(project, draft(), head="one", version_path=Path("two")).paths
    assert path.parent == project.root / "two"
    with pytest.raises(UsageError) as caught:
        write(project, draft("tz_x"), head="two", version_path=Path("elsewhere"))
    assert caught.value.code == "TZ238"


def test_an_empty_project_with_several_locations_asks_for_one(
    project: AlembicProject,
) -> None:
    project = settings(project, "version_locations = %(here)s/one:%(here)s/two")
    with pytest.raises(UsageError) as caught:
        write(project, draft())
    assert "--version-path" in caught.value.hint
    assert write(project, draft(), version_path=Path("one")).paths[0].exists()


def test_nothing_is_written_while_preparing(project: AlembicProject) -> None:
    before = everything(project.root)
    graph = RevisionGraph.read(project)
    prepared = prepare_revisions(project, graph, [draft("tz_one"), draft("tz_two")])
    assert len(prepared) == 2
    assert everything(project.root) == before


def test_all_files_are_written_or_none(project: AlembicProject) -> None:
    """The second file's name is taken between preparing and writing."""
    project = settings(
        project,
        "file_template = %%(slug)s/%%(rev)s\nrecursive_version_locations = true",
    )
    graph = RevisionGraph.read(project)
    drafts = [draft("tz_one"), draft("tz_two"), draft("tz_three")]
    prepared = prepare_revisions(project, graph, drafts)
    prepared[1].path.parent.mkdir()
    prepared[1].path.write_text("revision = 'mine'\ndown_revision = None\n")
    before = everything(project.root)
    with pytest.raises(UsageError) as caught:
        write_revisions(project, prepared)
    assert caught.value.code == "TZ241"
    assert everything(project.root) == before
    assert "mine" in prepared[1].path.read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written_is_an_error(
    project: AlembicProject,
) -> None:
    versions = project.version_locations[0]
    versions.chmod(0o500)
    try:
        with pytest.raises(UsageError):
            write(project, draft())
    finally:
        versions.chmod(0o700)


def test_two_files_of_a_plan_with_one_name_are_called_that(
    project: AlembicProject,
) -> None:
    project = settings(project, "file_template = same")
    drafts = [draft(), replace(draft(), revision="ffffffffffff")]
    with pytest.raises(UsageError, match="TZ241") as caught:
        prepare_revisions(project, RevisionGraph.read(project), drafts)
    assert "two revisions of this plan" in caught.value.message
    assert "move the file away" not in caught.value.hint


def test_an_error_names_the_directory_and_no_temporary_file(
    project: AlembicProject,
) -> None:
    graph = RevisionGraph.read(project)
    (prepared,) = prepare_revisions(project, graph, [draft()])
    no_directory = project.root / "taken"
    no_directory.write_text("")
    elsewhere = replace(prepared, path=no_directory / prepared.path.name)
    with pytest.raises(UsageError) as caught:
        write_revisions(project, [elsewhere])
    assert caught.value.code == "TZ241"
    assert caught.value.message == f"cannot write {no_directory}"


def test_a_file_that_alembic_would_not_find_does_not_stay(
    project: AlembicProject,
) -> None:
    project = settings(project, "file_template = %%(year)d/%%(rev)s")
    before = everything(project.root)
    with pytest.raises(UsageError) as caught:
        write(project, draft())
    assert caught.value.code == "TZ242"
    assert "recursive_version_locations" in caught.value.hint
    assert everything(project.root) == before


def hooked(project: AlembicProject, code: str) -> AlembicProject:
    """Let a Python script run on each new file."""
    assert project.ini is not None
    script = project.root / "hook.py"
    script.write_text(code)
    project.ini.write_text(
        project.ini.read_text().replace(
            "[post_write_hooks]\n",
            f"[post_write_hooks]\nhooks = own\nown.type = exec\n"
            f"own.executable = {sys.executable}\n"
            f"own.options = {script} REVISION_SCRIPT_FILENAME\n",
        )
    )
    return AlembicProject.open(project.ini, cwd=project.root, environ={})


def test_post_write_hooks_run_and_what_they_print_is_no_result(
    project: AlembicProject, capfd: pytest.CaptureFixture[str]
) -> None:
    project = hooked(
        project,
        "import sys; p = sys.argv[1]; s = open(p).read()\n"
        "open(p, 'w').write('# formatted\\n' + s); print('hook was here')\n",
    )
    written = write(project, draft())
    out, err = capfd.readouterr()
    assert out == ""
    assert "hook was here" in err
    assert written.notes == ()
    assert written.paths[0].read_text().startswith("# formatted\n")
    assert written.files[0].text == written.paths[0].read_bytes()


@pytest.mark.parametrize(
    "code",
    [
        "import sys; open(sys.argv[1], 'w').write('broken (')",
        "import sys; p = sys.argv[1]; s = open(p).read()\n"
        "open(p, 'w').write(s.replace('TABLE a', 'TABLE z'))",
        "import os, sys; os.remove(sys.argv[1])",
    ],
)
def test_a_hook_that_changes_what_runs_has_no_effect(
    project: AlembicProject, code: str
) -> None:
    written = write(hooked(project, code), draft())
    (note,) = written.notes
    assert "hook own had no effect" in note
    assert executed(written.paths[0], "upgrade") == ["ALTER TABLE a", "SELECT 1"]


def test_a_hook_that_is_not_installed_is_said(project: AlembicProject) -> None:
    assert project.ini is not None
    project.ini.write_text(
        project.ini.read_text().replace(
            "[post_write_hooks]\n",
            "[post_write_hooks]\nhooks = black\nblack.type = console_scripts\n"
            "black.entrypoint = no-such-formatter\n",
        )
    )
    project = AlembicProject.open(project.ini, cwd=project.root, environ={})
    written = write(project, draft())
    assert "no-such-formatter" in written.notes[0]
    assert written.paths[0].exists()


def test_files_are_as_readable_as_other_sources(project: AlembicProject) -> None:
    (path,) = write(project, draft()).paths
    other = project.directory / "env.py"
    assert path.stat().st_mode & 0o777 == other.stat().st_mode & 0o777


def test_identifiers_are_new(project: AlembicProject) -> None:
    graph = RevisionGraph.read(project)
    assert len({new_revision_id(graph) for _ in range(20)}) == 20


def _docstrings(messages: Iterable[str]) -> Iterable[tuple[str, str]]:
    for message in messages:
        yield message, f'"""{one_line(message)}\n"""\n# {one_line(message)}\nx = 1\n'


@pytest.mark.parametrize(("message", "source"), list(_docstrings(BITING)))
def test_a_message_stays_in_its_docstring_and_comment(
    message: str, source: str
) -> None:
    tree = ast.parse(source)
    assert len(tree.body) == 2


def test_prepared_files_show_what_dry_run_shows(project: AlembicProject) -> None:
    graph = RevisionGraph.read(project)
    (file,) = prepare_revisions(project, graph, [draft()])
    assert isinstance(file, Prepared)
    assert b"TZMIGRATE = {" in file.text
