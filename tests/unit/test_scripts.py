"""Scripts say the same in every style, and are read back as they were written."""

import ast
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from tzmigrate.commands.common import SqlOptions, named_again
from tzmigrate.errors import UsageError
from tzmigrate.revisions import support
from tzmigrate.revisions.ours import Kind
from tzmigrate.revisions.render import Script, Statement, support_script
from tzmigrate.revisions.script_store import READ_AS, STYLES, ScriptStore
from tzmigrate.revisions.scripts import comment, signed, split, sql_of
from tzmigrate.revisions.styles import rising
from tzmigrate.revisions.writing import Prepared

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

BITING = (
    "50% off; -- no",
    "a:b :c :'d' :\"e\"",
    "${user} #{x} `x` $1 $$ $tz",
    "triple ''' and \"\"\"",
    "back\\slash \\n \\echo",
    "-- migrate:down",
    "TZMIGRATE",
    "COMMIT;",
    "  def down",
    "    execute <<-'TZMIGRATE'",
    "ünïcödé 時刻 \U0001f570 \u202e\u2028",
    "tzmigrate: {}",
)

FACTS: dict[str, object] = {
    "version": 1,
    "kind": "group",
    "step": "tz_orders",
    "predecessor": "support",
    "database": {"name": "shop", "system_identifier": None},
    "relations": [["public", "Order\n-- tzmigrate: {}"]],
    "columns": [["public", "Order", "50% off", "timestamp", "timestamptz", "UTC"]],
    "strategy": "metadata",
    "session_zone": "Etc/UTC",
}

EVERY = pytest.mark.parametrize("style", STYLES)


def statements(*words: str) -> tuple[Statement, ...]:
    return (
        Statement(support.guard()),
        *(
            Statement("SELECT '" + word.replace("'", "''") + "'", "why")
            for word in words
        ),
        *(
            Statement(
                'ALTER TABLE "' + word.replace('"', '""') + '"\n    RENAME b TO c'
            )
            for word in words
        ),
        *(Statement(f"DO $tz$ BEGIN\n-- {word}\n  ;\nEND $tz$") for word in words),
    )


def script(slug: str = "tz_orders", revision: str = "0a1b2c3d4e5f") -> Script:
    return Script(
        revision=revision,
        slug=slug,
        title='convert public."Order\n\r; \x1b" to timestamptz',
        up=statements(*BITING),
        down=statements(*reversed(BITING)),
        facts={**FACTS, "step": slug},
    )


def prepared(directory: Path, style: str, *scripts: Script) -> tuple[Prepared, ...]:
    return tuple(STYLES[style].prepare(directory, scripts, NOW))


def write(directory: Path, style: str, *scripts: Script) -> list[Path]:
    store = ScriptStore.open(directory, style)
    return list(store.write(prepared(directory, style, *scripts)).paths)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "shop" / "migrations"


def sql(found: tuple[Statement, ...]) -> list[str]:
    """Return statements without the comments above them."""
    return [re.sub(r"\A(\s*--.*\n)+\s*", "", statement.sql) for statement in found]


# ------------------------------------------------------------------ the text


def test_statements_are_split_where_they_end() -> None:
    every = (*support.install(), *support.uninstall())
    made = tuple(Statement(text) for text in every)
    found = split(sql_of(made))
    assert sql(found) == sql(made)
    assert split(sql_of(found)) == found
    made = statements(*BITING)
    assert sql(split(sql_of(made))) == sql(made)


def test_a_note_stays_above_its_statement() -> None:
    (found,) = split(sql_of([Statement("SELECT 1", "one\ntwo")]))
    assert found == Statement("SELECT 1", "one\ntwo")


def test_a_comment_is_one_line_whatever_it_quotes() -> None:
    for word in (*BITING, "a\nb", "a\rb", "\x1b[31m", "\x85", "\x0b"):
        assert len(comment([word]).splitlines()) == 1
        assert comment([word]).isprintable() or comment([word]).endswith("\n")


def test_what_a_script_says_of_itself_is_one_line_of_ascii() -> None:
    said = signed(script())
    assert said.isascii()
    assert "\n" not in said
    facts = json.loads(said)
    assert facts["revision"] == "0a1b2c3d4e5f"
    assert {name: facts[name] for name in FACTS} == FACTS


# ---------------------------------------------------------------- every style


