"""The JSON documents: the fields that scripts rely on, and their schemas."""

import json
from dataclasses import fields, replace
from typing import Any

import jsonschema
import pytest

from tzmigrate.backup.model import (
    Backup,
    Check,
    ColumnState,
    Database,
    File,
    Format,
    Kept,
    Restoration,
    Seconds,
    Setting,
    Shelf,
    Since,
    TableState,
    Zone,
)
from tzmigrate.config.model import ByColumn, Keep
from tzmigrate.execution.model import (
    AdoptedColumn,
    Adoption,
    Run,
    Status,
    StepRun,
    StepState,
    StepStatus,
)
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
    Writer,
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
from tzmigrate.reporting.console import Result
from tzmigrate.reporting.documents import (
    DOCUMENTS,
    Verdicts,
    as_json,
    document_of,
    json_schema,
)
from tzmigrate.verification.model import (
    ColumnProof,
    Ground,
    OffsetCount,
    Outcome,
    Proof,
)
from tzmigrate.zones.model import Basis, Survey, Verdict

FINDING = Finding(code="TZ110", severity=Severity.BLOCKS, message="m", hint="h")
SERVER = Server(
    version=180004,
    version_text="PostgreSQL 18.4",
    database="shop",
    database_oid=5,
    system_identifier="7",
    role="ann",
    superuser=False,
    zones=(ZoneSetting(scope="server", zone="Asia/Kolkata"),),
    extensions=("citext",),
)
COLUMN = Column(
    schema="app",
    relation="Order",
    column="placed at",
    relkind=RelKind.PARTITIONED_TABLE,
    type="timestamp(3) without time zone",
    family=Family.SCALAR,
    role=Role.STORED,
    nullable=False,
    default="now()",
    rows=-1,
    bytes=8192,
    relation_oid=7,
    attnum=2,
    indexes=(
        Index(
            name='app."Order_idx"',
            definition="CREATE INDEX …",
            unique=True,
            constraint="u",
            key=True,
            plain=True,
            valid=True,
            bytes=4096,
        ),
    ),
    dependents=(Dependent(kind="view", name="view app.v", code="TZ110"),),
    writers=(Writer(kind="default", name="default", certainty="certain"),),
    findings=(FINDING,),
)
RELATION = Relation(
    oid=7,
    schema="app",
    name="Order",
    relkind=RelKind.PARTITIONED_TABLE,
    owner="ann",
    owned=True,
    rows=-1,
    bytes=8192,
    root=7,
    leaves=3,
    key=("id",),
    key_types=("bigint",),
)
INVENTORY = Inventory(
    server=SERVER, relations=(RELATION,), columns=(COLUMN,), findings=(FINDING,)
)
PLANNED = PlannedColumn(
    schema="app",
    relation="Order",
    column="placed at",
    type_before="timestamp without time zone",
    type_after="timestamp with time zone",
    action=Action.CONVERT,
    zone="Europe/Paris",
)
REFUSED = replace(
    PLANNED, action=Action.REFUSE, code="TZ110", reason="a view", hint="Drop it."
)
PLAN = Plan(
    server=SERVER,
    groups=(
        Group(
            slug="tz_order",
            relations=(RelationName(schema="app", name="Order"),),
            columns=(PLANNED, REFUSED),
            strategy=Strategy.REWRITE,
            lock_estimate_ms=120,
            revision="abc",
            path="/tmp/\udcff.py",  # a path may hold bytes that are no text
        ),
    ),
    findings=(FINDING,),
    decisions=(FINDING,),
    next_for_application=("Mind naive values.",),
    written=("/tmp/\udcff.py",),
)
PROOF = Proof(
    outcome=Outcome.SHIFTED,
    database="shop",
    at="2024-03-31T02:30:00Z",
    columns=(
        ColumnProof(
            schema="app",
            relation="Order",
            column="placed at",
            step="tz_order",
            revision="abc",
            state="zoned",
            level="sample",
            rows_compared=100,
            rows_total=5000,
            shifted=60,
            changed=2,
            missing=1,
            offsets=(
                OffsetCount(offset="-05:00:00", count=40),
                OffsetCount(offset="-04:00:00", count=20),
            ),
            outcome=Outcome.SHIFTED,
        ),
    ),
    findings=(FINDING,),
)
STATUS = Status(
    database="shop",
    steps=(
        StepStatus(
            step="tz_order",
            revision="abc",
            state=StepState.ROLLED_BACK,
            tables=('app."Order"',),
            columns=1,
            at="2024-03-31T02:30:00Z",
        ),
    ),
    next_command="tzmigrate apply",
)
RUN = Run(
    direction="up",
    steps=(StepRun(step="tz_order", revision="abc", attempts=2, seconds=0.25),),
    pending=("def",),
    notes=("Verify.",),
)
DATABASE = Database(
    name="shop",
    host="db.example.com",
    port=5432,
    oid=16384,
    system_identifier=None,
    server="18.4",
    version=180004,
    encoding="UTF8",
    collate="C",
    ctype="C",
    provider="c",
    locale=None,
    icu_rules=None,
    tablespace="pg_default",
    owner="ann",
    connection_limit=-1,
    template=False,
    comment=None,
    grants=("=T/ann",),
    settings=(Setting(role=None, name="TimeZone", value="Europe/Paris"),),
    zones=(Zone(scope="server", zone="UTC", role=None),),
)
KEPT = Kept(
    path="/srv/\udcff",
    backup=Backup(
        at="2024-03-31T02:30:00Z",
        tool="0.1.0",
        dump="18.4",
        format=Format.CUSTOM,
        database=DATABASE,
        plan=None,
        snapshot="7:7:",
        running=(),
        steps=0,
        database_bytes=8192,
        tables=(
            TableState(
                oid=16385,
                schema="app",
                name="orders",
                kind="r",
                rows=3,
                key=("id",),
                columns=(
                    ColumnState(
                        name="at",
                        type="timestamp without time zone",
                        zone="UTC",
                        values=3,
                        fingerprint="-12",
                    ),
                ),
            ),
        ),
        files=(File(name="full_backup.dump", bytes=9, sha256="0" * 64),),
        seconds=Seconds(dump=1.5, derived=0.5),
        checks=(
            Check(
                at="2024-03-31T02:31:00Z",
                whole=True,
                restored=True,
                restore_seconds=3.0,
            ),
        ),
    ),
    findings=(FINDING,),
    notes=("Restored by trial.",),
)
RESULTS: dict[str, Result] = {
    "inventory": INVENTORY,
    "plan": PLAN,
    "proof": PROOF,
    "status": STATUS,
    "run": RUN,
    "adoption": Adoption(
        database="shop",
        columns=(
            AdoptedColumn(
                schema="app",
                relation="orders",
                column="at",
                type="timestamp with time zone",
                zone="Etc/UTC",
                step="adopt_orders",
                revision=None,
                conversion=Ground.CONTRADICTED,
                why="2 of 3 rows are not what was says, read in Etc/UTC",
                rows_compared=3,
                offsets=(OffsetCount(offset="+05:00:00", count=2),),
                old_column="was",
            ),
        ),
        findings=(FINDING,),
        recorded=True,
        notes=("tzmigrate apply passes over what was adopted.",),
    ),
    "backup": KEPT,
    "backups": Shelf(
        path="/srv/\udcff",
        now="2024-04-01T00:00:00Z",
        backups=(KEPT,),
        broken=(("/srv/.x", "it was never finished"),),
    ),
    "restoration": Restoration(
        source="/srv/b",
        database="shop",
        tables=("app.orders",),
        swapped="shop_before_restore",
        seconds=2.5,
        since=(
            Since(schema="app", name="orders", rows_then=1, rows=None, written=None),
        ),
        safety="/srv/c",
    ),
}


