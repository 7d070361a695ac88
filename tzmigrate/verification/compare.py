"""Compare recorded rows with what stands there now, in SQL, to the microsecond.

Python sees counts and offsets only: it cannot hold ``infinity`` or the year 0001.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.verification.ledger import LedgerStep

_SMALL = 64 * 1024 * 1024
"""Bytes up to which rows are counted; above, the planner's estimate serves."""

_STAYED = sql.SQL(
    "(SELECT concat(t.tableoid::bigint, '=', pg_relation_filenode(t.tableoid))"
    " = ANY (string_to_array(s.file_nodes_after, ','))"
    " FROM tzmigrate.step AS s WHERE s.id = {id})"
)
"""The row's file is the one that the step left; VACUUM FULL gives rows new places."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one column's recorded rows came to.

    Attributes:
        blank: rows among the same that hold NULL or infinity, which no shift moves.
        drawn: rows among the same that were drawn by chance, so that they tell of the
            share of all rows; those at an edge do not.
        filled: rows that somebody wrote since, and that held NULL or infinity before.
        offsets: microseconds moved (``None``: not a number) → rows, for rows that
            nobody wrote since, and for rows that somebody did.
        period: the first and the last wall clock, as it was before the conversion, of
            the rows that moved though nobody wrote them; ISO 8601.
    """

    compared: int = 0
    same: int = 0
    blank: int = 0
    drawn: int = 0
    filled: int = 0
    missing: int = 0
    still: dict[int | None, int] = field(default_factory=lambda: defaultdict(int))
    written: dict[int | None, int] = field(default_factory=lambda: defaultdict(int))
    period: tuple[str, str] | None = None


def sample_statement(
    connection: psycopg.Connection[Any], step: LedgerStep
) -> sql.Composed:
    """Write the statement that compares every recorded row of a step.

    It gives what :func:`_tallied` reads.
    """
    by_place = step.by_place
    texts = _texts(connection, step)
    recorded = sql.SQL(
        "SELECT t.tableoid IS NOT NULL AND {stayed} AS found,"
        " t.tableoid IS NOT NULL AND {written} AS written,"
        " {expected} AS was, ARRAY[{now}] AS now, ARRAY[{finite}] AS finite,"
        " p.wall, p.edge"
        " FROM tzmigrate.sample AS p LEFT JOIN {relation} AS t ON {match}"
        " WHERE p.step_id = {id}"
    ).format(
        stayed=_STAYED.format(id=sql.Literal(step.id)) if by_place else sql.SQL("true"),
        written=_written(step),
        expected=sql.SQL("p.instant" if step.zoned else "p.wall"),
        now=sql.SQL(", ").join(text.number for text in texts),
        finite=sql.SQL(", ").join(text.finite for text in texts),
        relation=_relation(step),
        match=_match(connection, step),
        id=sql.Literal(step.id),
    )
    return _grouped(recorded, [text.one_moment and not step.masked for text in texts])


def beside_statement(
    connection: psycopg.Connection[Any], step: LedgerStep, position: int, old: str
) -> sql.Composed:
    """Write the statement that compares every row of a column with another column.

    It gives what :func:`_tallied` reads, for position 1.

    Args:
        connection: a session of ours, in a transaction.
        step: that converted the column.
        position: of the column in its step.
        old: a column of the same table that holds what the other one held before.
    """
    rows = connection.execute(
        "SELECT tzmigrate.number(o, false, %(wanted)s),"
        " tzmigrate.number(o, false, 'wall'),"
        " tzmigrate.number(c, %(zoned)s, %(wanted)s),"
        " tzmigrate.is_finite(c, %(zoned)s), tzmigrate.one_moment(c)"
        " FROM tzmigrate.step_column AS c, LATERAL jsonb_populate_record("
        "  c, jsonb_build_object('column_name', %(old)s::text)) AS o"
        " WHERE c.step_id = %(id)s AND c.position = %(position)s",
        {
            "id": step.id,
            "position": position,
            "old": old,
            "zoned": step.zoned,
            "wanted": _wanted(step),
        },
    ).fetchall()
    *texts, one_moment = rows[0]
    # written by the support from quoted names; nothing of it comes from outside
    was, wall, now, finite = map(sql.SQL, texts)
    both = sql.SQL(
        "SELECT true AS found, {written} AS written, ARRAY[{was}] AS was,"
        " ARRAY[{now}] AS now, ARRAY[{finite}] AS finite, ARRAY[{wall}] AS wall,"
        " false AS edge FROM {relation} AS t"
    ).format(
        written=_written(step),
        was=was,
        now=now,
        finite=finite,
        wall=wall,
        relation=_relation(step),
    )
    return _grouped(both, [one_moment])


