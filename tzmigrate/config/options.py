"""What the command line adds to the configuration file."""

from collections.abc import Iterable
from dataclasses import replace

from tzmigrate.config.globs import parse_pattern
from tzmigrate.config.model import Config, Keep, Meaning, ZoneRule
from tzmigrate.errors import UsageError


def with_zone_options(config: Config, options: Iterable[str]) -> Config:
    """Add ``--zone PATTERN=ZONE``; one takes the place of the file's same pattern.

    ``default=ZONE`` sets the default zone.

    Raises:
        UsageError: an option has another form.
    """
    rules = {rule.pattern: rule for rule in config.zones}
    default = config.default_zone
    for option in options:
        # names may hold an equals sign, zones never do
        pattern, equals, zone = (part.strip() for part in option.rpartition("="))
        if not (pattern and equals and zone):
            raise UsageError(
                "TZ209",
                f"{option!r} does not say which zone",
                hint="Write --zone PATTERN=ZONE, such as"
                " --zone public.orders.*=Europe/Paris.",
            )
        if pattern == "default":
            default = zone
            continue
        parse_pattern(pattern)
        meaning: Meaning = Keep() if zone == "keep" else zone
        rules[pattern] = ZoneRule(pattern=pattern, meaning=meaning, source="--zone")
    return replace(config, zones=tuple(rules.values()), default_zone=default)
