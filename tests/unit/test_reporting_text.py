"""What people read: grouped, with figures, and ending with what to do next."""

from dataclasses import fields, replace

import pytest

from tzmigrate.execution.model import Run, Status, StepRun, StepState, StepStatus
from tzmigrate.inventory.model import (
    Column,
    Family,
    Finding,
    Inventory,
    Relation,
    RelKind,
    Role,
    Server,
    Severity,
    ZoneSetting,
)
from tzmigrate.planning.model import (
    Action,
    Group,
    Plan,
    PlannedColumn,
    RelationName,
    Strategy,
)
from tzmigrate.reporting.console import Result, page_of
from tzmigrate.reporting.markdown import as_markdown
from tzmigrate.reporting.page import printed
from tzmigrate.verification.model import ColumnProof, OffsetCount, Outcome, Proof
from tzmigrate.zones.model import Basis, Survey, Verdict

BLOCKS = Finding(
    code="TZ110",
    severity=Severity.BLOCKS,
    message="view app.recent reads app.orders.placed_at",
    hint="Drop view app.recent first.",
)
SERVER = Server(
    version=180004,
    version_text="PostgreSQL 18.4 on some machine, compiled by something",
    database="shop",
    database_oid=5,
    system_identifier=None,
    role="ann",
    superuser=False,
    zones=(
        ZoneSetting(scope="server", zone="Asia/Kolkata"),
        ZoneSetting(scope="role", zone="Europe/Paris", role="Ann"),
    ),
)
ORDERS = Relation(
    oid=1,
    schema="app",
    name="orders",
    relkind=RelKind.PARTITIONED_TABLE,
    owner="ann",
    owned=True,
    rows=12345,
    bytes=5_000_000,
    root=1,
    leaves=2,
)
PLACED = Column(
    schema="app",
    relation="orders",
    column="placed_at",
    relkind=RelKind.PARTITIONED_TABLE,
    type="timestamp without time zone",
    family=Family.SCALAR,
    role=Role.STORED,
    nullable=False,
    default="'2000-01-01'::timestamp without time zone",
    rows=12345,
    bytes=5_000_000,
    relation_oid=1,
    attnum=2,
)
CHILDREN = tuple(
    replace(ORDERS, oid=oid, name=f"orders_{oid}", relkind=RelKind.TABLE)
    for oid in (2, 3)
)
IN_CHILDREN = tuple(
    replace(
        PLACED,
        relation=child.name,
        relation_oid=child.oid,
        relkind=RelKind.TABLE,
        role=Role.CHILD,
    )
    for child in CHILDREN
)
INVENTORY = Inventory(
    server=SERVER,
    relations=(ORDERS, *CHILDREN),
    columns=(PLACED, *IN_CHILDREN),
)
CONVERT = PlannedColumn(
    schema="app",
    relation="orders",
    column="placed_at",
    type_before="timestamp without time zone",
    type_after="timestamp with time zone",
    action=Action.CONVERT,
    zone="Europe/Paris",
    default_before="LOCALTIMESTAMP",
    default_after="now()",
)
GROUP = Group(
    slug="tz_orders",
    relations=(RelationName(schema="app", name="orders"),),
    columns=(CONVERT,),
    strategy=Strategy.REWRITE,
    lock_estimate_ms=61_500,
    lock_reason="the table rewritten",
)
PLAN = Plan(server=SERVER, groups=(GROUP,))
PROVED = ColumnProof(
    schema="app",
    relation="orders",
    column="placed_at",
    step="tz_orders",
    revision="abc",
    state="zoned",
    level="sample",
    rows_compared=1000,
    rows_total=12345,
    shifted=0,
    changed=0,
    missing=0,
    offsets=(),
    outcome=Outcome.PROVED,
    confidence="at most 0.30 % of the rows can have moved, 95 % confidence",
)
SHIFTED = replace(
    PROVED,
    column="shipped_at",
    shifted=1000,
    offsets=(OffsetCount(offset="-05:00:00", count=1000),),
    outcome=Outcome.SHIFTED,
    confidence="",
)


def text(result: Result, *, everything: bool = False) -> str:
    return printed(page_of(result, everything=everything))


# ------------------------------------------------------------------- inventory


def test_an_inventory_names_the_database_and_the_zones_of_sessions() -> None:
    lines = text(INVENTORY).splitlines()
    assert lines[0] == "database shop · PostgreSQL 18.4"
    assert lines[1:3] == [
        "sessions start in Asia/Kolkata (server)",
        'sessions start in Europe/Paris (role "Ann")',
    ]


def test_an_inventory_shows_sizes_types_and_defaults_in_short_words() -> None:
    shown = text(INVENTORY)
    assert "schema app: 3 relations, 3 columns, 4.8 MB" in shown
    assert "~12,345" in shown
    assert "timestamp, not null '2000-01-01'::timestamp" in " ".join(shown.split())
    assert "without time zone" not in shown


def test_partitions_that_say_nothing_new_are_only_counted() -> None:
    assert "partitioned table with 2 children" in text(INVENTORY)
    assert "app.orders_2" not in text(INVENTORY)
    assert "app.orders_2" in text(INVENTORY, everything=True)


