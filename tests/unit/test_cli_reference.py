"""The reference pages say what the program does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tzmigrate.cli import reference
from tzmigrate.errors import ExitStatus

DOCS = Path(__file__).parents[2] / "docs/reference"
VERBS = [name for name, _ in reference.helps()]


@pytest.mark.parametrize("name", reference.pages())
def test_generated_pages_are_up_to_date(name: str) -> None:
    """Write them anew with: python -m tzmigrate.cli.reference."""
    assert (DOCS / name).read_text("utf-8") == reference.pages()[name]


def test_no_schema_is_left_of_a_document_that_is_gone() -> None:
    found = {path.name for path in DOCS.glob("*.schema.json")}
    assert found == {n for n in reference.pages() if n.endswith(".schema.json")}


@pytest.mark.parametrize("command", VERBS)
def test_help_as_typed_is_the_one_in_the_reference(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "100"},
    )
    assert done.stderr == ""
    assert f"$ {command} --help\n{done.stdout.rstrip()}\n```" in (
        DOCS / "cli.md"
    ).read_text("utf-8")


@pytest.mark.parametrize(("command", "text"), list(reference.helps()))
def test_help_opens_with_what_the_verb_does_and_ends_with_two_examples(
    command: str, text: str
) -> None:
    opening = text.split("\n\n")[1].strip()
    assert re.fullmatch(r"[A-Z][a-z]+ .*\.", opening, re.DOTALL)
    examples = text.rstrip().split("Examples:\n")[1].splitlines()
    assert len(examples) == 2
    assert all("tzmigrate" in example for example in examples)
    if command != "tzmigrate":
        assert all(command in example for example in examples)


@pytest.mark.parametrize("command", [c for c in VERBS if c.count(" ")])
def test_h_is_left_free(command: str) -> None:
    text = dict(reference.helps())[command]
    assert re.search(r"^  --help ", text, re.MULTILINE)
    assert not re.search(r"^  -h\b", text, re.MULTILINE)


@pytest.mark.parametrize(
    "verb",
    [
        verb
        for verb in VERBS
        if verb not in {"tzmigrate", "tzmigrate demo"} | reference.groups()
    ],
)
def test_every_verb_takes_the_common_options(verb: str) -> None:
    text = dict(reference.helps())[verb]
    # a list of directories asks no server
    url = () if verb == "tzmigrate backup list" else ("--url",)
    for option in (*url, "--config", "--format", "--output", "-q, ", "-v, "):
        assert f"  {option}" in text


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"sqlalchemy", "psycopg", "alembic", "rich", "pydantic"}),
        # typer itself asks pydantic how to read an option's value
        (["plan", "--help"], {"sqlalchemy", "psycopg", "alembic", "rich"}),
    ],
)
def test_help_is_quick_it_loads_no_driver(
    arguments: list[str], heavy: set[str]
) -> None:
    code = (
        f"import sys; from tzmigrate.cli import main; main({arguments});"
        f"sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_of_exit_statuses_has_each_status_and_no_other() -> None:
    text = (DOCS / "exit-statuses.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d) \| ([A-Z_]+) \|", text, re.MULTILINE)
    assert [(int(number), name) for number, name in rows] == [
        (status.value, status.name) for status in ExitStatus
    ]


def test_the_page_of_exit_statuses_has_each_verb() -> None:
    text = (DOCS / "exit-statuses.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w ]+)` \|", text, re.MULTILINE)
    verbs = [verb for verb in VERBS[1:] if verb not in reference.groups()]
    assert sorted(f"tzmigrate {verb}" for verb in rows) == sorted(verbs)