@EVERY
def test_a_script_is_read_back_as_it_was_written(style: str, directory: Path) -> None:
    first, second = support_script("ffffffffffff"), script()
    paths = write(directory, style, first, second)
    store = ScriptStore.open(directory)
    assert store.style.name == style
    one, two = store.read().ours()
    assert (one.kind, two.kind) == (Kind.SUPPORT, Kind.GROUP)
    assert two.revision == second.revision
    assert two.down_revision == (first.revision,)
    assert not one.edited
    assert not two.edited
    assert two.relations == (("public", "Order\n-- tzmigrate: {}"),)
    assert two.path in paths
    for ours, was in ((one, first), (two, second)):
        stored = store.stored[ours.revision]
        assert sql(stored.up) == sql(was.up)
        assert sql(stored.down) == sql(was.down)
        assert list(store.upgrade_statements(ours)) == [s.sql for s in stored.up]


@EVERY
def test_ends_of_lines_and_comments_do_not_count_and_anything_else_does(
    style: str, directory: Path
) -> None:
    plain = replace(script(), up=statements("good"), down=statements("bad"))
    paths = write(directory, style, support_script("ffffffffffff"), plain)
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    def edited() -> list[bool]:
        return [ours.edited for ours in ScriptStore.open(directory).read().ours()]

    assert edited() == [False, False]
    end = {".py": b"# by hand\n", ".rb": b"# by hand\n"}
    for path in paths:
        path.write_bytes(path.read_bytes() + end.get(path.suffix, b"-- by hand\n"))
    assert edited() == [False, False]
    for word in (b"good", b"bad", b"Etc/UTC"):
        for path in paths:
            text = path.read_bytes()
            if word in text and "tz_orders" in path.name:
                path.write_bytes(text.replace(word, b"else", 1))
                assert edited() == [False, True], (path, word)
                path.write_bytes(text)
    assert edited() == [False, False]


@EVERY
def test_numbers_go_on_where_the_scripts_end(style: str, directory: Path) -> None:
    first = write(directory, style, support_script("ffffffffffff"), script())
    second = write(directory, style, script("tz_users", "111111111111"))
    store = ScriptStore.open(directory)
    steps = [ours.step for ours in store.read().ours()]
    assert steps == ["support", "tz_orders", "tz_users"]
    assert len({path for path in first + second if path.suffix != ".plan"}) == len(
        [path for path in first + second if path.suffix != ".plan"]
    )


@EVERY
def test_the_inverse_of_a_script_is_its_other_side(style: str, directory: Path) -> None:
    store = ScriptStore.open(directory, style)
    new = [support_script("ffffffffffff"), script()]
    store.write(store.prepare(store.read(), new, head=None))
    store = ScriptStore.open(directory)
    graph = store.read()
    store.write(store.prepare_inverses(graph, graph.ours()[1:], head=None))
    again = ScriptStore.open(directory)
    *_, inverse = again.read().ours()
    assert (inverse.kind, inverse.inverts) == (Kind.INVERSE, "tz_orders")
    assert not inverse.edited
    # each says once how it is read
    stored = again.stored[inverse.revision]
    assert sql(stored.up) == sql((READ_AS, *script().down))
    assert sql(stored.down) == sql((READ_AS, *script().up))
    assert inverse.columns == graph.ours()[1].columns


@EVERY
def test_a_script_that_lost_a_part_is_an_error(style: str, directory: Path) -> None:
    paths = write(directory, style, support_script("ffffffffffff"), script())
    up, *others = [path for path in paths if "tz_orders" in path.name]
    marks = {
        "dbmate": "\n-- migrate:down\n",
        "django": "DOWN =",
        "rails": "\n  def down\n",
    }
    if style in marks:
        above, _, below = up.read_text("utf-8").rpartition(marks[style])
        up.write_text(f"{above}\n{below}", "utf-8")
    else:
        others = [path for path in others if path.suffix == ".sql"]
        others[0].unlink()
    with pytest.raises(UsageError) as caught:
        ScriptStore.open(directory)
    assert caught.value.code == "TZ252"
    assert str(up) in caught.value.message


@pytest.mark.parametrize("style", [s for s in STYLES if s != "sqitch"])
def test_the_same_script_twice_is_an_error(style: str, directory: Path) -> None:
    for path in write(directory, style, support_script("ffffffffffff")):
        name = re.sub(r"\d+", lambda n: str(int(n[0]) + 1).zfill(len(n[0])), path.name)
        path.with_name(name).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match="TZ235"):
        ScriptStore.open(directory)


def test_what_a_script_says_must_be_readable(directory: Path) -> None:
    paths = write(directory, "plain", support_script("ffffffffffff"))
    for said in ("nonsense", "[]", "{}", '{"version": "x", "kind": 1, "step": 2}'):
        for path in paths:
            text = re.sub(r"(?m)^-- tzmigrate: .*$", "", path.read_text("utf-8"))
            path.write_text(f"-- tzmigrate: {said}\n{text}", "utf-8")
        with pytest.raises(UsageError, match="TZ234"):
            ScriptStore.open(directory)


