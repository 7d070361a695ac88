"""What a comparison shows: counts in, verdict of the proof out. No server here."""

from collections.abc import Mapping
from dataclasses import replace

from tzmigrate.verification.compare import Tally, Whole
from tzmigrate.verification.ledger import LedgerColumn, LedgerStep
from tzmigrate.verification.model import ColumnProof, OffsetCount, Outcome

_COMMON = 3
"""So many rows written later must share an offset before it is called suspect …"""
_SHARE = 0.1
"""… and so large a part of all compared rows."""
_DAY = 24 * 3_600_000_000
_FURTHEST = 26 * 3_600_000_000
"""No zone is further from another than 26 hours (Pacific/Kiritimati, Etc/GMT+12)."""
_QUARTER = 900_000_000
"""Zones of today differ by quarters of an hour."""
_BY_HASH = (
    "every row was compared by its hash: of one changed row nothing is seen once in"
    " four billion times, of more than one still less often"
)
"""The server's hash folds eight bytes to four (postgres-facts.md section 13)."""


def judge(
    step: LedgerStep,
    column: LedgerColumn,
    tally: Tally,
    rows_total: int,
    *,
    counted: bool = True,
) -> ColumnProof:
    """Name what one column's recorded rows show.

    A row that nobody wrote since the conversion and that holds another instant was
    *shifted* by it. Rows written later are *changed*; many of them moved by one
    offset that a zone could explain are *suspect*.
    """
    shifted = sum(tally.still.values())
    changed = sum(tally.written.values())
    suspects: dict[int | None, int] = {
        offset: count
        for offset, count in tally.written.items()
        if offset
        and abs(offset) <= _FURTHEST
        and offset % _QUARTER == 0
        # what is put off by a day is not read in another zone
        and abs(offset) != _DAY
        and count >= max(_COMMON, _SHARE * tally.compared)
    }
    # NULL and infinity stay where they are under any shift: they say nothing where
    # values that a shift would move were written
    carried = tally.compared - changed - (tally.blank if changed > tally.filled else 0)
    doubt = step.doubt or ("another column has its name now" if column.other else "")
    if doubt and (shifted or (changed and step.outlived)):
        outcome = Outcome.UNPROVED
        note = f"{shifted + changed} of the rows compared differ, but {doubt}"
    elif tally.compared == 0 and step.rows_total == 0 < rows_total:
        outcome, note = Outcome.PROVED, ""
    elif shifted:
        outcome, note = Outcome.SHIFTED, _extent(tally, shifted, rows_total)
    elif suspects:
        outcome = Outcome.SUSPECT
        common = "one common offset" if len(suspects) == 1 else "common offsets"
        note = f"rows written after the conversion moved by {common}"
    elif carried == 0 and rows_total > 0:
        outcome = Outcome.UNPROVED
        note = "no recorded value is left as it was at the conversion"
        if step.by_place and not step.file_same:
            note = (
                "the table was rewritten since (VACUUM FULL, CLUSTER), so its rows,"
                " which have no key, have other places and are not found again"
            )
    elif not (counted and carried >= rows_total) and tally.drawn == 0 < rows_total:
        outcome = Outcome.UNPROVED
        note = "none of the rows drawn by chance is left as it was at the conversion"
    else:
        outcome, note = Outcome.PROVED, ""
    moved = tally.still if shifted else suspects or tally.written
    return ColumnProof(
        schema=column.schema,
        relation=column.relation,
        column=column.column,
        step=step.step,
        revision=step.revision,
        state="zoned" if step.zoned else "naive",
        level="sample",
        rows_compared=tally.compared,
        rows_total=rows_total,
        shifted=shifted,
        changed=changed,
        missing=tally.missing,
        offsets=_offsets(moved),
        period=tally.period if shifted else None,
        outcome=outcome,
        confidence="the table was empty when it was converted"
        if outcome is Outcome.PROVED and step.rows_total == 0 < rows_total
        else _confidence(carried if counted else 0, tally.drawn, rows_total, outcome),
        note=note,
        fingerprint_before=column.fingerprint,
    )


