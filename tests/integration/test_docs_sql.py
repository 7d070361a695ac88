"""The SQL of the documentation does what the page beside it says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = "==== next block ===="


def shown(page: Path) -> Iterator[tuple[str, str | None]]:
    """Yield each SQL block with the result that follows it, if one does."""
    blocks = BLOCK.findall(page.read_text("utf-8"))
    followed = [*blocks[1:], ("", "")]
    for (kind, text), (next_kind, next_text) in zip(blocks, followed, strict=True):
        if kind == "sql":
            yield text, next_text if next_kind == "text" else None


def tidy(text: str) -> list[str]:
    """Compare cells, not the padding that depends on the widest of them."""
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    return [x for x in lines if x and not re.fullmatch(r"[-+]+|\(\d+ rows?\)", x)]


@pytest.mark.parametrize(
    "name", ["explanation/why-timestamps-shift.md", "how-to/gap-rows.md"]
)
def test_the_sql_of_a_page_gives_the_results_that_it_shows(
    sample: Any, name: str
) -> None:
    pairs = list(shown(DOCS / name))
    script = f"\n\\echo '{MARK}'\n".join(text for text, _ in pairs)
    given = sample.psql(script).stdout.split(MARK)

    for (text, wanted), got in zip(pairs, given, strict=True):
        if wanted is not None:
            assert tidy(got) == tidy(wanted), text


def gap_page(kind: str, number: int) -> str:
    blocks = BLOCK.findall((DOCS / "how-to" / "gap-rows.md").read_text("utf-8"))
    return [text for k, text in blocks if k == kind][number]


def test_the_query_of_the_gap_page_finds_four_gap_rows_and_five_overlap_rows(
    sample: Any,
) -> None:
    sample.execute(
        "INSERT INTO app.bookings (user_id, room, starts_at, ends_at)"
        " SELECT 1, 'far', v, v FROM unnest(ARRAY['infinity', '-infinity',"
        " '4714-11-24 00:00 BC', '294276-12-31 23:59:59', '1883-11-18 12:30',"
        " '0001-01-01']::timestamp[]) AS v"
    )
    rows = sample.psql("\\pset format csv\n" + gap_page("sql", 0)).stdout.splitlines()

    found = [tuple(row.split(",")[:2]) for row in rows[1:]]
    assert found == [("gap", str(n)) for n in range(1, 5)] + [
        ("overlap", str(n)) for n in range(5, 10)
    ]


def test_no_gap_row_is_left_after_the_correction_of_the_gap_page(sample: Any) -> None:
    correction = gap_page("sql", 2)
    assert "UPDATE app.bookings" in correction
    sample.psql(correction)

    left = sample.psql("\\pset format csv\n" + gap_page("sql", 0)).stdout
    assert "gap," not in left
    assert left.count("overlap,") == 5
