"""What the planner decides, without a server."""

from dataclasses import replace
from typing import Any

import pytest

from tzmigrate.config import ByColumn, Keep
from tzmigrate.inventory.model import (
    Column,
    Dependent,
    Family,
    Finding,
    Index,
    Inventory,
    Relation,
    RelKind,
    Role,
    Server,
    Severity,
    ZoneSetting,
)
from tzmigrate.planning.model import Action, Group, Plan, Step, Strategy
from tzmigrate.planning.planner import Planner
from tzmigrate.planning.rules import Planned, PlannedBefore, Rules
from tzmigrate.planning.together import apart
from tzmigrate.zones.model import Basis, Verdict

NAIVE = "timestamp without time zone"
SERVER = Server(
    version=180004,
    version_text="18.4",
    database="shop",
    database_oid=1,
    system_identifier="7",
    role="app",
    superuser=False,
)
ORDERS = Relation(
    oid=10,
    schema="public",
    name="orders",
    relkind=RelKind.TABLE,
    owner="app",
    owned=True,
    rows=100,
    bytes=8192,
    root=10,
    leaves=1,
    key=("id",),
    key_types=("bigint",),
)


def column(name: str, **changes: Any) -> Column:
    base = Column(
        schema="public",
        relation="orders",
        column=name,
        relkind=RelKind.TABLE,
        type=NAIVE,
        family=Family.SCALAR,
        role=Role.STORED,
        nullable=True,
        default=None,
        rows=100,
        bytes=8192,
        relation_oid=10,
        attnum=1,
    )
    return replace(base, **changes)


def declared(zone: Any, **changes: Any) -> Verdict:
    return Verdict(basis=Basis.DECLARED, meaning=zone, source="test", **changes)


def plan(
    *pairs: tuple[Column, Verdict],
    rules: Rules | None = None,
    planned: Planned | None = None,
    relation: Relation = ORDERS,
    others: tuple[Relation, ...] = (),
    zones: tuple[ZoneSetting, ...] = (),
) -> Plan:
    inventory = Inventory(
        server=replace(SERVER, zones=zones),
        relations=(relation, *others),
        columns=tuple(c for c, _ in pairs),
    )
    return Planner(
        inventory,
        {c.name: v for c, v in pairs},
        rules=rules or Rules(),
        planned=planned or Planned(),
    ).plan()


def only_step(group: Group) -> Step:
    (table,) = group.tables
    return table.step


def test_utc_columns_of_a_table_convert_by_one_bare_cast() -> None:
    (group,) = plan(
        (column("a"), declared("UTC")), (column("b"), declared("Etc/UTC"))
    ).groups
    assert group.strategy is Strategy.METADATA
    assert group.session_zone == "Etc/UTC"
    assert only_step(group).statement.splitlines() == [
        "ALTER TABLE public.orders",
        "    ALTER COLUMN a TYPE timestamptz,",
        "    ALTER COLUMN b TYPE timestamptz",
    ]
    assert only_step(group).inverse.splitlines()[1:] == [
        "    ALTER COLUMN a TYPE timestamp,",
        "    ALTER COLUMN b TYPE timestamp",
    ]
    assert only_step(group).stands_for == "USING a AT TIME ZONE 'Etc/UTC'"


def test_another_zone_rewrites_under_that_zone() -> None:
    (group,) = plan((column("a"), declared("Europe/Paris"))).groups
    assert group.strategy is Strategy.REWRITE
    assert group.session_zone == "Europe/Paris"
    assert "USING" not in only_step(group).statement


def test_two_zones_in_one_table_are_written_out() -> None:
    (group,) = plan(
        (column("a"), declared("UTC")), (column("b"), declared("Europe/Paris"))
    ).groups
    assert group.strategy is Strategy.REWRITE
    assert "USING a AT TIME ZONE 'Etc/UTC'" in only_step(group).statement
    assert "USING b AT TIME ZONE 'Europe/Paris'" in only_step(group).statement
    assert "USING b AT TIME ZONE 'Europe/Paris'" in only_step(group).inverse
    assert only_step(group).stands_for == ""


VISITS = replace(ORDERS, oid=11, name="visits", root=11)


def key_of(*columns: Column) -> list[Column]:
    """Return columns with a foreign key that they all stand in."""
    key = Dependent(kind="foreign key", name="constraint k on visits", code="TZ118")
    return [replace(c, dependents=(key,)) for c in columns]


def of_visits(name: str) -> Column:
    return column(name, relation="visits", relation_oid=11)


def test_both_sides_of_a_key_are_refused_where_they_are_of_two_zones() -> None:
    at, there = key_of(column("at"), of_visits("at"))
    found = plan(
        (at, declared("Asia/Tokyo")),
        (there, declared("Europe/Berlin")),
        others=(VISITS,),
    )
    for group in found.groups:
        assert [(c.action, c.code) for c in group.columns] == [(Action.REFUSE, "TZ118")]
        assert "Asia/Tokyo and Europe/Berlin" in group.columns[0].reason


