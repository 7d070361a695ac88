"""Scripts inside the migrations of a framework: Django's and Rails'."""

import ast
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from tzmigrate.errors import UsageError
from tzmigrate.postgres.quoting import quote_literal
from tzmigrate.revisions.operations import in_block, in_lines, laid_out
from tzmigrate.revisions.render import Script, Statement
from tzmigrate.revisions.scripts import Stored, comment, head, said_in, signed
from tzmigrate.revisions.source import parse, quoted, strings
from tzmigrate.revisions.styles import (
    Style,
    files_of,
    forget,
    free,
    in_order,
    lacking,
    lost,
    numbers,
    rising,
    still,
    text_of,
)
from tzmigrate.revisions.writing import Prepared


class Django(Style):
    """``0003_tz_orders.py`` in the ``migrations`` of an app: ``RunSQL`` both ways."""

    name = "django"

    def prepare(
        self, directory: Path, scripts: Sequence[Script], now: datetime
    ) -> Iterator[Prepared]:
        """Have each depend on the one before, the first one on the app's leaf."""
        app = _app_of(directory)
        before = _leaf(directory, app)
        taken = numbers(directory, r"(\d{4}).*\.py")
        for script, number in zip(scripts, rising(taken, now, "0000"), strict=False):
            name = f"{number}_{script.slug}"
            how = (
                f"Up:   python manage.py migrate {app} {name}",
                f"Back: python manage.py migrate {app} {before or 'zero'}",
            )
            below = f"({quoted(app)}, {quoted(before)})" if before else ""
            text = (
                f"{head(script.title, how, signed(script), '#')}\n"
                "from django.db import migrations\n\n"
                f"UP = {_listed(script.up)}\n\nDOWN = {_listed(script.down)}\n\n\n"
                "class Migration(migrations.Migration):\n"
                "    # conversion, proof and ledger are committed together\n"
                "    atomic = True\n\n"
                f"    dependencies = [{below}]\n\n"
                "    operations = [\n"
                "        # A DateTimeField stays what it is: to Django its column was\n"
                "        # timestamptz all along, so its state has nothing to learn.\n"
                "        migrations.RunSQL(UP, DOWN, state_operations=[]),\n"
                "    ]\n"
            )
            yield Prepared(
                revision=script.revision,
                path=directory / f"{name}.py",
                text=text.encode(),
            )
            before = name
        package = directory / "__init__.py"
        if not package.exists():
            # without it Django takes the app for one that has no migrations
            yield Prepared(revision="", path=package, text=b"")

    def stored(self, directory: Path) -> Iterator[Stored]:
        """Read the lists of statements, without importing the file."""
        for path in in_order(directory, r"(\d+)_\w+\.py"):
            text = text_of(path)
            said = said_in(text)
            if said is None:
                continue
            try:
                values = parse(text).values
            except (SyntaxError, ValueError) as error:
                raise lost(path, "the form of Python") from error
            sides = [strings(values.get(name)) for name in ("UP", "DOWN")]
            if not all(sides):
                raise lost(path, "its lists UP and DOWN")
            up, down = (
                tuple(Statement(sql.strip("\n")) for sql in side or ())
                for side in sides
            )
            yield Stored(name=path.stem, files=(path,), said=(said,), up=up, down=down)

    def history(self, direction: str, ran: Sequence[Stored]) -> tuple[str, ...]:
        """Name what django_migrations does not know."""
        app = _app_of(ran[0].path.parent)
        if direction == "up":
            command = f"python manage.py migrate {app}"
            return (lacking("django_migrations", ran, command),)
        back = f"'python manage.py migrate {app}' to the one below them"
        return (
            still("django_migrations", ran, back),
            forget(
                "django_migrations",
                f"app = {quote_literal(app)} AND name",
                [stored.name for stored in ran],
            ),
        )


def _app_of(directory: Path) -> str:
    """Return the label of the app to which a directory of migrations belongs."""
    return directory.absolute().parent.name


def _leaf(directory: Path, app: str) -> str | None:
    """Return the migration of an app on which no other one depends.

    Raises:
        UsageError: there are several, or a file is not Python.
    """
    names: list[str] = []
    below: set[str] = set()
    for path in files_of(directory):
        if path.suffix != ".py" or path.stem[:1] in "_~":
            continue
        try:
            tree = ast.parse(text_of(path))
        except (SyntaxError, ValueError) as error:
            raise UsageError(
                "TZ234",
                f"cannot read migration {path}",
                detail=f"{error}.",
                hint="Correct the file, or move it away.",
            ) from error
        classes = [n for n in tree.body if isinstance(n, ast.ClassDef)]
        for node in classes:
            if node.name == "Migration":
                names.append(path.stem)
                below.update(_named(node, app))
    leaves = sorted(set(names) - below)
    if len(leaves) > 1:
        raise UsageError(
            "TZ236",
            f"app {app} has {len(leaves)} leaf migrations",
            detail=f"Leaves: {', '.join(leaves)}.",
            hint="Join them with python manage.py makemigrations --merge first.",
        )
    return leaves[0] if leaves else None


