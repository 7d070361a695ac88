"""Catalog rows become an inventory without a server."""

from dataclasses import replace
from typing import Any

import pytest

from tzmigrate.inventory.findings import DEPENDENT_CODES
from tzmigrate.inventory.introspector import build_inventory
from tzmigrate.inventory.model import Column, Inventory, Role, Severity
from tzmigrate.inventory.rows import (
    CatalogRows,
    ColumnRow,
    DependentRow,
    FunctionRow,
    IndexRow,
    InheritsRow,
    NamedColumnRow,
    RelationRow,
    ServerRow,
    TriggerRow,
    ViewRow,
    ZoneSettingRow,
)

SERVER = ServerRow(180004, "PostgreSQL 18.4", "shop", 5, "me", True, ["plpgsql"])


def column(relation: int = 1, attnum: int = 2, **other: Any) -> ColumnRow:
    name = f"c{attnum}"
    row = ColumnRow(
        relation=relation,
        schema="public",
        relname=f"t{relation}",
        relkind="r",
        attnum=attnum,
        column=name,
        quoted=name,
        type="timestamp without time zone",
        family="scalar",
        precision=None,
        nullable=True,
        generated=False,
        inherited=0,
        default=None,
        volatility=None,
    )
    return row._replace(**other)


def relation(oid: int = 1, **other: Any) -> RelationRow:
    row = RelationRow(
        oid=oid,
        schema="public",
        name=f"t{oid}",
        quoted=f"public.t{oid}",
        relkind="r",
        owner="me",
        owned=True,
        reltuples=10.0,
        relpages=1,
        bytes=8192,
        row_security=False,
        partition=False,
        typed=False,
        of_type=None,
        extension=None,
        key=["id"],
        key_types=["bigint"],
        zoned=[],
        partition_key=[],
    )
    return row._replace(**other)


def index(oid: int = 9, **other: Any) -> IndexRow:
    row = IndexRow(
        oid=oid,
        relation=1,
        quoted=f"public.i{oid}",
        name=f"i{oid}",
        definition="CREATE INDEX …",
        unique=False,
        constraint=None,
        valid=True,
        bytes=100,
        keys=[2],
        includes=[],
        in_expressions=[],
        in_predicate=[],
        odd_opclass=[],
        columns=["c2"],
        primary=False,
        parent=None,
        comment=None,
        constraint_comment=None,
        options="",
        tablespace=0,
        statistics_target=False,
        needs_extension=False,
        exclusion=False,
    )
    return row._replace(**other)


def build(**rows: Any) -> Inventory:
    given: dict[str, Any] = {"columns": [column()], "relations": [relation()]} | rows
    return build_inventory(CatalogRows(server=SERVER, **given))


def only(inventory: Inventory) -> Column:
    (found,) = inventory.columns
    return found


@pytest.mark.parametrize("kind", [*DEPENDENT_CODES, "pg_something_new"])
def test_every_kind_of_dependent_has_a_code_and_a_finding(kind: str) -> None:
    of = (
        only(build(dependents=[DependentRow(1, 2, kind, "thing", None, False)]))
        if (kind != "typed table")
        else only(build(relations=[relation(typed=True, of_type="public.ty")]))
    )

    assert [f.code for f in of.findings] == [d.code for d in of.dependents]
    assert [d.code for d in of.dependents] == [DEPENDENT_CODES.get(kind, "TZ139")]


def test_what_is_not_known_blocks() -> None:
    of = only(build(dependents=[DependentRow(1, 2, "pg_new", "thing", None, False)]))

    assert of.findings[0].severity is Severity.BLOCKS


def test_the_order_of_rows_does_not_matter() -> None:
    dependents = [
        DependentRow(1, 2, "view", f"view v{i}", 50 + i, False) for i in range(3)
    ]
    views = [ViewRow(60, 50, "view", "view w"), ViewRow(61, 60, "view", "view x")]

    forward = build(dependents=dependents, views=views)
    backward = build(dependents=dependents[::-1], views=views[::-1])

    assert forward == backward
    assert {(d.name, d.through) for d in only(forward).dependents} >= {
        ("view w", "view v0"),
        ("view x", "view w"),
    }


def test_columns_of_relations_that_are_gone_are_left_out() -> None:
    assert build(columns=[column(), column(relation=7)]).columns == build().columns