def test_a_key_over_columns_of_two_zones_converts_where_each_pair_is_of_one() -> None:
    at, until, at_there, until_there = key_of(
        column("at"), column("until"), of_visits("at"), of_visits("until")
    )
    (group,) = plan(
        *((c, declared("UTC")) for c in (at, at_there)),
        *((c, declared("Asia/Tokyo")) for c in (until, until_there)),
        others=(VISITS,),
    ).groups
    assert {c.action for c in group.columns} == {Action.CONVERT}


def test_only_the_table_with_two_zones_writes_them_out() -> None:
    at, there = key_of(column("at"), of_visits("at"))
    (group,) = plan(
        (at, declared("UTC")),
        (column("other"), declared("Asia/Kathmandu")),
        (there, declared("UTC")),
        others=(VISITS,),
    ).groups
    steps = {t.relation.name: (t.strategy, t.step.statement) for t in group.tables}
    assert steps["orders"][0] is Strategy.REWRITE
    assert "USING at AT TIME ZONE 'Etc/UTC'" in steps["orders"][1]
    assert steps["visits"][0] is Strategy.METADATA
    assert "USING" not in steps["visits"][1]


def test_a_precision_below_six_rewrites_in_utc_too() -> None:
    kind = "timestamp(3) without time zone"
    (group,) = plan((column("a", type=kind, precision=3), declared("UTC"))).groups
    assert group.strategy is Strategy.REWRITE
    assert group.converted[0].type_after == "timestamp(3) with time zone"
    assert only_step(group).statement.endswith("TYPE timestamptz(3)")


def test_using_always_is_obeyed() -> None:
    (group,) = plan((column("a"), declared("UTC")), rules=Rules(using="always")).groups
    assert group.strategy is Strategy.REWRITE
    assert "USING a AT TIME ZONE 'Etc/UTC'" in only_step(group).statement


def test_a_blocked_column_is_refused_and_the_rest_converts() -> None:
    key = Finding(code="TZ127", severity=Severity.BLOCKS, message="a key", hint="Wait.")
    (group,) = plan(
        (column("a", findings=(key,)), declared("UTC")),
        (column("b"), declared("UTC")),
    ).groups
    assert [(c.column, c.action, c.code) for c in group.columns] == [
        ("a", Action.REFUSE, "TZ127"),
        ("b", Action.CONVERT, None),
    ]


def test_an_undecided_zone_is_a_decision_that_names_the_column() -> None:
    found = plan((column("a"), Verdict(basis=Basis.UNDECIDED)))
    assert [f.code for f in found.decisions] == ["TZ302"]
    assert "public.orders.a" in found.decisions[0].message
    assert not found.groups[0].tables


@pytest.mark.parametrize(
    ("verdict", "action", "code"),
    [
        (declared(Keep()), Action.KEEP, "TZ309"),
        (declared(ByColumn(column="tz")), Action.REFUSE, "TZ303"),
        (declared("Europe/Paris", gap=2, overlap=0), Action.REFUSE, "TZ304"),
        (declared("Europe/Paris", gap=0, overlap=2), Action.REFUSE, "TZ305"),
        (declared("Europe/Paris", gap=0, overlap=0), Action.CONVERT, None),
    ],
)
def test_each_verdict_has_its_action(
    verdict: Verdict, action: Action, code: str | None
) -> None:
    (found,) = plan((column("a"), verdict)).groups[0].columns
    assert (found.action, found.code) == (action, code)
    assert bool(found.hint) is (action is Action.REFUSE)


def test_overlap_rows_convert_once_the_policy_says_later() -> None:
    (found,) = (
        plan(
            (column("a"), declared("Europe/Paris", gap=0, overlap=2)),
            rules=Rules(overlap="later"),
        )
        .groups[0]
        .columns
    )
    assert found.action is Action.CONVERT


def test_a_column_planned_before_is_not_planned_again() -> None:
    found = plan((column("a"), declared("utc")), planned=planned())
    (group,) = found.groups
    assert not group.tables
    assert group.columns[0].planned_in == "abc"
    assert found.decisions == ()


def planned(**changes: Any) -> Planned:
    before = PlannedBefore(
        revision="abc", file="abc_tz.py", type_before=column("a").type, zone="UTC"
    )
    return Planned(columns={("public", "orders", "a"): replace(before, **changes)})


KEPT = Verdict(basis=Basis.DECLARED, meaning=Keep(), source="tzmigrate.toml:4")
STORED = Finding(
    code="TZ131", severity=Severity.BLOCKS, message="history.old stores rows", hint="-"
)


