"""No text from a database steers a terminal, a page or a document."""

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tzmigrate.execution.model import Run, Status, StepRun, StepState, StepStatus
from tzmigrate.inventory.model import (
    Column,
    Family,
    Finding,
    Index,
    Inventory,
    Relation,
    RelKind,
    Role,
    Server,
    Severity,
)
from tzmigrate.planning.model import (
    Action,
    Group,
    Plan,
    PlannedColumn,
    RelationName,
    Strategy,
)
from tzmigrate.reporting.console import Result, make_console, page_of, show
from tzmigrate.reporting.documents import as_json, document_of
from tzmigrate.reporting.markdown import as_markdown, escape
from tzmigrate.reporting.page import Page, printed
from tzmigrate.reporting.visible import visible
from tzmigrate.verification.model import ColumnProof, OffsetCount, Outcome, Proof

NASTY = "a\x1b[31m\nb\t[bold red]c[/]\x9b1m|`d`<i>\u202e\u200b\\{e}${f}%s:x:'\"\x7f"
"""ESC, CSI, line end, tab, rich markup, pipes, backticks, HTML, bidi, and more."""
RAW = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]")


def finding(text: str) -> Finding:
    return Finding(code="TZ110", severity=Severity.BLOCKS, message=text, hint=text)


def inventory(text: str, *, columns: int = 1) -> Inventory:
    column = Column(
        schema=text,
        relation=text,
        column=text,
        relkind=RelKind.TABLE,
        type=text,
        family=Family.SCALAR,
        role=Role.STORED,
        nullable=True,
        default=text,
        rows=7,
        bytes=8192,
        relation_oid=1,
        attnum=1,
        indexes=(
            Index(
                name=text,
                definition=text,
                unique=False,
                constraint=None,
                key=True,
                plain=True,
                valid=True,
                bytes=1,
            ),
        ),
        findings=(finding(text),),
    )
    relation = Relation(
        oid=1,
        schema=text,
        name=text,
        relkind=RelKind.TABLE,
        owner=text,
        owned=True,
        rows=7,
        bytes=8192,
        root=1,
        leaves=1,
        engine=text,
    )
    return Inventory(
        server=server(text),
        relations=(relation,),
        columns=tuple(replace(column, attnum=n) for n in range(columns)),
        findings=(finding(text),),
    )


def server(text: str) -> Server:
    return Server(
        version=180000,
        version_text=text,
        database=text,
        database_oid=1,
        system_identifier=None,
        role=text,
        superuser=False,
    )


def plan(text: str) -> Plan:
    column = PlannedColumn(
        schema=text,
        relation=text,
        column=text,
        type_before=text,
        type_after=text,
        action=Action.CONVERT,
        zone=text,
        default_before=text,
    )
    refused = replace(
        column, action=Action.REFUSE, code="TZ110", reason=text, hint=text
    )
    group = Group(
        slug=text,
        relations=(RelationName(schema=text, name=text),),
        columns=(column, refused),
        strategy=Strategy.METADATA,
        lock_reason=text,
        revision=text,
        path=text,
    )
    return Plan(
        server=server(text),
        groups=(group,),
        findings=(finding(text),),
        decisions=(finding(text),),
        next_for_application=(text,),
        written=(text,),
    )


def proof(text: str) -> Proof:
    column = ColumnProof(
        schema=text,
        relation=text,
        column=text,
        step=text,
        revision=text,
        state="zoned",
        level="sample",
        rows_compared=1,
        rows_total=1,
        shifted=1,
        changed=0,
        missing=0,
        offsets=(OffsetCount(offset=text, count=1),),
        outcome=Outcome.SHIFTED,
        confidence=text,
        note=text,
    )
    return Proof(
        outcome=Outcome.SHIFTED,
        database=text,
        at=text,
        columns=(column,),
        findings=(finding(text),),
    )