def _grouped(rows: sql.Composable, one_moment: Sequence[bool]) -> sql.Composed:
    """Count rows of the same fate; of others than one moment no offset is told."""
    return sql.SQL(
        "SELECT u.position, f.found, f.written,"
        " CASE WHEN (ARRAY[{moments}])[u.position] THEN u.now::numeric - u.was END,"
        " u.now IS NOT DISTINCT FROM u.was, u.finite IS NOT TRUE, f.edge,"
        " u.was IS NULL OR (ARRAY[{moments}])[u.position]"
        "  AND abs(u.was::numeric) >= 9223372036854775807, count(*),"
        " min(u.wall) FILTER (WHERE {plain}), max(u.wall) FILTER (WHERE {plain})"
        " FROM ({rows}) AS f,"
        " LATERAL unnest(f.was, f.now, f.finite, f.wall) WITH ORDINALITY"
        "   AS u (was, now, finite, wall, position)"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"
    ).format(
        rows=rows,
        moments=sql.SQL(", ").join(map(sql.Literal, one_moment)),
        plain=sql.SQL("abs(u.wall::numeric) < 9223372036854775807"),
    )


def compare_sample(
    connection: psycopg.Connection[Any], step: LedgerStep, statement: sql.Composed
) -> dict[int, Tally]:
    """Compare every recorded row of a step; one tally for each column's position.

    Args:
        connection: a session of ours, in a transaction.
        step: whose rows.
        statement: of :func:`sample_statement`.
    """
    with connection.transaction():
        connection.execute("SET LOCAL enable_hashjoin = off")
        connection.execute("SET LOCAL enable_mergejoin = off")
        rows = connection.execute(statement).fetchall()
    tallies = _tallied(connection, rows, by_place=step.by_place)
    return {c.position: tallies[c.position] for c in step.columns}


def compare_beside(
    connection: psycopg.Connection[Any], statement: sql.Composed
) -> Tally:
    """Compare every row of a column with the one that stands beside it.

    Args:
        connection: a session of ours, in a transaction.
        statement: of :func:`beside_statement`.
    """
    rows = connection.execute(statement).fetchall()
    return _tallied(connection, rows, by_place=False)[1]


def _tallied(
    connection: psycopg.Connection[Any],
    rows: Iterable[Sequence[Any]],
    *,
    by_place: bool,
) -> dict[int, Tally]:
    """Sum up by position.

    Args:
        connection: to spell moments.
        rows: for each position of a column: whether the row was found and written
            since, by how many microseconds it moved, whether it is the same, whether
            there is nothing in it to move, whether it stands at an edge, whether there
            was nothing in it to move before, how many rows, and their first and last
            wall clock.
        by_place: a row that was written since may be another one.
    """
    tallies: dict[int, Tally] = defaultdict(Tally)
    ends: dict[int, list[int]] = defaultdict(list)
    for (
        position,
        found,
        written,
        offset,
        same,
        blank,
        edge,
        bare,
        count,
        *walls,
    ) in rows:
        tally = tallies[position]
        # a place may hold another row by now; a key may not
        if not found or (by_place and written):
            tally.missing += count
            continue
        tally.compared += count
        if same:
            tally.same += count
            tally.blank += count if blank else 0
            tally.drawn += 0 if edge else count
        else:
            moved = None if offset is None else int(offset)
            (tally.written if written else tally.still)[moved] += count
            tally.filled += count if written and bare else 0
            if moved is not None and not written:
                ends[position] += [wall for wall in walls if wall is not None]
    for position, found_ends in ends.items():
        if found_ends:
            first, last = min(found_ends), max(found_ends)
            tallies[position].period = _spelled(connection, first, last)
    return tallies


