"""A proof that is kept says what was compared, and can be repeated."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tzmigrate.errors import UsageError
from tzmigrate.postgres.session import connect, read_only
from tzmigrate.postgres.url import Target
from tzmigrate.verification.certificate import read_certificate, repeated
from tzmigrate.verification.model import Outcome
from tzmigrate.verification.verifier import verify as verify_ledger

TABLES = """
CREATE TABLE rewritten (id bigint PRIMARY KEY, began timestamp, ended timestamp);
INSERT INTO rewritten SELECT g, timestamp '2024-01-15 12:00:00.000001' + g * interval
    '1 day', CASE WHEN g % 3 > 0 THEN timestamp '2024-01-15' END
FROM generate_series(1, 1000) AS g;
CREATE TABLE "Kept, as %s it: is" (id bigint PRIMARY KEY, at timestamp);
INSERT INTO "Kept, as %s it: is" SELECT g, timestamp '2024-06-15' + g * interval '1 h'
FROM generate_series(1, 1000) AS g;
"""
ZONES = '[zones]\ndefault = "UTC"\n"public.rewritten.*" = "America/New_York"\n'


@pytest.fixture
def converted(database: Any, make_project: Callable[..., Any]) -> Any:
    database.execute(TABLES)
    project = make_project(database.url)
    project.configure(f'{ZONES}[policy]\noverlap = "later"\naccept = ["TZ301"]\n')
    project.plan()
    project.apply()
    return project


@pytest.fixture
def verify(converted: Any, shell_in: Callable[[Path], Any]) -> Callable[..., Any]:
    """Type ``tzmigrate verify`` in the project."""
    shell = shell_in(converted.root)
    return lambda *words: shell.run("verify", "--url", converted.url, *words)


def written(project: Any, name: str = "proof.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.root / name).read_text("utf-8"))
    return found


def codes(document: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in document["findings"]}


def test_it_says_what_was_compared_with_what_by_whom_and_how(
    converted: Any, verify: Any, database: Any
) -> None:
    done = verify("--output", "proof.json", "--level", "full")
    assert (done.status, done.out) == (0, ""), done.err
    found = written(converted)
    assert (found["outcome"], found["level"]) == ("proved", "full")
    server = found["server"]
    identifier, role, oid, version = database.execute(
        "SELECT system_identifier::text, current_user, oid::bigint,"
        " current_setting('server_version') FROM pg_control_system(), pg_database"
        " WHERE datname = current_database()"
    )[0]
    assert server["system_identifier"] == identifier
    assert (server["role"], server["standby"]) == (role, False)
    assert (server["database_oid"], server["version"]) == (oid, version)
    kept, rewritten = sorted(found["baselines"], key=lambda b: str(b["relation"]))
    assert rewritten["rows"] == 1000
    assert kept["rows"] is None
    assert kept["rows_recorded"] == rewritten["rows_recorded"] == 1000
    for baseline in (kept, rewritten):
        assert (baseline["recorded_by"], baseline["direction"]) == (role, "up")
        assert len(bytes.fromhex(baseline["sha256"])) == 32
    assert kept["sha256"] != rewritten["sha256"]
    columns = {c["column"]: c for c in found["columns"]}
    # the statements are what anybody can run, and give what the certificate says
    for baseline, names in ((kept, ["at"]), (rewritten, ["began", "ended"])):
        sample, zone, whole = baseline["statements"]
        with database.connect() as connection:
            rows = connection.execute(sample.encode()).fetchall()
            assert sum(row[8] for row in rows) == 1000 * len(names)
            assert all(row[4] for row in rows)
            connection.execute(zone.encode())
            count, _, sums, *_ = connection.execute(whole.encode()).fetchone()
        assert count == 1000
        assert [str(s) for s in sums] == [columns[n]["fingerprint"] for n in names]
    for name in ("began", "ended"):
        column = columns[name]
        assert column["fingerprint_before"] == column["fingerprint"]
    assert columns["at"]["fingerprint_before"] is None


def test_the_name_of_the_file_says_how_it_is_written(
    converted: Any, verify: Any
) -> None:
    assert verify("--output", "proof.md").status == 0
    text = (converted.root / "proof.md").read_text("utf-8")
    assert text.startswith("# Proof for database")
    assert "## Baselines" in text
    assert verify("--output", "proof.txt").status == 0
    assert (converted.root / "proof.txt").read_text("utf-8").startswith("proof for")
    assert verify("--output", "proof.json", "--format", "text").status == 0
    assert (converted.root / "proof.json").read_text("utf-8").startswith("proof for")


def test_it_is_repeated_with_what_happened_since(
    converted: Any, verify: Any, database: Any
) -> None:
    assert verify("--output", "proof.json", "--level", "full").status == 0
    again = verify("--against", "proof.json", "--format", "json")
    assert again.status == 0, again.err
    document = json.loads(again.out)
    assert document["level"] == "full"
    assert {"every value is as it was" in c["note"] for c in document["columns"]} == {
        True
    }
    database.execute("INSERT INTO rewritten VALUES (5000, now(), now())")
    database.execute('DELETE FROM "Kept, as %s it: is" WHERE id = 7')
    after = json.loads(verify("--against", "proof.json", "--format", "json").out)
    assert after["outcome"] == "proved"
    notes = {c["column"]: c["note"] for c in after["columns"]}
    assert "values were written or removed since" in notes["began"]
    assert "values were written or removed since" in notes["at"]
    database.execute("UPDATE rewritten SET began = began + interval '5 h'")
    later = verify("--against", "proof.json", "--format", "json", "--level", "sample")
    assert later.status == 4
    document = json.loads(later.out)
    assert (document["level"], document["outcome"]) == ("sample", "suspect")


def test_a_ledger_that_was_written_since_is_no_baseline(
    converted: Any, verify: Any, database: Any
) -> None:
    assert verify("--output", "proof.json").status == 0
    # whoever moves values and the ledger alike is unseen without a certificate
    hour = 3_600_000_000
    database.execute("UPDATE rewritten SET began = began + interval '1 h'")
    database.execute(
        f"UPDATE tzmigrate.sample SET instant[1] = instant[1] + {hour} WHERE step_id ="
        " (SELECT id FROM tzmigrate.step WHERE relation_name = 'rewritten')"
    )
    assert verify("--level", "sample").status == 0
    done = verify("--against", "proof.json", "--format", "json", "--level", "sample")
    assert done.status == 4
    document = json.loads(done.out)
    assert "TZ431" in codes(document)
    assert {c["column"]: c["outcome"] for c in document["columns"]} == {
        "began": "unproved",
        "ended": "unproved",
        "at": "proved",
    }


def test_what_was_taken_back_and_done_again_has_another_baseline(
    converted: Any, verify: Any
) -> None:
    assert verify("--output", "proof.json").status == 0
    converted.rollback(everything=True)
    assert verify("--against", "proof.json").status == 4
    converted.apply()
    done = verify("--against", "proof.json", "--format", "json")
    assert done.status == 4
    document = json.loads(done.out)
    assert "TZ430" in codes(document)
    assert {c["outcome"] for c in document["columns"]} == {"unproved"}


def test_a_certificate_of_another_database_does_not_fit(
    converted: Any,
    verify: Any,
    make_database: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    assert verify("--output", "proof.json").status == 0
    other = make_database()
    other.execute(TABLES)
    project = make_project(other.url, name="other")
    project.configure(f'{ZONES}[policy]\noverlap = "later"\naccept = ["TZ301"]\n')
    project.plan()
    project.apply()
    found = project.verify(against=converted.root / "proof.json")
    assert found.outcome is Outcome.UNPROVED
    assert {"TZ430", "TZ431"} & {f.code for f in found.findings}


def test_a_restored_copy_in_another_cluster_is_compared_by_its_values(
    converted: Any, verify: Any
) -> None:
    assert verify("--output", "proof.json", "--level", "full").status == 0
    proof = read_certificate(converted.root / "proof.json")
    assert proof.server is not None
    elsewhere = replace(proof, server=replace(proof.server, system_identifier="7"))
    found = repeated(elsewhere, proof)
    assert found.outcome is Outcome.PROVED
    assert found.findings[0].code == "TZ432"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"x"',
        "\udcff",
        '{"document": "tzmigrate.plan", "version": 1}',
        '{"document": "tzmigrate.proof", "version": 2}',
        '{"document": "tzmigrate.proof", "version": 1}',
        '{"document": "tzmigrate.proof", "version": 1, "outcome": "fine",'
        ' "database": "d", "at": "now", "columns": [], "findings": []}',
        '{"document": "tzmigrate.proof", "version": 1, "outcome": "proved",'
        ' "database": "d", "at": "now", "columns": [], "findings": []}',
    ],
)
def test_what_is_no_certificate_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UsageError, match="is not a certificate") as caught:
        read_certificate(path)
    assert caught.value.code == "TZ285"
    assert caught.value.detail


def test_a_file_that_is_missing_is_an_error(verify: Any) -> None:
    verify("--against", "none.json").is_error(2, "TZ285", "No such file")


@pytest.mark.parametrize("how", ["cancelled", "connection lost", "Ctrl-C"])
def test_what_ends_it_early_leaves_an_unproved_document(
    how: str, converted: Any, database: Any, shell_in: Callable[[Path], Any]
) -> None:
    import signal  # noqa: PLC0415

    shell = shell_in(converted.root)
    with psycopg.connect(database.url) as holder:
        # in the order of the ledger one table comes first and is compared
        (last,) = holder.execute(
            "SELECT format('%I.%I', relation_schema, relation_name)"
            " FROM tzmigrate.step ORDER BY id DESC LIMIT 1"
        ).fetchone() or ("",)
        holder.execute(f"LOCK TABLE {last} IN ACCESS EXCLUSIVE MODE".encode())
        words = ("verify", "--url", database.url, "--output", "proof.json")
        with shell.start(*words) as process:
            waiting = 0
            while not waiting:
                (waiting,) = holder.execute(
                    "SELECT max(pid) FROM pg_locks WHERE NOT granted"
                ).fetchone() or (0,)
                assert process.poll() is None
            if how == "Ctrl-C":
                process.send_signal(signal.SIGINT)
            else:
                end = "cancel" if how == "cancelled" else "terminate"
                holder.execute(f"SELECT pg_{end}_backend(%s)".encode(), (waiting,))
            done = shell.end(process)
    assert done.status == 5, done.err
    found = written(converted)
    assert found["outcome"] == "unproved"
    outcomes = {c["relation"]: c["outcome"] for c in found["columns"]}
    assert sorted(outcomes.values()) == ["proved", "unproved"]
    code = {"cancelled": "TZ506", "connection lost": "TZ507", "Ctrl-C": "TZ590"}[how]
    assert code in codes(found)


class Interrupted(psycopg.Cursor[Any]):
    """A signal comes after a comparison was sent, and before the wait for it."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        if "tzmigrate.sample AS p LEFT JOIN" not in str(query):
            return super().execute(query, params, **options)
        self.connection.pgconn.send_query(b"SELECT pg_sleep(100)")
        raise KeyboardInterrupt