def document(result: Result, verdicts: Verdicts | None = None) -> Any:
    if verdicts and isinstance(result, Inventory):
        known = {f.name: getattr(result, f.name) for f in fields(Inventory)}
        result = Survey(**known, verdicts=verdicts)
    return json.loads(as_json(document_of(result)))


def test_every_document_is_tried_here() -> None:
    assert RESULTS.keys() == DOCUMENTS.keys()


@pytest.mark.parametrize("name", RESULTS)
def test_a_document_says_what_it_is_and_fits_its_schema(name: str) -> None:
    found = document(RESULTS[name])
    assert (found["document"], found["version"]) == (f"tzmigrate.{name}", 1)
    assert list(found)[:2] == ["document", "version"]
    schema = json_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found, schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", RESULTS)
def test_a_schema_refuses_another_version(name: str) -> None:
    other = document(RESULTS[name]) | {"version": 2}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(other, json_schema(name))


def test_an_inventory_has_the_fields_of_the_contract() -> None:
    (column,) = document(INVENTORY)["columns"]
    wanted = """schema relation column relkind type family role nullable default rows
        bytes indexes dependents writers findings verdict"""
    assert set(column) >= set(wanted.split())
    assert column["relkind"] == "p"
    assert column["type"] == "timestamp(3) without time zone"
    assert column["family"] == "scalar"
    assert column["role"] == "stored"
    assert column["nullable"] is False
    assert column["rows"] == -1
    assert column["verdict"] is None
    assert column["findings"] == [
        {"code": "TZ110", "severity": "blocks", "message": "m", "hint": "h"}
    ]
    assert column["dependents"] == [
        {"kind": "view", "name": "view app.v", "code": "TZ110"}
    ]


