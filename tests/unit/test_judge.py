"""What counts of compared rows are called."""

import pytest

from tzmigrate.verification.compare import Tally
from tzmigrate.verification.judge import judge, worst
from tzmigrate.verification.ledger import LedgerColumn, LedgerStep
from tzmigrate.verification.model import Outcome

HOUR = 3_600_000_000
COLUMN = LedgerColumn(
    position=1,
    schema="public",
    relation="t",
    column="c",
    type_before="timestamp without time zone",
    type_after="timestamp with time zone",
    zone="Etc/UTC",
    type_now="timestamp with time zone",
)
STEP = LedgerStep(
    id=1,
    step="tz_t",
    direction="up",
    revision="abc",
    rewrite=False,
    proof="sample",
    key=("id",),
    masked=False,
    rows_total=None,
    horizon=1,
    transaction_ids=(1,),
    file_kept=True,
    done_at="2026-01-01T00:00:00Z",
    session_zone="Etc/UTC",
    columns=(COLUMN,),
)


@pytest.mark.parametrize(
    ("tally", "rows", "outcome"),
    [
        (Tally(compared=10, same=10), 10, Outcome.PROVED),
        (Tally(compared=0), 0, Outcome.PROVED),
        (Tally(compared=0, missing=5), 10, Outcome.UNPROVED),
        (Tally(compared=10, same=9, still={1: 1}), 10, Outcome.SHIFTED),
        (Tally(compared=10, same=9, still={None: 1}), 10, Outcome.SHIFTED),
        (Tally(compared=10, same=5, written={5 * HOUR: 5}), 10, Outcome.SUSPECT),
        (
            Tally(compared=100, same=98, drawn=98, written={5 * HOUR: 2}),
            100,
            Outcome.PROVED,
        ),
        (
            Tally(compared=10, same=7, drawn=7, written={7: 1, 8: 1, 9: 1}),
            10,
            Outcome.PROVED,
        ),
        (Tally(compared=10, same=7, written={7: 1, 8: 1, 9: 1}), 99, Outcome.UNPROVED),
        # put off by a day
        (
            Tally(compared=10, same=5, drawn=5, written={24 * HOUR: 5}),
            10,
            Outcome.PROVED,
        ),
        (Tally(compared=4, written={7: 1, 8: 1, 9: 2}), 10, Outcome.UNPROVED),
        # NULLs say nothing where all else was written, and all where nothing else was
        (Tally(compared=4, same=3, blank=3, written={9: 1}), 4, Outcome.UNPROVED),
        (
            Tally(compared=4, same=3, drawn=3, blank=3, written={None: 1}, filled=1),
            4,
            Outcome.PROVED,
        ),
    ],
)
def test_the_outcome_follows_from_the_counts(
    tally: Tally, rows: int, outcome: Outcome
) -> None:
    assert judge(STEP, COLUMN, tally, rows).outcome is outcome


def test_the_most_frequent_offset_comes_first_and_is_printed_as_an_interval() -> None:
    tally = Tally(compared=9, same=2, still={-5 * HOUR: 4, -4 * HOUR: 3})
    proof = judge(STEP, COLUMN, tally, 9)
    assert [(o.offset, o.count) for o in proof.offsets] == [
        ("-05:00:00", 4),
        ("-04:00:00", 3),
    ]
    assert proof.shifted == 7


def test_a_shift_is_told_with_its_period_and_its_share_of_all_rows() -> None:
    tally = Tally(compared=400, same=300, still={-HOUR: 100})
    tally.period = ("2024-03-10 02:00:00", "2024-11-03 01:59:59")
    proof = judge(STEP, COLUMN, tally, 1_000_000)
    assert proof.period == tally.period
    assert proof.note == (
        "the rows that moved stood between 2024-03-10 02:00:00 and 2024-11-03 01:59:59;"
        " 25.0% of those compared moved, which is about 250,000 of all"
    )


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({5 * HOUR: 5}, "by one common offset"),
        ({5 * HOUR: 4, 4 * HOUR: 3}, "by common offsets"),
    ],
)
def test_a_suspicion_speaks_of_as_many_offsets_as_there_are(
    written: dict[int | None, int], words: str
) -> None:
    proof = judge(STEP, COLUMN, Tally(compared=10, same=3, written=written), 10)
    assert proof.outcome is Outcome.SUSPECT
    assert proof.note.endswith(words)
    assert len(proof.offsets) == len(written)


def test_the_bound_is_what_the_sample_supports() -> None:
    # rows at an edge were not drawn by chance, so they bound nothing
    tally = Tally(compared=1050, same=1050, drawn=1000)
    assert (
        judge(STEP, COLUMN, tally, 10**6).confidence
        == "at most 0.30 % of the rows can have moved, 95 % confidence"
    )


def test_the_worst_outcome_speaks_for_all_and_nothing_is_no_proof() -> None:
    assert worst((Outcome.PROVED, Outcome.SUSPECT)) is Outcome.SUSPECT
    assert worst((Outcome.UNPROVED, Outcome.PROVED)) is Outcome.UNPROVED
    assert worst(()) is Outcome.UNPROVED
