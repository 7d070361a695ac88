"""Findings are documented, and their words survive any name."""

import re
from pathlib import Path
from string import Formatter

import pytest

from tzmigrate.inventory.findings import (
    DEPENDENT_CODES,
    FAMILY_CODES,
    REGISTRY,
    RULES,
    UNKNOWN_DEPENDENT,
    Rule,
    find,
)

CODES = Path(__file__).parents[2] / "docs" / "reference" / "codes.md"
SECTION = re.compile(r"^### (TZ1\d\d) (.+)$", re.MULTILINE)


def sections() -> dict[str, tuple[str, str]]:
    text = CODES.read_text()
    heads = list(SECTION.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return {
        head[1]: (head[2], text[head.end() : end])
        for head, end in zip(heads, ends, strict=True)
    }


def test_codes_are_unique_and_in_the_range_of_findings() -> None:
    assert len(REGISTRY) == len(RULES)
    assert all(re.fullmatch(r"TZ1[0-7]\d", code) for code in REGISTRY)


def test_every_code_that_is_used_is_registered() -> None:
    used = {*DEPENDENT_CODES.values(), *FAMILY_CODES.values(), UNKNOWN_DEPENDENT}
    assert used <= set(REGISTRY)


def test_every_finding_has_its_page_and_every_page_its_finding() -> None:
    assert {code: title for code, (title, _) in sections().items()} == {
        rule.code: rule.title for rule in RULES
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_page_has_condition_effect_remedy_and_two_examples(rule: Rule) -> None:
    _, text = sections()[rule.code]

    assert f"Severity: {rule.severity.value}\n" in text
    places = [
        text.index(part)
        for part in ("**Condition.**", "**Effect.**", "**Remedy.**", "Bad:", "Good:")
    ]
    assert places == sorted(places)
    assert text.count("```sql") == 2


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_messages_are_short_and_hints_are_sentences(rule: Rule) -> None:
    assert not rule.message.endswith(".")
    assert "\n" not in rule.message
    assert rule.hint.endswith(".")
    assert rule.hint[0].isupper()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_names_are_never_read_as_templates(rule: Rule) -> None:
    fields = {
        name
        for text in (rule.message, rule.hint)
        for _, name, _, _ in Formatter().parse(text)
        if name
    }
    nasty = "{x} %s {0} ${}"
    finding = find(rule.code, **dict.fromkeys(fields, nasty))

    assert nasty in finding.message
    assert finding.severity is rule.severity