def status(text: str) -> Status:
    step = StepStatus(
        step=text, revision=text, state=StepState.DRIFT, tables=(text,), note=text
    )
    return Status(database=text, steps=(step,), next_command=text)


def run(text: str) -> Run:
    step = StepRun(step=text, revision=text, attempts=1, seconds=0.1, tables=(text,))
    return Run(
        direction="up",
        steps=(step,),
        pending=(text,),
        written=(text,),
        notes=(text,),
    )


Make = Callable[[str], Result]
RESULTS: list[Make] = [inventory, plan, proof, status, run]


def shown(result: Result, *, width: int = 120) -> str:
    return printed(page_of(result, width=width, everything=True))


@pytest.mark.parametrize("make", RESULTS)
def test_a_terminal_never_gets_a_raw_control_character(make: Make) -> None:
    text = shown(make(NASTY))
    assert not RAW.search(text)
    assert r"\x1b[31m\nb" in "".join(text.split())


@pytest.mark.parametrize("make", RESULTS)
def test_rich_markup_in_a_name_is_only_text(make: Make) -> None:
    name = "[bold]x[/bold]:smile:[link=http://e]"
    assert name in shown(make(name), width=400).replace("\n", "")


@pytest.mark.parametrize("make", RESULTS)
def test_a_json_document_is_ascii_and_gives_names_back_unchanged(make: Make) -> None:
    text = as_json(document_of(make(NASTY)))
    assert text.isascii()
    assert not RAW.search(text)
    assert NASTY in set(_strings(json.loads(text)))


@pytest.mark.parametrize("make", RESULTS)
def test_markdown_has_no_raw_html_and_no_broken_row(make: Make) -> None:
    text = as_markdown(make(NASTY))
    assert not RAW.search(text)
    assert "<" not in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(cells) == 1


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _strings(item)
        case dict():
            for item in value.values():
                yield from _strings(item)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("Straße 雪 é", "Straße 雪 é"),
        ("\x00\x1b\x7f\x9b", r"\x00\x1b\x7f\x9b"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\u202e\u2066\u200f", r"\u202e\u2066\u200f"),
        ("\u2028\ufeff\xad", r"\u2028\ufeff\xad"),
        ("\udc80", r"\udc80"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, expected: str) -> None:
    assert visible(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("snake_case", "snake_case"),
        ("_x_", r"\_x\_"),
        ("`x` *y* [z](u)", r"\`x\` \*y\* \[z\](u)"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("@team", "&#64;team"),
        ("a\\", r"a\\"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_no_colour_without_a_terminal() -> None:
    file = io.StringIO()
    show(proof("x"), make_console(file))
    assert "\x1b" not in file.getvalue()


@pytest.mark.parametrize("no_colour", [True, False])
def test_colours_only_on_a_terminal_and_not_against_no_color(
    monkeypatch: pytest.MonkeyPatch, *, no_colour: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    if not no_colour:
        monkeypatch.delenv("NO_COLOR", raising=False)
    file = Terminal()
    show(proof("x"), make_console(file))
    assert ("\x1b[1;31m" in file.getvalue()) is not no_colour


def test_no_name_is_cut_off_on_a_narrow_terminal() -> None:
    name = "n" * 63
    text = shown(inventory(name), width=60)
    assert name in text.replace("\n", "").replace(" ", "")


def test_many_columns_are_listed_as_completely_as_few() -> None:
    small, large = (
        shown(inventory("orders", columns=count)).splitlines() for count in (2, 1000)
    )
    assert len(large) - len(small) == 998
    row = next(line for line in small if line.startswith("  orders"))
    assert row.split() == next(x for x in large if x.startswith("  orders")).split()


def test_a_page_folds_words_but_never_a_line() -> None:
    page = Page(40)
    page.line("x " * 60)
    page.paragraph("word " * 20, lead="- ", indent=4)
    lines = printed(page).splitlines()
    assert len(lines[0]) == 120
    assert max(len(line) for line in lines[1:]) <= 44
