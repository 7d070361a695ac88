"""Render a plan's groups as scripts: the statements of each step, up and down.

A script outlives the tool that wrote it: plain SQL, which runs where tzmigrate is not
installed and reads well to a DBA. What file holds it is for others to say: an Alembic
revision (``operations``), or one of the styles of plain SQL (``styles``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tzmigrate.planning.ddl import (
    drop_default,
    qualified,
    run_as_owner,
    set_default,
    sql_zone,
)
from tzmigrate.planning.model import (
    DependentKind,
    Group,
    OwnDefault,
    Parking,
    PlannedColumn,
    PlannedDependent,
    RelationName,
    Step,
    Strategy,
    Table,
    Way,
)
from tzmigrate.planning.unqualified import unqualified_group
from tzmigrate.postgres.quoting import readable_identifier
from tzmigrate.revisions import support, wire

SAMPLE_ROWS = 1000
"""How many rows of a table the baseline records."""

_NAMED = 3
"""How many tables a title names."""

_FILLED = frozenset((DependentKind.CONSTRAINT, DependentKind.INDEX))

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a script, with what the comment above it says."""

    sql: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a revision enforces: ``gap``, ``overlap`` and ``proof`` of ``[policy]``."""

    gap: str = "refuse"
    overlap: str = "refuse"
    proof: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One planned step, whatever file will hold it.

    Attributes:
        revision: the identifier, for the ledger.
        slug: the step's name, which makes the file's name.
        title: what it does, in one line.
        up, down: what runs, in one transaction each.
        facts: what ``status``, ``verify`` and ``rollback`` read, without running it.
        depends_on: revisions of other branches that must run before.
    """

    revision: str
    slug: str
    title: str
    up: tuple[Statement, ...]
    down: tuple[Statement, ...]
    facts: Mapping[str, object]
    depends_on: tuple[str, ...] = ()


def support_script(revision: str) -> Script:
    """Render the script that installs the ledger and the support.

    Args:
        revision: the identifier; run again, the script knows its own work.
    """
    setting = f"set_config('tzmigrate.revision', {wire.literal(revision)}, true)"
    identity = f"SELECT pg_catalog.{setting}"
    return Script(
        revision=revision,
        slug="tz_support",
        title="install the ledger and the support of tzmigrate",
        up=tuple(Statement(sql) for sql in (identity, *support.install())),
        down=tuple(Statement(sql) for sql in support.uninstall()),
        facts={"version": 1, "kind": "support", "step": "support"},
    )


def group_script(
    group: Group,
    *,
    revision: str,
    predecessor: str | None,
    database: dict[str, object],
    server_major: int,
    lock_timeout: str,
    policy: Policy,
    schema: str | None = None,
) -> Script:
    """Render the script of one relation group.

    Args:
        group: what converts.
        revision: the identifier, for the ledger.
        predecessor: the step of ours that must be recorded before this one.
        database: identity of the database planned for, for people and ``status``.
        server_major: major version planned on; definitions print alike only there.
        lock_timeout: how long one attempt waits for a lock.
        policy: what the script enforces.
        schema: the one that all names leave out, so that the revision serves every
            schema like it; ``None``: names have their schema.
    """

    def body(direction: Direction) -> tuple[Statement, ...]:
        statements = group_statements(
            group,
            direction,
            revision=revision,
            predecessor=predecessor if direction == "up" else None,
            server_major=server_major,
            lock_timeout=lock_timeout,
            policy=policy,
            schema=schema,
        )
        return (Statement(support.guard()), *statements)

    return Script(
        revision=revision,
        slug=group.slug,
        title=f"convert {_names(group, schema)} to timestamptz",
        up=body("up"),
        down=body("down"),
        facts={
            "version": 1,
            "kind": "group",
            "step": group.slug,
            "predecessor": predecessor,
            "database": database,
            "strategy": group.strategy.value,
            "session_zone": group.session_zone,
            "relations": [[r.schema, r.name] for r in group.relations],
            "columns": [
                [c.schema, c.relation, c.column, c.type_before, c.type_after, c.zone]
                for c in group.converted
            ],
            **({} if schema is None else {"unqualified": schema}),
        },
    )


