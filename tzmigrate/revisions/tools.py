"""Scripts for tools that run plain SQL: Flyway, dbmate, Sqitch.

What is written follows their documentation: Flyway's "Script Configuration" and "Undo
Migrations", dbmate's "Creating Migrations", and Sqitch's sqitch-add and sqitchtutorial.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tzmigrate.revisions import wire
from tzmigrate.revisions.render import Script
from tzmigrate.revisions.scripts import (
    Stored,
    after_head,
    comment,
    head,
    said_in,
    signed,
    split,
    sql_of,
)
from tzmigrate.revisions.styles import (
    PSQL,
    Style,
    forget,
    free,
    in_order,
    in_two,
    lacking,
    lost,
    numbers,
    pair,
    rising,
    still,
    text_of,
)
from tzmigrate.revisions.writing import Prepared


class Flyway(Style):
    """``V3__tz_orders.sql`` and its undo script ``U3__tz_orders.sql``."""

    name = "flyway"

    def prepare(
        self, directory: Path, scripts: Sequence[Script], now: datetime
    ) -> Iterator[Prepared]:
        """Number them as the directory does, from 1 in an empty one."""
        taken = numbers(directory, r"[VUB]([\d._]+?)__.*\.sql")
        for script, number in zip(scripts, rising(taken, now, "0"), strict=False):
            up = directory / f"V{number}__{script.slug}.sql"
            down = directory / f"U{number}__{script.slug}.sql"
            how = (
                "Up:   flyway migrate",
                f"Back: flyway undo, or {PSQL} {down.name}",
            )
            for file in in_two(script, up, down, how):
                yield file
                if b"${" in file.text:
                    # Flyway would put a value there; see "Script Configuration"
                    yield Prepared(
                        revision=script.revision,
                        path=file.path.with_name(f"{file.path.name}.conf"),
                        text=b"placeholderReplacement=false\n",
                    )

    def stored(self, directory: Path) -> Iterator[Stored]:
        """Read pairs of versioned and undo scripts."""
        for path in in_order(directory, r"V(\d+)__\w+\.sql"):
            undo = path.with_name(f"U{path.name.removeprefix('V')}")
            yield from pair(path.name.removesuffix(".sql"), path, undo)

    def history(self, direction: str, ran: Sequence[Stored]) -> tuple[str, ...]:
        """Name what flyway_schema_history does not know."""
        if direction == "up":
            return (lacking("flyway_schema_history", ran, "flyway migrate"),)
        table = "flyway_schema_history"
        return (
            still(table, ran, "'flyway undo' (not in Community)"),
            forget(table, "script", [stored.path.name for stored in ran]),
        )


class Dbmate(Style):
    """``20260102030405_tz_orders.sql``, with both directions in one file."""

    name = "dbmate"

    _UP = "-- migrate:up"
    _DOWN = "-- migrate:down"

    def prepare(
        self, directory: Path, scripts: Sequence[Script], now: datetime
    ) -> Iterator[Prepared]:
        """Number them by time, as dbmate does."""
        taken = numbers(directory, r"(\d+).*\.sql")
        for script, number in zip(scripts, rising(taken, now, ""), strict=False):
            how = ("Up:   dbmate up", "Back: dbmate rollback")
            text = (
                f"{head(script.title, how, signed(script))}\n"
                f"{self._UP}\n\n{sql_of(script.up)}\n"
                f"{self._DOWN}\n\n{sql_of(script.down)}"
            )
            yield Prepared(
                revision=script.revision,
                path=directory / f"{number}_{script.slug}.sql",
                text=text.encode(),
            )

    def stored(self, directory: Path) -> Iterator[Stored]:
        """Read files that have both marks."""
        for path in in_order(directory, r"(\d+)_\w+\.sql"):
            text = text_of(path)
            said = said_in(text)
            up, mark, down = after_head(text).partition(f"\n{self._DOWN}\n")
            _, begun, up = up.partition(f"\n{self._UP}\n")
            if said is None:
                continue
            if not (mark and begun):
                raise lost(path, f"its lines {self._UP} and {self._DOWN}")
            yield Stored(
                name=path.stem,
                files=(path,),
                said=(said,),
                up=split(up),
                down=split(down),
            )

    def history(self, direction: str, ran: Sequence[Stored]) -> tuple[str, ...]:
        """Name what schema_migrations does not know."""
        if direction == "up":
            return (lacking("schema_migrations", ran, "dbmate up"),)
        table, versions = "schema_migrations", [s.name.partition("_")[0] for s in ran]
        return (
            still(table, ran, "'dbmate rollback', once for each of them,"),
            forget(table, "version", versions),
        )


class Sqitch(Style):
    """``deploy/``, ``revert/`` and ``verify/``, in the order of ``sqitch.plan``."""

    name = "sqitch"

    def prepare(
        self, directory: Path, scripts: Sequence[Script], now: datetime
    ) -> Iterator[Prepared]:
        """Add changes at the end of the plan, each requiring the one before."""
        plan = directory / "sqitch.plan"
        text = text_of(plan) if plan.exists() else _new_plan(directory)
        if not text.endswith("\n"):
            text += "\n"
        names = set(_changes(text))
        planner = re.findall(r"Z (\S[^#\n]*? <[^<>\n]+>)", text)
        requires = ""
        for number, script in enumerate(scripts):
            name = free(script.slug, names)
            names.add(name)
            stamp = (now + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
            who = planner[-1] if planner else "tzmigrate <tzmigrate@localhost>"
            note = wire.comment(script.title)
            text += f"{name} {requires}{stamp} {who} # {note}\n"
            requires = f"[{name}] "
            yield from self._change(directory, name, script)
        yield Prepared(
            revision="", path=plan, text=text.encode(), replaces=plan.exists()
        )

    def _change(self, directory: Path, name: str, script: Script) -> Iterator[Prepared]:
        up, down, check = (
            directory / folder / f"{name}.sql"
            for folder in ("deploy", "revert", "verify")
        )
        how = (f"Up:   sqitch deploy --to {name}", f"Back: sqitch revert --to {name}^")
        yield from in_two(script, up, down, how, around=("BEGIN;\n\n", "\nCOMMIT;\n"))
        title = comment([f"{script.title}: is it done?"])
        text = f"{title}\nBEGIN;\n\n{_check(script)}\nROLLBACK;\n"
        yield Prepared(revision=script.revision, path=check, text=text.encode())

    def stored(self, directory: Path) -> Iterator[Stored]:
        """Read the changes of the plan that are ours."""
        plan = directory / "sqitch.plan"
        for name in _changes(text_of(plan)) if plan.exists() else ():
            up = directory / "deploy" / f"{name}.sql"
            if up.is_file():
                down = directory / "revert" / f"{name}.sql"
                yield from pair(name, up, down, wrapped=True)

    def history(self, direction: str, ran: Sequence[Stored]) -> tuple[str, ...]:
        """Name what Sqitch's registry does not know."""
        if direction == "up":
            return (lacking("Sqitch's registry", ran, "sqitch deploy"),)
        back = f"'sqitch revert --to {ran[0].name}^'"
        return (still("Sqitch's registry", ran, back),)