def test_all_files_are_written_or_none(directory: Path) -> None:
    for style in ("plain", "sqitch"):
        directory.mkdir(parents=True)
        (directory / "sqitch.plan").write_text("%project=mine\n\n")
        files = prepared(directory, style, support_script("ffffffffffff"), script())
        taken = next(f.path for f in files if "tz_orders" in f.path.name)
        taken.parent.mkdir(exist_ok=True)
        taken.write_text("mine")
        before = {p: p.read_bytes() for p in directory.rglob("*") if p.is_file()}
        with pytest.raises(UsageError) as caught:
            ScriptStore.open(directory, style).write(files)
        assert caught.value.code == "TZ241"
        assert "--sql" in caught.value.hint
        after = {p: p.read_bytes() for p in directory.rglob("*") if p.is_file()}
        assert after == before
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        directory.rmdir()


# ---------------------------------------------------------------- their names


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def later(taken: list[str], first: str) -> list[str]:
    return list(islice(rising(taken, NOW, first), 2))


def test_numbers_rise_in_the_form_of_those_before() -> None:
    assert later([], "0000") == ["0001", "0002"]
    assert later(["1", "9"], "0") == ["10", "11"]
    assert later(["007", "003"], "0") == ["008", "009"]
    stamps = ["20260304050607", "20260304050608"]
    assert later([], "") == stamps
    assert later(["1.2", "3"], "0") == stamps
    assert later(["20240101000000"], "0000") == stamps
    # who has numbered into the future is followed there
    assert later(["20990101000000"], "")[0] == "20990101000001"


def test_flyway_is_told_not_to_look_for_placeholders_where_some_could_be(
    directory: Path,
) -> None:
    safe = replace(script(), up=statements("a"), down=statements("b"))
    paths = write(directory, "flyway", support_script("ffffffffffff"), safe, script())
    assert names(paths)[:4] == [
        "V1__tz_support.sql",
        "U1__tz_support.sql",
        "V2__tz_orders.sql",
        "U2__tz_orders.sql",
    ]
    assert names(paths)[4:] == [
        "V3__tz_orders.sql",
        "V3__tz_orders.sql.conf",
        "U3__tz_orders.sql",
        "U3__tz_orders.sql.conf",
    ]
    assert paths[5].read_text() == "placeholderReplacement=false\n"


def test_sqitch_gets_changes_at_the_end_of_its_plan(directory: Path) -> None:
    directory.mkdir(parents=True)
    plan = directory / "sqitch.plan"
    mine = (
        "%syntax-version=1.0.0\n%project=shop\n\n"
        "users 2020-01-02T03:04:05Z Ann Example <ann@example.com> # Creates users.\n"
        "@v1.0 2020-01-02T03:04:06Z Ann Example <ann@example.com> # Tags.\n"
        "tz_support [users] 2020-01-02T03:04:07Z Ann Example <ann@example.com> # Me\n"
    )
    plan.write_text(mine)
    write(directory, "sqitch", support_script("ffffffffffff"), script())
    text = plan.read_text("utf-8")
    assert text.startswith(mine)
    first, second = text[len(mine) :].splitlines()
    who = "Ann Example <ann@example.com> #"
    assert first.startswith(f"tz_support_2 2026-03-04T05:06:07Z {who}")
    assert second.startswith(f"tz_orders [tz_support_2] 2026-03-04T05:06:08Z {who}")
    deploy = (directory / "deploy" / "tz_orders.sql").read_text("utf-8")
    assert "\nBEGIN;\n" in deploy
    assert deploy.endswith("\nCOMMIT;\n")
    assert (directory / "verify" / "tz_orders.sql").is_file()


def test_a_plan_without_an_end_of_line_gets_one(directory: Path) -> None:
    directory.mkdir(parents=True)
    line = "users 2020-01-02T03:04:05Z Ann Example <ann@example.com> # Users."
    (directory / "sqitch.plan").write_text(f"%project=shop\n\n{line}")
    write(directory, "sqitch", support_script("ffffffffffff"))
    lines = (directory / "sqitch.plan").read_text("utf-8").splitlines()
    assert lines[2] == line
    assert lines[3].startswith("tz_support ")


def test_a_new_plan_of_sqitch_has_its_project(directory: Path) -> None:
    write(directory, "sqitch", support_script("ffffffffffff"))
    head = (directory / "sqitch.plan").read_text().splitlines()[:3]
    assert head == ["%syntax-version=1.0.0", "%project=migrations", ""]


# ------------------------------------------------------------------- Django


def migration(directory: Path, name: str, body: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.py").write_text(
        "from shop_that_is_not_here import secret\n"
        f"class Migration(secret.Migration):\n    {body}\n"
    )