def test_a_partition_with_a_trouble_of_its_own_is_shown() -> None:
    troubled = replace(IN_CHILDREN[0], findings=(BLOCKS,))
    shown = text(replace(INVENTORY, columns=(PLACED, troubled, IN_CHILDREN[1])))
    assert "app.orders_2" in shown
    assert "with 1 child" in shown


def test_a_partition_without_its_root_is_shown() -> None:
    assert "app.orders_3" in text(replace(INVENTORY, columns=IN_CHILDREN))


def test_a_column_whose_relation_is_unknown_is_shown() -> None:
    assert "placed_at" in text(Inventory(server=SERVER, columns=(PLACED,)))


def test_findings_are_grouped_by_code_and_none_is_dropped_silently() -> None:
    columns = tuple(
        replace(
            PLACED,
            column=f"c{number}",
            findings=(replace(BLOCKS, message=f"view v{number} reads it"),),
        )
        for number in range(8)
    )
    shown = text(replace(INVENTORY, columns=columns))
    assert "TZ110 blocks: view (8 times)" in shown
    assert "- and 3 more (-v lists them)" in shown
    assert "hint: Drop view app.recent first." in shown
    assert "view v7 reads it" in text(
        replace(INVENTORY, columns=columns), everything=True
    )


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ((), "there is nothing to convert"),
        ((PLACED,), "tzmigrate plan --dry-run"),
        ((replace(PLACED, findings=(BLOCKS,)),), "follow the hints above"),
        ((replace(PLACED, role=Role.DERIVED),), "convert where the values are stored"),
    ],
)
def test_a_scan_ends_with_what_to_do_next(
    columns: tuple[Column, ...], words: str
) -> None:
    found = replace(INVENTORY, columns=columns)
    assert words in text(found).split("Summary")[1]
    assert words in as_markdown(found).split("## Summary")[1]


# ------------------------------------------------------------------------ plan


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (None, "no rows were read"),
        (0, "1 column read, none with rows in a gap"),
        (1, "1 column read, 1 with rows in a gap"),
    ],
)
def test_a_scan_for_evidence_says_what_it_read(gap: int | None, words: str) -> None:
    verdict = Verdict(basis=Basis.DECLARED, meaning="Europe/Paris", gap=gap, overlap=0)
    known = {f.name: getattr(INVENTORY, f.name) for f in fields(INVENTORY)}
    assert "Evidence" not in text(INVENTORY)
    assert words in text(Survey(**known, verdicts={PLACED.name: verdict}))


def test_a_plan_shows_zone_strategy_and_lock() -> None:
    shown = " ".join(text(PLAN).split())
    assert "rewrite about 61.5 s: the table rewritten" in shown
    assert "placed_at timestamp → timestamptz Europe/Paris" in shown
    assert "app.orders.placed_at: LOCALTIMESTAMP → now()" in shown


def test_decisions_come_first_and_say_that_nothing_was_written() -> None:
    shown = text(replace(PLAN, decisions=(BLOCKS,)))
    assert shown.index("Decide first") < shown.index("To convert")
    assert "nothing written: a decision is open" in shown
    assert "settle the 1 decision above, then plan again" in shown


def test_the_same_advice_for_many_columns_is_given_once() -> None:
    undecided = [
        Finding(
            code="TZ302",
            severity=Severity.BLOCKS,
            message=f"the zone of column {name} is not declared",
            hint=f"State it with --zone '{name}=Area/City'.",
        )
        for name in ("app.a.at", "app.b.at")
    ]
    other = replace(BLOCKS, hint="Drop the other one first.")
    decisions = (*undecided, BLOCKS, other)
    shown = text(replace(PLAN, decisions=decisions)).split("To convert")[0]
    assert all(finding.message in shown for finding in decisions)
    assert shown.count("hint: State it with") == 1
    assert "hint: Drop view app.recent first." in shown
    assert "hint: Drop the other one first." in shown


def test_a_refused_column_has_code_reason_and_hint() -> None:
    refused = replace(
        CONVERT,
        action=Action.REFUSE,
        code="TZ110",
        reason="view app.recent reads it",
        hint="Drop it first.",
    )
    group = replace(GROUP, columns=(refused,), strategy=Strategy.REFUSE)
    shown = text(replace(PLAN, groups=(group,)))
    assert "Not converted: 1 column" in shown
    assert "TZ110 app.orders.placed_at: view app.recent reads it" in shown
    assert "hint: Drop it first." in shown
    assert "To convert" not in shown


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (
            replace(PLAN, dry_run=True),
            ("dry run: nothing written", "without --dry-run"),
        ),
        (replace(PLAN, written=("v/a.py",)), ("v/a.py", "tzmigrate apply")),
        (
            replace(
                PLAN,
                groups=(replace(GROUP, columns=(replace(CONVERT, planned_in="abc"),)),),
            ),
            ("nothing left to plan", "planned in abc", "1 planned before"),
        ),
        (replace(PLAN, groups=()), ("No stored column holds naive time",)),
    ],
)
def test_a_plan_says_what_was_written_and_what_to_do_next(
    plan: Plan, words: tuple[str, ...]
) -> None:
    shown = text(plan)
    assert all(word in shown for word in words)