@pytest.mark.parametrize(
    ("verdict", "meaning", "zone"),
    [
        (Verdict(basis=Basis.DECLARED, meaning="UTC", gap=1), "zone", "UTC"),
        (Verdict(basis=Basis.DECLARED, meaning=Keep()), "keep", None),
        (Verdict(basis=Basis.SHOWN, meaning=ByColumn(column="tz")), "column", None),
        (Verdict(basis=Basis.UNDECIDED), None, None),
    ],
)
def test_an_inventory_can_hold_verdicts(
    verdict: Verdict, meaning: str | None, zone: str | None
) -> None:
    found = document(INVENTORY, {COLUMN.name: verdict})
    jsonschema.validate(found, json_schema("inventory"))
    written = found["columns"][0]["verdict"]
    assert (written["meaning"], written["zone"]) == (meaning, zone)
    assert (written["basis"], written["gap"]) == (verdict.basis.value, verdict.gap)


def test_a_directory_that_is_no_text_can_stand_in_the_next_command() -> None:
    command = "tzmigrate apply --sql '/srv/\udcff'"
    found = document(replace(STATUS, next_command=command))
    assert found["next_command"] == "tzmigrate apply --sql '/srv/\\udcff'"


def test_a_plan_has_the_fields_of_the_contract() -> None:
    found = document(PLAN)
    (group,) = found["groups"]
    wanted = "relations columns strategy revision lock_estimate_ms"
    assert set(group) >= set(wanted.split())
    assert group["relations"] == [{"schema": "app", "relation": "Order"}]
    assert group["strategy"] == "rewrite"
    assert [(c["zone"], c["action"], c["code"]) for c in group["columns"]] == [
        ("Europe/Paris", "convert", None),
        ("Europe/Paris", "refuse", "TZ110"),
    ]
    assert found["written"] == ["/tmp/\\udcff.py"]


def test_a_proof_has_the_fields_of_the_contract() -> None:
    found = document(PROOF)
    assert found["outcome"] == "shifted"
    (column,) = found["columns"]
    wanted = """level rows_compared rows_total shifted changed missing offsets
        confidence"""
    assert set(column) >= set(wanted.split())
    assert column["offsets"] == [
        {"offset": "-05:00:00", "count": 40},
        {"offset": "-04:00:00", "count": 20},
    ]


def test_states_and_numbers_come_as_json_has_them() -> None:
    assert document(STATUS)["steps"][0]["state"] == "rolled back"
    assert document(RUN)["steps"][0]["seconds"] == 0.25