def _spelled(
    connection: psycopg.Connection[Any], first: int, last: int
) -> tuple[str, str]:
    """Write wall clocks, in microseconds since 2000-01-01, as ISO 8601 does."""
    # days and the rest of a day are exact, which seconds as double precision are not
    rows = connection.execute(
        "SELECT to_char(t, 'YYYY-MM-DD HH24:MI:SS')"
        " || CASE WHEN t < '0001-01-01' THEN ' BC' ELSE '' END"
        " FROM unnest(%s::bigint[]) WITH ORDINALITY AS u (wall, place),"
        " LATERAL (SELECT timestamp '2000-01-01'"
        "   + u.wall / 86400000000 * interval '1 day'"
        "   + u.wall %% 86400000000 * interval '1 microsecond') AS m (t)"
        " ORDER BY u.place",
        ([first, last],),
    ).fetchall()
    return str(rows[0][0]), str(rows[1][0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What a whole column holds, beside the fingerprint that was recorded of it.

    Attributes:
        difference: in words; ``None`` where it holds the same.
        fingerprint: of now, as text of a numeric; ``None`` of no value at all.
        rows: in the table now.
        written: rows of them that somebody wrote since, counted where there is a
            difference.
    """

    difference: str | None
    fingerprint: str | None
    rows: int
    written: int = 0


def whole_statements(
    connection: psycopg.Connection[Any], step: LedgerStep
) -> tuple[str, ...]:
    """Write the statements that read whole columns, as psql runs them."""
    row = connection.execute(
        "SELECT format('SET TimeZone = %%L', s.session_zone),"
        " tzmigrate.fingerprint_query(s.id, %s::text::regclass, %s)"
        " FROM tzmigrate.step AS s WHERE s.id = %s",
        (_regclass(connection, step), step.zoned, step.id),
    ).fetchone()
    return tuple(map(str, row)) if row else ()


def compare_whole(
    connection: psycopg.Connection[Any], step: LedgerStep
) -> dict[int, Whole]:
    """Read whole columns and compare them with what was recorded of them.

    Where only recorded rows stand in the ledger there is nothing to differ from.

    Returns:
        What came out, by the columns' positions.
    """
    with connection.transaction():
        connection.execute(
            "SELECT set_config('TimeZone', %s, true)", (step.session_zone,)
        )
        rows = connection.execute(
            "SELECT c.position,"
            " CASE s.proof WHEN 'full' THEN tzmigrate.difference(s.rows_total, c, f)"
            " END, f.sums[c.position]::text, f.rows"
            " FROM tzmigrate.step AS s"
            " JOIN tzmigrate.step_column AS c ON c.step_id = s.id,"
            " tzmigrate.fingerprint(s.id, %s::text::regclass, %s) AS f"
            " WHERE s.id = %s ORDER BY c.position",
            (_regclass(connection, step), step.zoned, step.id),
        ).fetchall()
        written = 0
        if any(difference is not None for _, difference, *_ in rows):
            found = connection.execute(
                sql.SQL("SELECT count(*) FROM {} AS t WHERE {}").format(
                    _relation(step), _written(step)
                )
            ).fetchone()
            written = found[0] if found else 0
    return {
        position: Whole(
            difference=difference,
            fingerprint=fingerprint,
            rows=count,
            written=written if difference is not None else 0,
        )
        for position, difference, fingerprint, count in rows
    }


def count_rows(
    connection: psycopg.Connection[Any], step: LedgerStep
) -> tuple[int, bool]:
    """Return the rows of a step's table, and whether they were counted.

    Large tables are estimated; what was never analysed by its size.
    """
    size = connection.execute(
        "SELECT coalesce(sum(pg_relation_size(l)), 0)::bigint,"
        " coalesce(sum(CASE WHEN c.reltuples > 0 THEN c.reltuples"
        "  ELSE pg_relation_size(l) / 100 END), 0)::bigint"
        " FROM tzmigrate.leaves(%s::text::regclass) AS l"
        " JOIN pg_catalog.pg_class AS c ON c.oid = l",
        (_regclass(connection, step),),
    ).fetchone()
    if size is not None and size[0] > _SMALL and size[1] > 0:
        return int(size[1]), False
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM {}").format(_relation(step))
    ).fetchone()
    return (int(row[0]) if row else 0), True


def _written(step: LedgerStep) -> sql.Composable:
    """Return the condition that somebody wrote a row ``t`` since the step."""
    # where the rows were left alone, one that bears the step's transaction id was
    # written beside it, by another revision in the same transaction
    own = list(step.transaction_ids) if step.rewrite or step.by_place else []
    return sql.SQL(
        "({elsewhere} OR {came} OR coalesce("
        "NOT (tzmigrate.full_xid(t.xmin) = ANY ({own}::bigint[]))"
        " AND tzmigrate.full_xid(t.xmin) >= {horizon}, false))"
    ).format(
        # restored elsewhere every row was written again: who wrote what is not known
        elsewhere=sql.Literal(step.elsewhere),
        # and what came with a partition was not there at the conversion
        came=sql.SQL("NOT t.tableoid::bigint = ANY ({})").format(
            sql.Literal(list(step.leaves))
        )
        if step.leaves and not step.doubt
        else sql.SQL("false"),
        own=sql.Literal(own),
        horizon=sql.Literal(step.horizon),
    )


def _wanted(step: LedgerStep) -> str:
    """What must be the same before and after the step: instants up, clocks down."""
    return "instant" if step.zoned else "wall"


def _relation(step: LedgerStep) -> sql.Identifier:
    return sql.Identifier(step.columns[0].schema, step.columns[0].relation)


def _regclass(connection: psycopg.Connection[Any], step: LedgerStep) -> str:
    return _relation(step).as_string(connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """How one column is read.

    Attributes:
        number: what was recorded of a value: microseconds, or else a digest.
        finite: whether there is a moment in a value that a shift would move.
        one_moment: the difference of two numbers is an offset.
    """

    number: sql.Composable
    finite: sql.Composable
    one_moment: bool


def _texts(connection: psycopg.Connection[Any], step: LedgerStep) -> list[_Text]:
    """Return the support's own SQL for each column, as its type is today."""
    rows = connection.execute(
        "SELECT tzmigrate.number(c, %(zoned)s, %(wanted)s),"
        " tzmigrate.is_finite(c, %(zoned)s), tzmigrate.one_moment(c)"
        " FROM tzmigrate.step_column AS c WHERE c.step_id = %(id)s ORDER BY c.position",
        {
            "id": step.id,
            "zoned": step.zoned,
            "wanted": _wanted(step),
        },
    ).fetchall()
    found = []
    for number, finite, one_moment in rows:
        # written by the support from quoted names; nothing of it comes from outside
        text: sql.Composable = sql.SQL(number)
        if step.masked:
            # the ledger of a table with row security holds digests (see prove_part)
            text = sql.SQL("hashint8extended({}, {})").format(
                text, sql.Literal(step.id)
            )
        found.append(_Text(number=text, finite=sql.SQL(finite), one_moment=one_moment))
    return found


def _match(connection: psycopg.Connection[Any], step: LedgerStep) -> sql.Composable:
    text = connection.execute(
        "SELECT tzmigrate.key_match(%s, %s::text::regclass, %s)",
        (step.id, _regclass(connection, step), step.zoned),
    ).fetchone()
    # written by the support from quoted names; nothing of it comes from outside
    return sql.SQL(text[0]) if text and text[0] else sql.SQL("false")