def group_statements(
    group: Group,
    direction: Direction,
    *,
    revision: str,
    predecessor: str | None,
    server_major: int,
    lock_timeout: str,
    policy: Policy,
    schema: str | None = None,
) -> tuple[Statement, ...]:
    """Return what a group's script runs after its guard, in one direction.

    The arguments are those of ``group_script``.
    """
    up = direction == "up"
    if schema is not None:
        group = unqualified_group(group, schema)
    found = [
        _call(
            "begin_step",
            {
                "step": wire.literal(group.slug),
                "direction": wire.literal(direction),
                "revision": wire.literal(revision),
                "after": wire.literal(predecessor) if predecessor else "NULL",
                "zone": wire.literal(group.session_zone),
                "lock_timeout": wire.literal(lock_timeout),
                "gap": wire.literal(policy.gap),
                "overlap": wire.literal(policy.overlap),
                "server_major": str(server_major),
                "support": str(support.VERSION),
                **({} if schema is None else {"unqualified": "true"}),
            },
        )
    ]
    found += [_plan_column(c, up=up) for c in group.converted]
    found += [_plan_default(d, up=up) for d in group.own_defaults]
    found += [_plan_dependent(d, up=up) for d in group.dependents]
    for table in group.tables:
        strategy = table.strategy if up else table.strategy_back or table.strategy
        rewrite = strategy is Strategy.REWRITE
        whole = policy.proof == "full" or (policy.proof == "auto" and rewrite)
        found.append(
            _call(
                "choose_sample",
                {
                    "relation": wire.literal(qualified(table.relation)),
                    "key": wire.array(table.key),
                    "rows": str(SAMPLE_ROWS),
                    "proof": wire.literal("full" if whole else "sample"),
                    "rewrite": str(rewrite).lower(),
                },
            )
        )
    found.append(_call("take_step", {}))
    inner = _while_parked(group)
    outer = [d for d in group.dependents if d not in inner]
    found += [_if_taken(d, sql) for d in outer for sql in d.take]
    found += _converted(group, inner, up=up)
    for dependent in group.dependents:
        found += [_if_taken(dependent, sql) for sql in dependent.discard]
    for dependent in reversed(outer):
        found += _made(dependent, up=up)
    for dependent in reversed(group.dependents):
        if dependent.kind is DependentKind.MATERIALIZED_VIEW:
            found.append(
                _call("refresh", {"relation": wire.literal(dependent.relation)})
            )
    found.append(_call("prove_step", {}))
    return tuple(found)


def _converted(
    group: Group, inner: Sequence[PlannedDependent], *, up: bool
) -> Iterator[Statement]:
    """Yield what changes the tables, once what leans on them is out of the way."""
    for own in group.own_defaults:
        if (own.before if up else own.after) is not None:
            yield _if_there(own, drop_default(own))
    yield from (_parked(p, p.away, group) for p in group.parked)
    yield from (_if_taken(d, sql) for d in inner for sql in d.take)
    for dependent in reversed(group.dependents):
        new = dependent.prepare if up else dependent.unprepare
        yield from (_if_taken(dependent, sql) for sql in new)
    steps: list[tuple[Step, Strategy, Table | None]] = [
        (t.step, t.strategy, t) for t in group.tables if t.step is not None
    ]
    steps += [(step, group.strategy, None) for step in group.shared]
    # the way back meets the tables in the reverse order
    for step, strategy, table in steps if up else reversed(steps):
        yield from _alter(group, step, strategy, table, up=up)
    for dependent in reversed(inner):
        yield from _made(dependent, up=up)
    yield from (_parked(p, p.back, group) for p in reversed(group.parked))
    for own in group.own_defaults:
        yield _if_there(own, set_default(own, back=not up))


def _names(group: Group, schema: str | None) -> str:
    """Return the tables that a group converts, for a title of one line."""
    names = [
        wire.comment(
            qualified(t.relation)
            if schema is None
            else readable_identifier(t.relation.name)
        )
        for t in group.tables
    ]
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _plan_column(column: PlannedColumn, *, up: bool) -> Statement:
    # on the way down the ledger knows the default as this server printed it
    default = column.default_before if up else None
    before, after = column.type_before, column.type_after
    return _call(
        "plan_column",
        {
            "relation": wire.literal(
                qualified(RelationName(schema=column.schema, name=column.relation))
            ),
            "column_name": wire.literal(column.column),
            "type_before": wire.literal(before if up else after),
            "type_after": wire.literal(after if up else before),
            "zone": wire.literal(sql_zone(column.zone or "UTC")),
            "default_before": "NULL" if default is None else wire.literal(default),
        },
    )


def _plan_default(own: OwnDefault, *, up: bool) -> Statement:
    # as for a column, the way down knows the default from the ledger
    default = own.before if up else None
    return _call(
        "plan_default",
        {
            "relation": wire.literal(qualified(own.relation)),
            "column_name": wire.literal(own.column),
            "default_before": "NULL" if default is None else wire.literal(default),
        },
    )