def compared_whole(step: LedgerStep, proof: ColumnProof, whole: Whole) -> ColumnProof:
    """Add to what the recorded rows show what the fingerprint of all of them shows.

    It stood for the whole column when the conversion was committed. Rows written or
    removed since change it; then it says nothing, and the recorded rows are left.
    """
    proof = replace(proof, fingerprint=whole.fingerprint)
    if step.proof != "full" or proof.outcome in {Outcome.SHIFTED, Outcome.SUSPECT}:
        return proof
    if whole.difference is None:
        return replace(
            proof,
            level="full",
            outcome=Outcome.PROVED,
            rows_compared=whole.rows,
            rows_total=whole.rows,
            changed=0,
            missing=0,
            offsets=(),
            confidence=_BY_HASH,
            note="",
        )
    if step.doubt:
        said = f"the fingerprint of the whole column differs, but {step.doubt}"
        return replace(proof, note=proof.note or said)
    if not whole.written and whole.rows == step.rows_total and proof.missing:
        return replace(
            proof,
            level="full",
            outcome=Outcome.UNPROVED,
            confidence="",
            note="nobody wrote a row since, but recorded rows are not found under their"
            " keys: these mean something else now",
        )
    if not whole.written and whole.rows == step.rows_total:
        return replace(
            proof,
            level="full",
            outcome=Outcome.SHIFTED,
            rows_compared=whole.rows,
            rows_total=whole.rows,
            shifted=max(1, proof.shifted),
            confidence="",
            note=f"nobody wrote a row since, but {whole.difference}",
        )
    # rows that came with a partition may be older than the conversion
    gone = max(0, (step.rows_total or 0) - (whole.rows - whole.written))
    return replace(
        proof,
        note=proof.note
        or f"every row was compared before the conversion was committed; since then"
        f" {whole.written} of {whole.rows} rows were written and {gone} changed or"
        " removed, so of the others the recorded ones were compared again",
    )


def worst(outcomes: Mapping[str, Outcome] | tuple[Outcome, ...]) -> Outcome:
    """Return the worst outcome; ``unproved`` where nothing was compared."""
    found = tuple(outcomes.values()) if isinstance(outcomes, Mapping) else outcomes
    order = list(Outcome)
    return min(found, key=order.index, default=Outcome.UNPROVED)


def interval(microseconds: int | None) -> str:
    """Print an offset as PostgreSQL prints an interval, with a sign.

    >>> interval(-18_000_000_000), interval(1), interval(None)
    ('-05:00:00', '+00:00:00.000001', 'unknown')
    """
    if microseconds is None:
        return "unknown"
    sign = "-" if microseconds < 0 else "+"
    seconds, fraction = divmod(abs(microseconds), 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    tail = f".{fraction:06d}" if fraction else ""
    return f"{sign}{hour:02d}:{minute:02d}:{second:02d}{tail}"


def _extent(tally: Tally, shifted: int, rows_total: int) -> str:
    """Say which rows moved, and how many that makes of the whole table."""
    said = []
    if tally.period is not None:
        first, last = tally.period
        said.append(f"the rows that moved stood between {first} and {last}")
    if tally.compared < rows_total:
        share = shifted / tally.compared
        said.append(
            f"{share:.1%} of those compared moved, which is about"
            f" {round(share * rows_total):,} of all"
        )
    return "; ".join(said)


def _offsets(moved: Mapping[int | None, int]) -> tuple[OffsetCount, ...]:
    ranked = sorted(moved.items(), key=lambda item: (-item[1], item[0] or 0))
    return tuple(
        OffsetCount(offset=interval(offset), count=count) for offset, count in ranked
    )[:10]


def _confidence(carried: int, drawn: int, rows_total: int, outcome: Outcome) -> str:
    if outcome is not Outcome.PROVED:
        return ""
    if carried >= rows_total:
        return "every row was compared"
    # no difference in n rows drawn evenly: at most 1 - 0.05 ** (1 / n) differ
    bound = 100 * (1 - 0.05 ** (1 / drawn)) if drawn else 100
    return f"at most {bound:.2f} % of the rows can have moved, 95 % confidence"