def _new_plan(directory: Path) -> str:
    project = re.sub(r"\W+", "_", directory.absolute().name).strip("_") or "tzmigrate"
    return f"%syntax-version=1.0.0\n%project={project}\n\n"


def _changes(plan: str) -> Iterator[str]:
    """Yield the changes of a plan; pragmas, tags, comments and reverts are none."""
    for line in plan.splitlines():
        if found := re.match(r"\+?\s*([^\s%@#+-]\S*) ", line.strip()):
            yield found[1]


def _check(script: Script) -> str:
    """Return what raises an error unless the ledger has a script as done."""
    if script.facts["kind"] == "support":
        return "SELECT 1 / count(*) FROM tzmigrate.support;\n"
    step = wire.literal(str(script.facts.get("inverts") or script.facts["step"]))
    direction = "down" if "inverts" in script.facts else "up"
    return (
        "SELECT 1 / count(*)\n"  # noqa: S608 - quoted, and written to a file
        "FROM (SELECT DISTINCT ON (s.step) s.direction FROM tzmigrate.step AS s\n"
        f"      WHERE s.step = {step} AND s.done_at IS NOT NULL\n"
        "      ORDER BY s.step, s.id DESC) AS last\n"
        f"WHERE last.direction = '{direction}';\n"
    )