def _named(migration: ast.ClassDef, app: str) -> Iterator[str]:
    """Yield the migrations of its own app that one depends on, or replaces."""
    for node in migration.body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id="dependencies" | "replaces")],
                value=ast.List(elts=items) | ast.Tuple(elts=items),
            ):
                for item in items:
                    match item:
                        case ast.Tuple(
                            elts=[ast.Constant(value=label), ast.Constant(value=name)]
                        ) if label == app and isinstance(name, str):
                            yield name


def _listed(statements: Sequence[Statement]) -> str:
    """Return statements as a list of Python strings."""
    lines = []
    for statement in statements:
        sql = statement.sql
        if statement.note:
            lines.append(comment(statement.note.splitlines(), "    #"))
        if sql in laid_out():
            lines.append(f"    {in_block(sql)},\n")
        elif "\n" in sql:
            lines.append(f"    (\n        {in_lines(sql, ' ' * 8)}\n    ),\n")
        else:
            lines.append(f"    {quoted(sql)},\n")
    return f"[\n{''.join(lines)}]"


class Rails(Style):
    """``20260102030405_tz_orders.rb``: ``execute`` in ``up`` and ``down``."""

    name = "rails"

    _PART = re.compile(
        r"^  def (up|down)$|^    execute <<-'(\w+)'\n(.*?)\n[ \t]*\2$",
        re.MULTILINE | re.DOTALL,
    )

    def prepare(
        self, directory: Path, scripts: Sequence[Script], now: datetime
    ) -> Iterator[Prepared]:
        """Number them by time, as Rails does, each with a class of its own name."""
        taken = numbers(directory, r"(\d+)_\w+\.rb")
        names = {
            path.stem.partition("_")[2]
            for path in in_order(directory, r"(\d+)_\w+\.rb")
        }
        version = _version_of(directory)
        for script, number in zip(scripts, rising(taken, now, ""), strict=False):
            name = free(script.slug, names)
            names.add(name)
            how = (
                f"Up:   bin/rails db:migrate:up VERSION={number}",
                f"Back: bin/rails db:migrate:down VERSION={number}",
            )
            text = (
                f"{head(script.title, how, signed(script), '#')}\n"
                f"class {_camelized(name)} < ActiveRecord::Migration[{version}]\n"
                f"  def up\n{_executed(script.up)}  end\n\n"
                f"  def down\n{_executed(script.down)}  end\nend\n"
            )
            yield Prepared(
                revision=script.revision,
                path=directory / f"{number}_{name}.rb",
                text=text.encode(),
            )

    def stored(self, directory: Path) -> Iterator[Stored]:
        """Read the texts between ``execute`` and its mark."""
        for path in in_order(directory, r"(\d+)_\w+\.rb"):
            text = text_of(path)
            said = said_in(text)
            if said is None:
                continue
            sides: dict[str, list[Statement]] = {}
            side: list[Statement] = []
            for found in self._PART.finditer(text):
                if found[1]:
                    side = sides.setdefault(found[1], [])
                else:
                    side.append(Statement(found[3]))
            if set(sides) != {"up", "down"}:
                raise lost(path, "its methods up and down")
            yield Stored(
                name=path.stem,
                files=(path,),
                said=(said,),
                up=tuple(sides["up"]),
                down=tuple(sides["down"]),
            )

    def history(self, direction: str, ran: Sequence[Stored]) -> tuple[str, ...]:
        """Name what schema_migrations does not know."""
        if direction == "up":
            return (lacking("schema_migrations", ran, "bin/rails db:migrate"),)
        table, versions = "schema_migrations", [s.name.partition("_")[0] for s in ran]
        return (
            still(table, ran, "'bin/rails db:migrate:down', for each of them,"),
            forget(table, "version", versions),
        )


def _version_of(directory: Path) -> str:
    """Return the version of Rails that the newest migration was written for."""
    for path in reversed(in_order(directory, r"(\d+)_\w+\.rb")):
        if found := re.search(r"ActiveRecord::Migration\[(\d+\.\d+)\]", text_of(path)):
            return found[1]
    return "7.0"


def _camelized(name: str) -> str:
    """Return the class that Rails expects in a file.

    >>> _camelized("tz_orders_2")
    'TzOrders2'
    """
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _executed(statements: Sequence[Statement]) -> str:
    """Return statements as calls of ``execute``.

    The mark is quoted, so that Ruby changes nothing between; ``<<~`` would take the
    indentation away, also inside of constants.
    """
    calls = []
    for statement in statements:
        lines = {line.strip() for line in statement.sql.split("\n")}
        mark = free("TZMIGRATE", lines)
        note = comment(statement.note.splitlines(), "    #") if statement.note else ""
        calls.append(f"{note}    execute <<-'{mark}'\n{statement.sql}\n    {mark}\n")
    return "\n".join(calls)
