"""The documentation and the code say the same."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from tzmigrate.cli.app import app
from tzmigrate.config import Config, load_config
from tzmigrate.errors import ExitStatus
from tzmigrate.execution import runner
from tzmigrate.planning import locks
from tzmigrate.revisions import render

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "tzmigrate"
PAGES = sorted(
    [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), ROOT / "sample_schema" / "README.md"]
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ENTRY = re.compile(r"^### (TZ\d{3}) (.+)$", re.MULTILINE)


def every_page() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", PAGES, ids=NAMES)


def text_of(*parts: str) -> str:
    return DOCS.joinpath(*parts).read_text("utf-8")


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text("utf-8"))


# ------------------------------------------------------------------- codes


def codes_in_source() -> set[str]:
    found = set()
    for path in [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.sql")]:
        found |= set(re.findall(r"""["'](TZ\d{3})["']""", path.read_text("utf-8")))
    return found


def entries() -> dict[str, str]:
    """Return the text of each code's entry, over both pages."""
    found = {}
    for name in ("codes.md", "codes-errors.md"):
        text = text_of("reference", name)
        heads = list(ENTRY.finditer(text))
        ends = [head.start() for head in heads[1:]] + [len(text)]
        for head, end in zip(heads, ends, strict=True):
            assert head[1] not in found, f"{head[1]} has two entries"
            found[head[1]] = text[head.end() : end]
    return found


def test_every_code_of_the_source_is_documented() -> None:
    assert codes_in_source() - set(entries()) == set()


def test_every_documented_code_stands_in_the_source() -> None:
    assert set(entries()) - codes_in_source() == set()


def test_every_entry_has_condition_effect_and_remedy() -> None:
    for code, text in entries().items():
        places = [
            text.find(f"**{word}.** ") for word in ("Condition", "Effect", "Remedy")
        ]
        assert -1 not in places, code
        assert places == sorted(places), code


def test_errors_stand_in_order_under_the_heading_of_their_exit_status() -> None:
    text = text_of("reference", "codes-errors.md")
    parts = re.split(r"^## .*\(TZ(\d)nn, exit (\d)\)$", text, flags=re.MULTILINE)[1:]
    digits = []
    for digit, status, part in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        codes = [code for code, _ in ENTRY.findall(part)]
        assert codes == sorted(codes)
        assert {code[2] for code in codes} == {digit}
        assert ExitStatus(int(status)) is ExitStatus(int(digit))
        digits.append(int(digit))
    assert digits == [s for s in ExitStatus if s not in {0, 1}]


@every_page()
def test_every_code_that_a_page_mentions_exists(page: Path) -> None:
    mentioned = set(re.findall(r"\bTZ[1-6]\d{2}\b", page.read_text("utf-8")))
    # ranges that are reserved for findings
    assert mentioned - set(entries()) - {"TZ101", "TZ179"} == set()


def test_the_exit_statuses_of_the_page_are_those_of_the_program() -> None:
    rows = re.findall(
        r"^\| (\d) \| (\w+) \|", text_of("reference", "exit-statuses.md"), re.MULTILINE
    )
    assert [(int(n), name) for n, name in rows] == [
        (s.value, s.name) for s in ExitStatus
    ]


# ------------------------------------------------------------------- links


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", head.lower()) for head in heads]
    return {head.replace(" ", "-") for head in plain}


@every_page()
def test_every_relative_link_resolves(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for link in LINK.findall(prose(page)):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in reached:
                waiting.append(target)
    assert set(DOCS.rglob("*.md")) - reached == set()


# ---------------------------------------------------------------- commands


def verbs() -> dict[str, set[str]]:
    """Return the options of each verb, and of the program under an empty name."""

    def below(path: str, command: Any) -> dict[str, set[str]]:
        found = {path: {option for each in command.params for option in each.opts}}
        for name, other in getattr(command, "commands", {}).items():
            found |= below(f"{path} {name}".strip(), other)
        return found

    return below("", typer.main.get_command(app))


def command_lines(page: Path) -> list[str]:
    text = page.read_text("utf-8")
    lines = [span for span in INLINE.findall(prose(page)) if "$ " not in span]
    for kind, block in BLOCK.findall(text):
        if kind == "console":
            lines += re.findall(r"^\$ (.+)$", block, re.MULTILINE)
    calls = [re.split(r"\btzmigrate ", f" {line}", maxsplit=1)[1:] for line in lines]
    return [call[0].partition("  #")[0] for call in calls if call]


@every_page()
def test_every_verb_and_option_that_a_page_mentions_exists(page: Path) -> None:
    known = verbs()
    for line in command_lines(page):
        words = [word.strip("'\"") for word in line.split()]
        verb = words[0] if re.fullmatch(r"[a-z][a-z-]*", words[0]) else ""
        if " ".join(words[:2]) in known:
            verb = " ".join(words[:2])
        if not verb and not words[0].startswith("-"):
            continue  # the text of an error: `tzmigrate TZ310: …`
        assert verb in known, line
        options = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert options - known[verb] - {"--help"} == set(), line


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "cli.md"], ids=str)
def test_every_option_that_stands_alone_belongs_to_some_verb(page: Path) -> None:
    known = set().union(*verbs().values())
    for span in INLINE.findall(prose(page)):
        if span.startswith("--"):
            assert re.split(r"[ =]", span)[0] in known, span