@pytest.mark.parametrize(
    ("now", "verdict", "before", "code", "words"),
    [
        (column("a"), KEPT, {}, "TZ314", "tzmigrate.toml:4 declares it keep"),
        (column("a"), declared("Europe/Paris"), {}, "TZ314", "in UTC"),
        (column("a"), declared("UTC"), {"type_before": "date"}, "TZ314", "for date"),
        (
            replace(column("a"), findings=(STORED,)),
            declared("UTC"),
            {},
            "TZ314",
            "history.old stores rows",
        ),
        (column("a"), declared("UTC"), {"done": True}, "TZ325", "again"),
    ],
)
def test_a_planned_revision_that_is_not_what_is_wanted_now_stops_the_plan(
    now: Column, verdict: Verdict, before: dict[str, Any], code: str, words: str
) -> None:
    found = plan((now, verdict), planned=planned(**before))
    (decision,) = found.decisions
    assert decision.code == code
    assert words in decision.message
    if code == "TZ314":
        assert "abc_tz.py" in decision.hint
    (stopped,) = found.groups[0].columns
    assert (stopped.action, stopped.code) == (Action.REFUSE, code)


def test_a_column_with_several_blockers_says_how_many_there_are() -> None:
    findings = (STORED, *(replace(STORED, code=f"TZ13{n}") for n in (7, 9)))
    found = plan((replace(column("a"), findings=findings), declared("UTC")))
    assert "2 more" in found.groups[0].columns[0].hint


def test_a_lock_above_the_budget_is_refused_with_its_estimate() -> None:
    index = Index(
        name="public.big",
        definition="",
        unique=False,
        constraint=None,
        key=True,
        plain=True,
        valid=True,
        bytes=10**9,
    )
    (group,) = plan((column("a", indexes=(index,)), declared("UTC"))).groups
    assert group.strategy is Strategy.REFUSE
    assert not group.tables
    assert group.columns[0].code == "TZ306"
    assert "5000 ms" in group.columns[0].reason


def test_a_materialized_view_above_the_budget_is_a_decision() -> None:
    view = replace(
        ORDERS,
        oid=2,
        name="days",
        relkind=RelKind.MATERIALIZED_VIEW,
        bytes=10**9,
    )
    leaning = Dependent(
        kind="materialized view", name="materialized view public.days", code="TZ111"
    )
    (group,) = plan(
        (column("a", dependents=(leaning,)), declared("UTC")), others=(view,)
    ).groups
    (refused,) = group.columns
    assert refused.code == "TZ306"
    assert "1 materialized view refreshed (1000 MB)" in refused.reason


@pytest.mark.parametrize(
    ("zones", "stops"),
    [
        ((ZoneSetting(scope="server", zone="Etc/UTC"),), 0),
        ((ZoneSetting(scope="server", zone="Asia/Tokyo"),), 1),
        (
            (
                ZoneSetting(scope="server", zone="Asia/Tokyo"),
                ZoneSetting(scope="database", zone="UTC"),
            ),
            0,
        ),
        (
            (
                ZoneSetting(scope="database", zone="UTC"),
                ZoneSetting(scope="role", zone="Asia/Tokyo", role="w", writes=(10,)),
            ),
            1,
        ),
        (
            (
                ZoneSetting(scope="database", zone="UTC"),
                ZoneSetting(scope="role", zone="Asia/Tokyo", role="r"),
            ),
            0,
        ),
        (
            (
                ZoneSetting(scope="role", zone="Asia/Tokyo", role="w", writes=(10,)),
                ZoneSetting(
                    scope="role in database", zone="UTC", role="w", writes=(10,)
                ),
            ),
            0,
        ),
    ],
)
def test_a_session_zone_that_differs_stops_until_pinned(
    zones: tuple[ZoneSetting, ...], stops: int
) -> None:
    pair = (column("a"), declared("UTC"))
    assert len(plan(pair, zones=zones).decisions) == stops
    accepted = plan(pair, zones=zones, rules=Rules(accept=("TZ301",)))
    assert accepted.decisions == ()
    assert len(accepted.findings) == stops


def test_a_plan_that_converts_nothing_gives_no_advice() -> None:
    assert plan((column("a"), declared(Keep()))).next_for_application == ()


def test_a_trigger_that_may_write_naive_time_is_repeated_in_the_plan() -> None:
    trigger = Finding(
        code="TZ134", severity=Severity.WARNING, message="a trigger", hint="Read it."
    )
    converted = (column("a", findings=(trigger,)), declared("UTC"))
    kept = (column("b", findings=(trigger,)), declared(Keep()))
    assert plan(converted, kept).findings == (trigger,)
    assert plan(kept).findings == ()


def test_groups_are_apart_where_nothing_leans_on_both() -> None:
    leaning = {
        "a": {("view", "view one"), ("trigger", "t")},
        "b": set(),
        "c": {("view", "view two")},
        "d": {("view", "view two"), ("view", "view one")},
        "e": {("trigger", "view one")},
        "f": set(),
    }
    groups = [
        Group(slug=slug, relations=(), columns=(), strategy=Strategy.METADATA)
        for slug in leaning
    ]
    found = apart(groups, leaning, bound={"b", "f"})
    assert [[g.slug for g in one] for one in found] == [
        ["a", "c", "d"],
        ["b", "f"],
        ["e"],
    ]