def test_an_interrupt_before_the_wait_leaves_an_unproved_document(
    converted: Any,
) -> None:
    with connect(Target(converted.url)) as session, read_only(session):
        session.cursor_factory = Interrupted
        proof = verify_ledger(session)
    assert (proof.outcome, proof.ended_early) == (Outcome.UNPROVED, True)
    assert "TZ590" in {finding.code for finding in proof.findings}
    assert {column.outcome for column in proof.columns} == {Outcome.UNPROVED}


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "no columns": lambda d: d.update(columns=[]),
    "no list of columns": lambda d: d.pop("columns"),
    "a baseline taken out": lambda d: d["baselines"].pop(),
    "no moment": lambda d: d.update(at="yesterday"),
    "no level": lambda d: d.update(level="bogus"),
    "another version": lambda d: d.update(version=2),
}


def test_a_damaged_certificate_is_none(converted: Any, verify: Any) -> None:
    assert verify("--output", "proof.json").status == 0
    whole = (converted.root / "proof.json").read_text("utf-8")
    for damage in DAMAGE.values():
        document = json.loads(whole)
        damage(document)
        (converted.root / "damaged.json").write_text(json.dumps(document), "utf-8")
        verify("--against", "damaged.json").is_error(2, "TZ285", "damaged.json")