def test_a_plan_tells_what_is_kept_from_what_was_planned_before() -> None:
    naive = replace(CONVERT, action=Action.KEEP, reason="planned in revision abc")
    columns = (
        replace(naive, column="opens_at", code="TZ309", reason="kept as declared"),
        replace(naive, code="TZ312", planned_in="abc"),
        replace(naive, code="TZ312", planned_in="abc", column="shipped_at"),
    )
    shown = text(replace(PLAN, groups=(replace(GROUP, columns=columns),)))
    kept, before = shown.split("Planned before: 2 columns")
    assert "Kept: 1 column\n  TZ309 app.orders.opens_at: kept" in kept
    assert "TZ312 app.orders.placed_at: planned in revision abc" in before
    assert "TZ312" not in kept
    assert "to convert, 0 refused, 1 kept, 2 planned before." in before


def test_a_plan_names_the_command_that_runs_it_and_never_folds_it() -> None:
    command = f"tzmigrate apply --sql '{'our scripts/' * 20}'"
    written = replace(PLAN, written=("v/a.sql",), next_command=command)
    planned = replace(CONVERT, action=Action.KEEP, planned_in="abc")
    again = replace(
        PLAN, groups=(replace(GROUP, columns=(planned,)),), next_command=command
    )
    for plan in (written, again):
        assert f"\n    {command}\n" in text(plan)
        assert command in as_markdown(plan)


def test_a_plan_says_what_the_application_meets() -> None:
    shown = text(replace(PLAN, next_for_application=("Send aware values.",)))
    assert "What the application meets next\n  - Send aware values." in shown


# ----------------------------------------------------------------------- proof


def test_a_proof_names_the_column_and_the_offset_that_it_moved_by() -> None:
    proof = Proof(
        outcome=Outcome.SHIFTED, database="shop", at="now", columns=(PROVED, SHIFTED)
    )
    shown = text(proof)
    row = next(x for x in shown.splitlines() if x.startswith("app.orders.shipped_at"))
    assert row.split() == [
        *("app.orders.shipped_at", "shifted", "sample", "1,000", "12,345"),
        *("1,000", "0", "0", "-05:00:00", "(1,000)"),
    ]
    assert "outcome: shifted" in shown
    assert "2 columns: 1 shifted, 1 proved." in shown
    assert "tzmigrate rollback" in shown
    assert "app.orders.placed_at: at most 0.30 % of the rows can have moved" in shown


@pytest.mark.parametrize(
    ("proved", "words"),
    [
        (PROVED, "Every recorded value is the instant that it was."),
        (replace(PROVED, changed=3), "that nobody wrote or deleted since is"),
        (replace(PROVED, missing=3), "that nobody wrote or deleted since is"),
    ],
)
def test_a_proof_speaks_of_no_value_that_was_written_since(
    proved: ColumnProof, words: str
) -> None:
    proof = Proof(outcome=Outcome.PROVED, database="shop", at="now", columns=(proved,))
    assert words in text(proof)


def test_a_proof_with_an_open_finding_does_not_say_that_all_is_well() -> None:
    proof = Proof(
        outcome=Outcome.PROVED,
        database="shop",
        at="now",
        columns=(PROVED,),
        findings=(BLOCKS,),
    )
    assert "settle the findings above" in text(proof)
    assert "settle" not in text(replace(proof, findings=()))
    accepted = replace(BLOCKS, severity=Severity.WARNING)
    assert "settle" not in text(replace(proof, findings=(accepted,)))


# -------------------------------------------------------------- status and run


def test_a_status_says_where_each_step_stands_and_what_to_run() -> None:
    status = Status(
        database="shop",
        steps=(
            StepStatus(
                step="tz_orders",
                revision="abc",
                state=StepState.INTERRUPTED,
                tables=("app.orders",),
                columns=2,
                note="the ledger does not have it",
            ),
        ),
        next_command="tzmigrate apply",
    )
    shown = text(status)
    assert "interrupted  abc" in shown
    assert "the ledger does not have it" in shown
    assert shown.endswith("next: tzmigrate apply\n")
    twice = replace(status, steps=(status.steps[0],) * 2)
    assert text(twice).count("the ledger does not have it") == 1
    assert "nothing is planned" in text(replace(status, steps=()))


@pytest.mark.parametrize(
    ("run", "headline"),
    [
        (Run(direction="up", steps=()), "nothing to do"),
        (
            Run(
                direction="up",
                steps=(StepRun(step="s", revision="r", attempts=1, seconds=1.0),),
            ),
            "applied 1 step",
        ),
        (
            Run(direction="down", steps=(), pending=("a", "b"), dry_run=True),
            "dry run: 2 steps would be rolled back, nothing was done",
        ),
        (Run(direction="down", steps=(), written=("v/a.py",)), "wrote a revision"),
    ],
)
def test_a_run_says_in_its_first_line_what_was_done(run: Run, headline: str) -> None:
    assert text(run).splitlines()[0] == headline
    assert as_markdown(run).splitlines()[0] == f"# {headline}"
