"""Render a plan's groups as the bodies of Alembic revisions.

A revision outlives the tool that wrote it: plain ``op.execute`` of SQL, which runs
where tzmigrate is not installed and reads well to a DBA.
"""

from dataclasses import dataclass, field
from typing import Literal

from tzmigrate.planning.ddl import qualified, sql_zone
from tzmigrate.planning.model import Group, Strategy
from tzmigrate.revisions import support, wire

SAMPLE_ROWS = 1000
"""How many rows of a table the baseline records."""

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What one revision file says.

    Attributes:
        message: the step's name, which makes the file's name.
        title: the first line of the docstring.
        upgrade, downgrade: statements as Python source, indented by four spaces.
        constants: module-level source that the bodies use.
        metadata: what ``status``, ``verify`` and ``rollback`` read, without running it.
    """

    message: str
    title: str
    upgrade: str
    downgrade: str
    constants: str
    metadata: dict[str, object] = field(default_factory=dict)


def support_body(revision: str) -> Body:
    """Render the revision that installs the ledger and the support.

    Args:
        revision: Alembic's identifier; run again, the revision knows its own work.
    """
    setting = f"set_config('tzmigrate.revision', {wire.literal(revision)}, true)"
    identity = f"SELECT pg_catalog.{setting}"
    return Body(
        message="tz_support",
        title="install the ledger and the support of tzmigrate",
        upgrade="\n".join(
            [_execute(identity), *(_block(s) for s in support.install())]
        ),
        downgrade="\n".join(_block(s) for s in support.uninstall()),
        constants="",
        metadata={"version": 1, "kind": "support", "step": "support"},
    )


def group_body(
    group: Group,
    *,
    revision: str,
    predecessor: str | None,
    database: dict[str, object],
    server_major: int,
    lock_timeout: str,
    policy: dict[str, str],
) -> Body:
    """Render the revision of one relation group.

    Args:
        group: what converts; its step must be set.
        revision: Alembic's identifier, for the ledger.
        predecessor: the step of ours that must be recorded before this one.
        database: identity of the database planned for, for people and ``status``.
        server_major: major version planned on; defaults print alike only there.
        lock_timeout: how long one attempt waits for a lock.
        policy: ``gap``, ``overlap`` and ``proof`` as the revision enforces them.
    """

    def body(direction: Direction) -> str:
        return _group(
            group,
            direction,
            revision=revision,
            predecessor=predecessor if direction == "up" else None,
            server_major=server_major,
            lock_timeout=lock_timeout,
            policy=policy,
        )

    return Body(
        message=group.slug,
        title=f"convert {wire.comment(qualified(group.relations[0]))} to timestamptz",
        upgrade=body("up"),
        downgrade=body("down"),
        constants=f"GUARD = {_triple(support.guard())}\n",
        metadata={
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
        },
    )


def _group(
    group: Group,
    direction: Direction,
    *,
    revision: str,
    predecessor: str | None,
    server_major: int,
    lock_timeout: str,
    policy: dict[str, str],
) -> str:
    if group.step is None:
        message = f"group {group.slug} has no step"
        raise ValueError(message)
    up = direction == "up"
    relation = wire.literal(qualified(group.relations[0]))
    rewrite = group.strategy is Strategy.REWRITE
    lines = [
        "    op.execute(GUARD)",
        _call(
            "begin_step",
            {
                "step": wire.literal(group.slug),
                "direction": wire.literal(direction),
                "revision": wire.literal(revision),
                "after": wire.literal(predecessor) if predecessor else "NULL",
                "zone": wire.literal(group.session_zone),
                "lock_timeout": wire.literal(lock_timeout),
                "gap": wire.literal(policy["gap"]),
                "overlap": wire.literal(policy["overlap"]),
                "proof": wire.literal(policy["proof"]),
                "rewrite": str(rewrite).lower(),
                "server_major": str(server_major),
                "support": str(support.VERSION),
            },
        ),
    ]
    for column in group.converted:
        # on the way down the ledger knows the default as this server printed it
        default = column.default_before if up else None
        lines.append(
            _call(
                "plan_column",
                {
                    "relation": relation,
                    "column_name": wire.literal(column.column),
                    "type_before": wire.literal(
                        column.type_before if up else column.type_after
                    ),
                    "type_after": wire.literal(
                        column.type_after if up else column.type_before
                    ),
                    "zone": wire.literal(sql_zone(column.zone or "UTC")),
                    "default_before": "NULL"
                    if default is None
                    else wire.literal(default),
                },
            )
        )
    lines.append(
        _call(
            "choose_sample",
            {
                "relation": relation,
                "key": wire.array(group.key),
                "rows": str(SAMPLE_ROWS),
            },
        )
    )
    lines.append(_call("take_table", {"relation": relation}))
    ddl = group.step.statement if up else group.step.inverse
    if group.step.stands_for:
        using = wire.comment(group.step.stands_for)
        zone = wire.comment(group.session_zone)
        lines.append(
            f"    # the same as {using}, which would rewrite the table;"
            f" the session's zone is pinned to {zone}"
            if not rewrite
            else f"    # the same as {using}, a third faster;"
            f" the session's zone is pinned to {zone}"
        )
    # run a second time, USING would shift every value (postgres-facts.md 0.5), and
    # SET DEFAULT would overwrite what somebody has set since
    lines.append(_execute(wire.guarded("tzmigrate.must_convert()", ddl)))
    lines.append(_call("prove_step", {"relation": relation}))
    return "\n".join(lines)


def _call(function: str, arguments: dict[str, str]) -> str:
    given = ",\n".join(f"    {name} => {value}" for name, value in arguments.items())
    if len(arguments) == 1:
        return _execute(f"SELECT tzmigrate.{function}({', '.join(arguments.values())})")
    return _execute(f"SELECT tzmigrate.{function}(\n{given})")


def _execute(sql: str) -> str:
    pieces = sql.split("\n")
    if len(pieces) == 1:
        return f"    op.execute({quoted(sql)})"
    lines = [quoted(f"{piece}\n") for piece in pieces[:-1]] + [quoted(pieces[-1])]
    joined = "\n".join(f"        {line}" for line in lines)
    return f"    op.execute(\n{joined}\n    )"


def _block(sql: str) -> str:
    return f"    op.execute({_triple(sql)})"


def _triple(sql: str) -> str:
    if '"""' in sql or "\\" in sql or sql.endswith('"'):
        message = "the support holds text that a triple-quoted string changes"
        raise ValueError(message)
    return f'"""\\\n{sql}\n"""'


def quoted(text: str) -> str:
    r"""Return a Python string literal, in double quotes where that needs no escapes.

    >>> print(quoted("it's\n"))
    "it's\n"
    """
    found = repr(text)
    if found.startswith("'") and '"' not in text:
        return f'"{found[1:-1]}"'
    return found