def dependencies(path: Path) -> object:
    tree = ast.parse(path.read_text("utf-8"))
    (made,) = [n for n in tree.body if isinstance(n, ast.ClassDef)]
    for node in made.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "dependencies":  # type: ignore[attr-defined] # a name
            return ast.literal_eval(node.value)
    raise AssertionError


def test_django_depends_on_the_leaf_of_its_app(directory: Path) -> None:
    migration(directory, "0001_initial", "dependencies = [('auth', '0001_initial')]")
    migration(
        directory,
        "0002_more",
        "dependencies = [secret.swappable(1), ('shop', '0001_initial')]",
    )
    migration(directory, "0001_squashed_0002", "replaces = [('shop', '0002_more')]")
    migration(directory, "0007_last", "dependencies = [('shop', '0001_squashed_0002')]")
    (directory / "_draft.py").write_text("not python")
    paths = write(directory, "django", support_script("ffffffffffff"), script())
    assert names(paths) == ["0008_tz_support.py", "0009_tz_orders.py", "__init__.py"]
    assert dependencies(paths[0]) == [("shop", "0007_last")]
    assert dependencies(paths[1]) == [("shop", "0008_tz_support")]


def test_several_leaves_of_an_app_are_an_error(directory: Path) -> None:
    migration(directory, "0001_left", "dependencies = []")
    migration(directory, "0001_right", "dependencies = []")
    with pytest.raises(UsageError) as caught:
        write(directory, "django", support_script("ffffffffffff"))
    assert caught.value.code == "TZ236"
    assert "--merge" in caught.value.hint


def test_a_migration_of_django_survives_a_formatter(directory: Path) -> None:
    path = write(directory, "django", support_script("ffffffffffff"), script())[1]
    text = path.read_text("utf-8")
    head, said, code = text.partition("\nfrom django.db import migrations\n")
    path.write_text(f"{head}{said}{ast.unparse(ast.parse(code))}\n", "utf-8")
    assert not any(o.edited for o in ScriptStore.open(directory).read().ours())


# -------------------------------------------------------------------- Rails


def test_rails_gets_a_class_by_the_name_of_the_file(directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "20200101000000_tz_orders.rb").write_text(
        "class TzOrders < ActiveRecord::Migration[7.1]\nend\n"
    )
    paths = write(directory, "rails", script())
    assert names(paths) == ["20260304050607_tz_orders_2.rb"]
    text = paths[0].read_text("utf-8")
    assert "\nclass TzOrders2 < ActiveRecord::Migration[7.1]\n" in text
    # the mark of a text is no line of it
    for found in re.finditer(r"<<-'(\w+)'\n(.*?)\n    \1\n", text, re.DOTALL):
        assert found[1] not in {line.strip() for line in found[2].split("\n")}


# ------------------------------------------------------------------ the store


def test_a_directory_without_scripts_of_ours_has_the_style_that_is_asked_for(
    directory: Path,
) -> None:
    assert ScriptStore.open(directory).style.name == "plain"
    directory.mkdir(parents=True)
    for name in ("0001_a.up.sql", "V1__a.sql", "0001_a.py", "1_a.rb", "x.sql"):
        (directory / name).write_text("SELECT 1;")
    for style in STYLES:
        store = ScriptStore.open(directory, style)
        assert store.style.name == style
        assert len(store.read()) == 0


def test_scripts_of_two_styles_are_an_error(directory: Path) -> None:
    write(directory, "rails", support_script("ffffffffffff"))
    with pytest.raises(UsageError, match="TZ245"):
        ScriptStore.open(directory, "plain")
    for file in prepared(directory, "plain", support_script("ffffffffffff")):
        file.path.write_bytes(file.text)
    with pytest.raises(UsageError, match=r"TZ245: .* several styles: plain, rails"):
        ScriptStore.open(directory)


def test_a_file_is_not_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="TZ244"):
        ScriptStore.open(tmp_path / "file")


@EVERY
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_tool_with_a_history_is_told_what_it_lacks(
    style: str, direction: str, directory: Path
) -> None:
    write(directory, style, support_script("ffffffffffff"), script())
    store = ScriptStore.open(directory)
    told = store.history(direction, {script().revision})
    assert store.history(direction, ()) == ()
    if style == "plain":
        assert told == ()
    else:
        assert "tz_orders" in told[0]
        assert "tz_support" not in " ".join(told)


def test_only_a_directory_that_an_option_named_is_named_again() -> None:
    assert named_again(SqlOptions(directory=Path("db"))) == " --sql db"
    spaced = SqlOptions(directory=Path("our db/up"), style="flyway")
    assert named_again(spaced) == " --sql 'our db/up'"
    configured = SqlOptions(directory=Path("/db"), source="tzmigrate.toml:2")
    for other in (None, SqlOptions(), configured):
        assert named_again(other) == ""
