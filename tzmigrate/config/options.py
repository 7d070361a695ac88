"""What the command line adds to the configuration file."""

from collections.abc import Iterable
from dataclasses import replace

from tzmigrate.config.globs import parse_pattern
from tzmigrate.config.model import CODE, Config, Keep, Meaning, ZoneRule
from tzmigrate.errors import UsageError


def with_zone_options(config: Config, options: Iterable[str]) -> Config:
    """Add ``--zone PATTERN=ZONE``; one takes the place of the file's same pattern.

    ``default=ZONE`` sets the default zone.

    Raises:
        UsageError: an option has another form.
    """
    rules = {rule.pattern: rule for rule in config.zones}
    default, source = config.default_zone, config.default_source
    for option in options:
        # names may hold an equals sign, zones never do
        pattern, equals, zone = (part.strip() for part in option.rpartition("="))
        if not (pattern and equals and zone):
            raise UsageError(
                "TZ209",
                f"{option!r} does not say which zone",
                hint="Write --zone PATTERN=ZONE, such as --zone default=UTC or"
                " --zone 'public.orders.*=Europe/Paris'.",
            )
        if pattern == "default" and zone.lower() == "keep":
            raise UsageError(
                "TZ208",
                "the default cannot be to keep: it is the zone of all other columns",
                hint="To keep every column that nothing else names, write --zone"
                " '*.*.*=keep'.",
            )
        if pattern == "default":
            default, source = zone, "--zone"
            continue
        parse_pattern(pattern)
        meaning: Meaning = Keep() if zone == "keep" else zone
        rules[pattern] = ZoneRule(pattern=pattern, meaning=meaning, source="--zone")
    return replace(
        config,
        zones=tuple(rules.values()),
        default_zone=default,
        default_source=source,
    )


def check_accepted(codes: Iterable[str]) -> tuple[str, ...]:
    """Return the codes of ``--accept``, each of which has to be one.

    Raises:
        UsageError: it has not the form of a code, and would accept nothing.
    """
    found = tuple(codes)
    for code in found:
        if not CODE.fullmatch(code):
            raise UsageError(
                "TZ284",
                f"{code!r} is not the code of a finding",
                hint="Write it as the finding shows it, such as --accept TZ301.",
            )
    return found