def test_what_was_cut_out_of_a_certificate_is_missed(
    converted: Any, verify: Any
) -> None:
    time.sleep(1.1)
    assert verify("--output", "proof.json").status == 0
    document = json.loads((converted.root / "proof.json").read_text("utf-8"))
    for part in ("columns", "baselines"):
        document[part] = [x for x in document[part] if x["relation"] == "rewritten"]
    (converted.root / "cut.json").write_text(json.dumps(document), "utf-8")
    done = verify("--against", "cut.json", "--format", "json")
    assert done.status == 4
    assert "TZ433" in codes(json.loads(done.out))
    document["baselines"][0]["revision"] = "aaaaaaaaaaaa"
    (converted.root / "cut.json").write_text(json.dumps(document), "utf-8")
    done = verify("--against", "cut.json", "--format", "json")
    assert done.status == 4
    assert "the file has another revision" in done.out


def test_a_certificate_without_a_proof_is_no_proof_later(
    converted: Any, verify: Any, database: Any
) -> None:
    database.execute("UPDATE rewritten SET began = began + interval '5 h'")
    done = verify("--output", "proof.json", "--level", "sample")
    assert done.status == 4
    assert "wrote proof.json: suspect" in done.err
    database.execute("UPDATE rewritten SET began = began - interval '5 h'")
    assert verify("--level", "sample").status == 0
    done = verify("--against", "proof.json", "--format", "json")
    assert done.status == 4
    document = json.loads(done.out)
    assert "TZ434" in codes(document)
    outcomes = {c["column"]: c["outcome"] for c in document["columns"]}
    assert outcomes == {"began": "unproved", "ended": "proved", "at": "proved"}


def test_old_columns_are_compared_again(
    converted: Any, verify: Any, database: Any
) -> None:
    database.execute(
        "ALTER TABLE rewritten ADD kept timestamp;"
        "UPDATE rewritten SET kept = began AT TIME ZONE 'America/New_York'"
    )
    named = ("--old-column", "public.rewritten.began=kept")
    assert verify(*named, "--output", "proof.json").status == 0
    again = json.loads(verify("--against", "proof.json", "--format", "json").out)
    old = {c["column"]: c["old_column"] for c in again["columns"]}
    assert old == {"began": "kept", "ended": None, "at": None}
    assert again["outcome"] == "proved"
    database.execute("ALTER TABLE rewritten DROP kept")
    done = verify("--against", "proof.json", "--format", "json")
    assert done.status == 4
    assert (
        "its old column kept, which the certificate was made with, is gone" in done.out
    )
