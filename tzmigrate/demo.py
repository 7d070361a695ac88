"""The whole story on an embedded PostgreSQL, with the sample schema."""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table

from tzmigrate import commands
from tzmigrate.inventory.model import Inventory, Role
from tzmigrate.planning.model import Action, Group, Plan
from tzmigrate.postgres.embedded import EmbeddedServer, embedded_server
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.sample import load_sample, sample_directory
from tzmigrate.verification.model import Outcome, Proof

DATABASE = "tzmigrate_demo"
COPY = "tzmigrate_demo_copy"
ROWS = 1000
ACCEPTED = ("TZ301",)
SHOWN = ("app", "sessions", "started_at")
"""The column whose revision is shown, and which is then sabotaged."""


def run(console: Console) -> int:
    """Tell the story; return the exit status, 0 when every claim held."""
    home = Path(tempfile.mkdtemp(prefix="tzmigrate-demo-"))
    with embedded_server(settings={"timezone": "Etc/UTC"}) as server, _inside(home):
        told = _Story(console, server, home)
        told.begin()
        plan = told.plan()
        told.apply()
        caught = told.sabotage(plan)
        told.back()
        told.end()
    return 0 if caught and told.proved else 4


class _Story:
    """One act after the other; each runs what a user would run, and shows it."""

    def __init__(self, console: Console, server: EmbeddedServer, home: Path) -> None:
        self._console = console
        self._server = server
        self._home = home
        self.proved = True

    @property
    def _connection(self) -> commands.Connection:
        return commands.Connection(
            url=self._server.url(DATABASE), config=self._home / "tzmigrate.toml"
        )

    def begin(self) -> None:
        """Make the database, and scan it."""
        self._act("a learning application, every time in timestamp", "tzmigrate scan")
        self._maintain(f"CREATE DATABASE {DATABASE}")
        with psycopg.connect(self._server.url(DATABASE)) as connection:
            load_sample(connection, rows=ROWS)
        (self._home / "tzmigrate.toml").write_bytes(
            (sample_directory() / "tzmigrate.toml").read_bytes()
        )
        inventory = commands.scan(self._connection)
        self._console.print(_families(inventory))
        stored = [c for c in inventory.columns if c.role is Role.STORED]
        total = len(inventory.columns)
        self._say(
            f"{total} columns hold naive time: these {len(stored)}, and"
            f" {total - len(stored)} in partitions and views."
        )

    def plan(self) -> Plan:
        """Plan, and show one revision as a DBA will read it."""
        self._act(
            "zones are declared; what is safe becomes revisions",
            "tzmigrate plan --init --accept TZ301",
        )
        plan = commands.plan(self._connection, init=True, accept=ACCEPTED)
        ini = self._home / "alembic.ini"
        ini.write_text(ini.read_text("utf-8").replace("INFO", "WARNING"), "utf-8")
        for finding in plan.findings:
            what = "accepted" if finding.code in ACCEPTED else finding.severity.value
            self._say(f"{what} {finding.code}: {escape(finding.message)}")
        self._console.print(_groups(plan))
        group = _group(plan)
        source = Path(group.path or "").read_text("utf-8")
        shown = source[source.index("def upgrade()") : source.index("def downgrade()")]
        self._say(
            f"One of the {len(plan.written)} files, {Path(group.path or '').name}:"
        )
        self._console.print(Syntax(shown.strip(), "python", background_color="default"))
        return plan

    def apply(self) -> None:
        """Convert, each group in a transaction of its own, and prove."""
        self._act("convert, each group proved before its commit", "tzmigrate apply")
        done = commands.apply(
            self._connection, confirm=lambda _: True, progress=lambda _: None
        )
        seconds = sum(step.seconds for step in done.steps)
        self._say(f"{len(done.steps)} revisions in {seconds:.1f} s.")
        self._prove("tzmigrate verify")

    def sabotage(self, plan: Plan) -> bool:
        """Convert one column with the wrong zone, on a copy; it must be caught."""
        schema, table, column = SHOWN
        self._act("sabotage, on a copy of the database", "")
        self._say(
            f"Somebody converts {table}.{column} by hand, as if it held New York time."
        )
        self._command("tzmigrate verify")
        self._maintain(f"CREATE DATABASE {COPY} TEMPLATE {DATABASE}")
        label = readable_name(schema, table)
        with psycopg.connect(self._server.url(COPY)) as connection:
            statement = (
                f"ALTER TABLE {label} ALTER COLUMN {column} TYPE timestamptz"
                f" USING ({column} AT TIME ZONE 'UTC') AT TIME ZONE 'America/New_York'"
            )
            connection.execute(statement.encode())
        copy = commands.Connection(url=self._server.url(COPY))
        proof = commands.verify(copy)
        wrong = [c for c in proof.columns if c.outcome is not Outcome.PROVED]
        for found in wrong:
            offsets = ", ".join(f"{o.offset} in {o.count} rows" for o in found.offsets)
            name = readable_name(found.schema, found.relation, found.column)
            self._say(f"[red]{found.outcome}[/red]: {escape(name)} moved by {offsets}")
        self._say(f"{len(proof.columns) - len(wrong)} other columns are proved.")
        moved = {
            (c.schema, c.relation, c.column)
            for c in wrong
            if c.outcome in {Outcome.SHIFTED, Outcome.SUSPECT} and c.offsets
        }
        return SHOWN in moved and len(moved) == 1 and bool(plan.written)

    def back(self) -> None:
        """Come back, and prove that the naive values are the ones recorded."""
        self._act("and back again", "tzmigrate rollback --all")
        done = commands.rollback(
            self._connection,
            everything=True,
            confirm=lambda _: True,
            progress=lambda _: None,
        )
        self._say(f"{len(done.steps)} groups are naive again.")
        self._prove("tzmigrate verify")

    def end(self) -> None:
        """Say where everything is, and how to do this at home."""
        self._console.print(Rule())
        self._say(f"The files are in {escape(str(self._home))}.")
        self._say("On your own database, in your project's directory:")
        for line in (
            "export DATABASE_URL=postgresql://user@host/database",
            "tzmigrate scan",
            "tzmigrate plan --zone 'default=UTC'   # or zones in tzmigrate.toml",
            "tzmigrate apply",
            "tzmigrate verify",
        ):
            self._console.print(f"    {escape(line)}", highlight=False)

    def _prove(self, command: str) -> None:
        self._command(command)
        proof = commands.verify(self._connection)
        self.proved = self.proved and proof.outcome is Outcome.PROVED
        self._say(_summary(proof))

    def _act(self, title: str, command: str) -> None:
        self._console.print()
        self._console.print(Rule(escape(title), align="left"))
        if command:
            self._command(command)

    def _command(self, command: str) -> None:
        self._console.print(f"[bold]$ {escape(command)}[/bold]", highlight=False)

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def _maintain(self, statement: str) -> None:
        url = self._server.url("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextlib.contextmanager
def _inside(directory: Path) -> Iterator[None]:
    with contextlib.chdir(directory):
        yield


def _families(inventory: Inventory) -> Table:
    stored = [c for c in inventory.columns if c.role is Role.STORED]
    table = Table("family", "columns in tables", box=None)
    for family, count in Counter(c.family.value for c in stored).most_common():
        table.add_row(family, str(count))
    return table


def _groups(plan: Plan) -> Table:
    table = Table("strategy", "tables", "columns converted", box=None)
    counts = Counter(g.strategy.value for g in plan.groups)
    for strategy, count in counts.most_common():
        converted = sum(
            len(g.converted) for g in plan.groups if g.strategy.value == strategy
        )
        table.add_row(strategy, str(count), str(converted))
    refused = [c for g in plan.groups for c in g.columns if c.action is Action.REFUSE]
    table.caption = f"{len(refused)} columns are refused, each by name and code"
    return table


def _group(plan: Plan) -> Group:
    schema, relation, _ = SHOWN
    return next(
        g
        for g in plan.groups
        if (g.relations[0].schema, g.relations[0].name) == (schema, relation)
    )


def _summary(proof: Proof) -> str:
    compared = sum(c.rows_compared for c in proof.columns)
    colour = "green" if proof.outcome is Outcome.PROVED else "red"
    return (
        f"[{colour}]{proof.outcome}[/{colour}]: {len(proof.columns)} columns, "
        f"{compared} values compared to the microsecond."
    )
