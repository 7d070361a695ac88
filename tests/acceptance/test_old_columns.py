"""Where the old column still stands beside the new one, they are compared whole."""

from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate import commands
from tzmigrate.errors import UsageError
from tzmigrate.verification.model import ColumnProof, Outcome

SCHEMA = """
CREATE TABLE visits (id int PRIMARY KEY, began timestamp, kept timestamp,
    "Span=" tsrange, span_old tsrange, day date, other timestamp(3));
INSERT INTO visits (id, began, "Span=") SELECT g, t, tsrange(t, t + interval '1 h')
FROM generate_series(1, 9000) AS g,
    LATERAL (SELECT timestamp '2019-01-15' + g * interval '317 min 1 us') AS m (t)
WHERE (t::timestamptz)::timestamp = t AND
    ((t + interval '1 h')::timestamptz)::timestamp = t + interval '1 h';
INSERT INTO visits (id, began, "Span=") VALUES (0, 'infinity', NULL), (-1, NULL,
    'empty'), (-2, '4000-02-03 BC', '(,infinity)');
UPDATE visits SET kept = began, span_old = "Span=";
"""
WANTED = ("public.visits.began=kept", 'public.visits."Span="=span_old')


@pytest.fixture(params=["sample", "full", "physical"])
def converted(
    request: pytest.FixtureRequest, database: Any, make_project: Callable[..., Any]
) -> Any:
    zone = "UTC" if request.param == "physical" else "America/New_York"
    database.execute(f"SET TimeZone = '{zone}'; {SCHEMA}")
    project = make_project(database.url)
    proof = request.param if request.param == "full" else "auto"
    project.configure(
        f'[policy]\nproof = "{proof}"\noverlap = "later"\naccept = ["TZ301"]\n'
        '[zones]\n"public.visits.kept" = "keep"\n"public.visits.span_old" = "keep"\n'
        '"public.visits.other" = "keep"\n'
    )
    project.plan(zones=(f"default={zone}",))
    project.apply()
    return project


def seen(
    project: Any, *, level: str | None = None, wanted: tuple[str, ...] = WANTED
) -> tuple[ColumnProof, ColumnProof]:
    proof = commands.verify(project.connection, level=level, old_columns=wanted)
    began, span = sorted(proof.columns, key=lambda c: c.column != "began")
    return began, span


def test_every_row_is_compared(converted: Any) -> None:
    for level in (None, "sample", "physical", "full"):
        found = seen(converted, level=level)
        for column, old in zip(found, ("kept", "span_old"), strict=True):
            assert column.outcome is Outcome.PROVED
            assert column.level == "full"
            assert column.rows_compared == column.rows_total > 8000
            said = f"every row was compared with its old column {old}"
            assert column.confidence == said
    (baseline,) = commands.verify(converted.connection, old_columns=WANTED).baselines
    assert sum(".kept" in text or "t.kept" in text for text in baseline.statements) == 1


@pytest.mark.parametrize("row", [4711, 0, -1, -2])
def test_one_row_off_by_a_microsecond_is_shifted(
    converted: Any, database: Any, row: int
) -> None:
    # the old column, as who says otherwise: whoever wrote the row did so before the
    # conversion, as far as the ledger tells
    database.execute(
        f"UPDATE visits SET kept = coalesce(kept, '2020-01-01') - interval '1 us',"
        f" began = began WHERE id = {row};"
        "UPDATE tzmigrate.step SET horizon = pg_current_xact_id()::text::bigint + 1,"
        " transaction_ids = '{}'"
    )
    began, span = seen(converted)
    moves = row in {4711, -2}
    finite = [("+00:00:00.000001", 1)] if moves else [("unknown", 1)]
    if row == 0:
        # infinity stays what it is
        assert (began.outcome, began.shifted) == (Outcome.PROVED, 0)
    else:
        assert (began.outcome, began.shifted) == (Outcome.SHIFTED, 1)
        assert [(o.offset, o.count) for o in began.offsets] == finite
        assert (began.period is None) == (not moves)
    assert span.outcome is Outcome.PROVED


def test_a_range_that_differs_is_shifted(converted: Any, database: Any) -> None:
    database.execute(
        "UPDATE visits SET span_old = tsrange(lower(span_old), upper(span_old), '[]')"
        " WHERE id BETWEEN 100 AND 120;"
        "UPDATE tzmigrate.step SET horizon = pg_current_xact_id()::text::bigint + 1,"
        " transaction_ids = '{}'"
    )
    began, span = seen(converted)
    assert began.outcome is Outcome.PROVED
    assert span.outcome is Outcome.SHIFTED
    assert 15 < span.shifted <= 21


def test_what_the_application_writes_is_life(converted: Any, database: Any) -> None:
    database.execute(
        "UPDATE visits SET began = began + interval '5 h' WHERE id BETWEEN 1 AND 20;"
        "INSERT INTO visits (id, began) VALUES (10001, now());"
        "DELETE FROM visits WHERE id BETWEEN 30 AND 50"
    )
    began, span = seen(converted)
    assert (began.outcome, began.shifted) == (Outcome.PROVED, 0)
    assert 15 < began.changed <= 21
    assert began.confidence.startswith("every row that nobody wrote since was compared")
    assert span.outcome is Outcome.PROVED
    database.execute("UPDATE visits SET began = began - interval '5 h' WHERE id > 3000")
    began, span = seen(converted)
    assert began.outcome is Outcome.SUSPECT
    assert began.offsets[0].offset == "-05:00:00"
    assert span.outcome is Outcome.PROVED


def test_after_the_way_back_clocks_are_compared(converted: Any, database: Any) -> None:
    converted.rollback(everything=True)
    assert {c.outcome for c in seen(converted)} == {Outcome.PROVED}
    database.execute(
        "UPDATE visits SET kept = kept + interval '1 h' WHERE id = 200;"
        "UPDATE tzmigrate.step SET horizon = pg_current_xact_id()::text::bigint + 1,"
        " transaction_ids = '{}'"
    )
    began, _ = seen(converted)
    assert (began.outcome, began.state) == (Outcome.SHIFTED, "naive")
    assert began.offsets[0].offset == "-01:00:00"


WRONG = {
    "public.visits.began": "has not the form",
    "=kept": "has not the form",
    "public.visits.kept=began": "no converted column is called",
    "public.visit.began=kept": "no converted column is called",
    "public.visits.began=day": "must be, but it is date",
    "public.visits.began=other": r"must be, but it is timestamp\(3\)",
    "public.visits.began=none": "must be, but table public.visits has no such column",
    "public.visits.began=began": "must be, but it is timestamp with time zone",
    "public.visits.began=ctid": "must be, but it is tid",
}


@pytest.mark.parametrize("converted", ["sample"], indirect=True)
def test_what_is_no_old_column_is_said(converted: Any) -> None:
    for wanted, words in WRONG.items():
        with pytest.raises(UsageError, match=words) as caught:
            seen(converted, wanted=(wanted,))
        assert caught.value.code == "TZ286"