def _plan_dependent(dependent: PlannedDependent, *, up: bool) -> Statement:
    before, after = dependent.before, dependent.after
    return _call(
        "plan_dependent",
        {
            **_identity(dependent),
            "way": wire.literal(dependent.way.value),
            "before": wire.array(before if up else after),
            "after": wire.array(after if up else before),
            "zoned": wire.array(dependent.zoned),
        },
    )


def _identity(dependent: PlannedDependent) -> dict[str, str]:
    return {
        "kind": wire.literal(dependent.kind.value),
        "relation": wire.literal(dependent.relation),
        "name": "NULL" if dependent.name is None else wire.literal(dependent.name),
    }


def named(dependent: PlannedDependent) -> str:
    """Return the arguments by which the support knows a dependent."""
    names = [dependent.kind.value, dependent.relation]
    if dependent.name is not None:
        names.append(dependent.name)
    return ", ".join([wire.literal(name) for name in names])


def _if_taken(
    dependent: PlannedDependent, sql: str, *, asked: str = "took"
) -> Statement:
    """Return a statement that runs only where the database has the dependent."""
    # what is filled from rows may compute with the zone in which they were written
    found = asked == "makes" and dependent.kind in _FILLED
    whole = dependent.kind in {DependentKind.RULE, DependentKind.FUNCTION}
    return Statement(
        wire.guarded(
            f"tzmigrate.{asked}({named(dependent)})",
            sql,
            whole=whole and not sql.startswith("PERFORM "),
            before="PERFORM tzmigrate.as_found(false)" if found else "",
            after="PERFORM tzmigrate.as_pinned()" if found else "",
        )
    )


def _if_there(own: OwnDefault, sql: str) -> Statement:
    """Return a statement that runs only where the database has the child."""
    relation = wire.literal(qualified(own.relation))
    return Statement(wire.guarded(f"tzmigrate.took_default({relation})", sql))


def _made(dependent: PlannedDependent, *, up: bool) -> Iterator[Statement]:
    for sql in dependent.make if up else dependent.remake:
        yield _if_taken(dependent, sql, asked="makes")
    # CREATE OR REPLACE FUNCTION forgets something, too
    if dependent.way is not Way.ALTER or dependent.kind is DependentKind.FUNCTION:
        yield Statement(f"SELECT tzmigrate.give_back({named(dependent)})")


def _while_parked(group: Group) -> tuple[PlannedDependent, ...]:
    """Return what rewrites a table whose rows may be stored: only while these are text.

    Where columns of the same table are text it must be gone before they are.
    """
    tables = {qualified(p.relation) for p in group.parked}
    if not tables:
        return ()
    return tuple(
        d
        for d in group.dependents
        if d.kind is DependentKind.GENERATED_COLUMN and d.relation not in tables
    )


def _parked(parking: Parking, sql: str, group: Group) -> Statement:
    # what a row is made of may be held to functions of the users
    sql = run_as_owner(qualified(parking.relation), sql, found="none")
    zone = wire.comment(group.session_zone)
    note = f"text is read in the session's zone, which is pinned to {zone}"
    return Statement(wire.guarded("tzmigrate.must_convert()", sql), note)


def _alter(
    group: Group, step: Step, strategy: Strategy, table: Table | None, *, up: bool
) -> Iterator[Statement]:
    ddl = step.statement if up else step.inverse
    if table is not None and table.calls:
        found: Literal["zone", "none"] = "none" if table.bound else "zone"
        ddl = run_as_owner(qualified(table.relation), ddl, found=found)
    note = ""
    if step.stands_for:
        using = wire.comment(step.stands_for)
        zone = wire.comment(group.session_zone)
        why = step.why or (
            "a third faster"
            if strategy is Strategy.REWRITE
            else "which would rewrite the table"
        )
        note = f"the same as {using}, {why}; the session's zone is pinned to {zone}"
    # run a second time, USING would shift every value (postgres-facts.md 0.5), and
    # SET DEFAULT would overwrite what somebody has set since
    guard = "tzmigrate.must_convert()"
    for sql in step.before if up else step.before_back:
        yield Statement(wire.guarded(guard, sql))
    yield Statement(wire.guarded(guard, ddl), note)
    for sql in step.after:
        yield Statement(wire.guarded(guard, sql))


def _call(function: str, arguments: dict[str, str]) -> Statement:
    if len(arguments) <= 1:
        return Statement(
            f"SELECT tzmigrate.{function}({', '.join(arguments.values())})"
        )
    given = ",\n".join([f"    {name} => {value}" for name, value in arguments.items()])
    return Statement(f"SELECT tzmigrate.{function}(\n{given})")