def test_every_verb_stands_in_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert {v for v in verbs() if v and f"`tzmigrate {v}`" not in text} == set()


# ----------------------------------------------------------- configuration


def toml_examples() -> list[tuple[str, str]]:
    return [
        (f"{page.relative_to(ROOT)}:{number}", block)
        for page in PAGES
        for number, (kind, block) in enumerate(BLOCK.findall(page.read_text("utf-8")))
        if kind == "toml"
    ]


@pytest.mark.parametrize(
    "example",
    [text for _, text in toml_examples()],
    ids=[n for n, _ in toml_examples()],
)
def test_every_toml_example_is_a_configuration(example: str, tmp_path: Path) -> None:
    file = tmp_path / "tzmigrate.toml"
    file.write_text(example, encoding="utf-8")
    assert load_config(file).path == file


def _as_toml(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "`[]`" if value == () else f'`"{value}"`'


def test_every_key_of_the_configuration_is_documented_with_its_default() -> None:
    text = text_of("reference", "configuration.md")
    config = Config()
    names = ("policy", "scan", "alembic", "backup", "shadow")
    for name in names:
        section = text.split(f"\n## [{name}]\n")[1].split("\n## ")[0]
        shown = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", section, re.MULTILINE))
        table = getattr(config, name)
        assert shown == {
            key: _as_toml(getattr(table, key)) for key in table.__dataclass_fields__
        }
    example = tomllib.loads(BLOCK.findall(text)[0][1])
    assert set(example) == {"url", "zones", *names}
    assert set(example["policy"]) == set(config.policy.__dataclass_fields__)


# ------------------------------------------------------- ledger and figures


def test_every_column_of_the_ledger_is_documented() -> None:
    sql = (SOURCE / "revisions" / "support" / "tables.sql").read_text("utf-8")
    page = text_of("reference", "ledger.md")
    for name, body in re.findall(
        r"CREATE TABLE tzmigrate\.(\w+) \((.*?)\n\);", sql, re.DOTALL
    ):
        columns = set(re.findall(r"^    ([a-z_]+) ", body, re.MULTILINE))
        section = page.split(f"## tzmigrate.{name}\n")[1].split("\n## ")[0]
        cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
        assert {c for cell in cells for c in INLINE.findall(cell)} == columns, name


def test_the_figures_of_the_pages_are_those_of_the_code() -> None:
    page = text_of("explanation", "locks-and-rewrites.md")
    rates = (
        locks._INDEX_BYTES_PER_MS,
        locks._HEAP_BYTES_PER_MS,
        locks._SCAN_BYTES_PER_MS,
    )
    assert [f"{rate // 1000} MB/s" for rate in rates] == re.findall(r"\d+ MB/s", page)
    assert f"| {locks._BASE_MS} ms |" in page
    assert f"tries {runner.ATTEMPTS} times" in page
    assert (runner._FIRST_PAUSE, runner._LONGEST_PAUSE) == (0.5, 15)
    assert f"`lock_timeout` ({Config().policy.lock_timeout[:-1]} s)" in page

    proof = text_of("explanation", "what-the-proof-proves.md")
    assert f"up to {render.SAMPLE_ROWS} rows" in proof
    assert f"{100 * (1 - 0.05 ** (1 / render.SAMPLE_ROWS)):.2f} %" in proof