def test_rows_and_bytes_are_summed_over_the_leaves() -> None:
    inventory = build(
        columns=[column(relkind="p"), column(2, inherited=1), column(3, inherited=1)],
        relations=[
            relation(relkind="p", bytes=0, reltuples=-1.0),
            relation(2, partition=True),
            relation(3, partition=True, reltuples=-1.0, bytes=0),
        ],
        inherits=[InheritsRow(2, 1, True), InheritsRow(3, 1, True)],
    )

    root, child, empty = inventory.columns
    assert (root.rows, root.bytes, root.role) == (10, 8192, Role.STORED)
    assert (child.rows, child.role, empty.rows) == (10, Role.CHILD, -1)
    assert [r.leaves for r in inventory.relations] == [2, 1, 1]
    assert inventory.relation(3).root == 1


def test_before_14_a_table_that_was_never_analysed_has_no_estimate() -> None:
    rows = CatalogRows(
        server=SERVER,
        columns=[column()],
        relations=[relation(reltuples=0.0, relpages=0)],
    )
    old = replace(rows, server=SERVER._replace(version=130020))

    assert only(build_inventory(rows)).rows == 0
    assert only(build_inventory(old)).rows == -1


@pytest.mark.parametrize(
    ("row", "key", "plain", "codes"),
    [
        (index(), True, True, []),
        (index(keys=[1], includes=[2]), False, True, []),
        (index(in_predicate=[3]), True, True, []),
        (index(keys=[0], in_expressions=[2]), False, False, ["TZ120"]),
        (index(in_predicate=[2]), True, False, ["TZ121"]),
        (index(odd_opclass=[2]), True, False, ["TZ122"]),
        (index(keys=[0], in_expressions=[0]), False, False, ["TZ123"]),
        (index(keys=[0], in_expressions=[2], constraint="x"), False, False, ["TZ119"]),
        (index(valid=False), True, True, ["TZ137"]),
        (index(needs_extension=True), True, True, ["TZ136"]),
    ],
)
def test_an_index_is_plain_when_alter_table_carries_it_over(
    row: IndexRow, key: bool, plain: bool, codes: list[str]
) -> None:
    of = only(build(indexes=[row]))

    assert [(i.key, i.plain) for i in of.indexes] == [(key, plain)]
    assert [f.code for f in of.findings] == codes


def test_an_index_on_other_columns_is_not_shown() -> None:
    assert only(build(indexes=[index(keys=[1], in_predicate=[3])])).indexes == ()


def test_a_view_gets_no_blocking_finding() -> None:
    of = only(
        build(
            columns=[column(relkind="v", family="array", default="now()")],
            relations=[relation(relkind="v", owned=False)],
            dependents=[DependentRow(1, 2, "view", "view w", 60, False)],
        )
    )

    assert [f.code for f in of.findings] == ["TZ106"]
    assert (of.rows, len(of.dependents)) == (-1, 1)


def test_triggers_write_what_their_function_or_arguments_name() -> None:
    triggers = [
        TriggerRow(1, 70, "trigger a on table public.t1", "", "public.f()"),
        TriggerRow(1, 71, "trigger b on table public.t1", "c2\\000", "public.c()"),
        TriggerRow(1, 72, "trigger c on table public.t1", "", "public.g()"),
    ]
    functions = [
        FunctionRow(
            70, "public.f()", "function public.f()", "BEGIN NEW.C2 := now(); END"
        ),
        FunctionRow(
            72, "public.g()", "function public.g()", "BEGIN NEW.c22 := now(); END"
        ),
    ]
    naive = "timestamp without time zone"
    columns = [NamedColumnRow("public", "t1", "c2", naive)]
    of = only(build(triggers=triggers, functions=functions, named_columns=columns))

    assert [(w.name[:9], w.certainty) for w in of.writers] == [
        ("trigger b", "likely"),
        ("trigger a", "certain"),
    ]


def test_a_setting_for_all_roles_stands_for_the_server() -> None:
    settings = [ZoneSettingRow(False, None, "UTC", [])]

    zones = build(
        zone_settings=settings, server_zone=("Asia/Tokyo", "configuration file")
    ).server.zones

    assert [(z.scope, z.zone) for z in zones] == [("server", "UTC")]
