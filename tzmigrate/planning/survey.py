"""What a plan starts from: rules, zones as the server spells them, and verdicts."""

from collections.abc import Iterable
from dataclasses import replace

from tzmigrate.config import Config, Eras, ZoneRule, match_zone
from tzmigrate.inventory.model import Column, Inventory, Role
from tzmigrate.planning.rules import Rules
from tzmigrate.postgres.session import Session
from tzmigrate.zones.evidence import with_clock_changes
from tzmigrate.zones.model import Basis, Verdict
from tzmigrate.zones.names import check_zone_name
from tzmigrate.zones.probe import count_clock_changes, known_zones


def rules_of(config: Config, accept: Iterable[str]) -> Rules:
    """Return what the configuration says of conversions."""
    policy = config.policy
    return Rules(
        gap=policy.gap.value,
        overlap=policy.overlap.value if policy.overlap is not None else None,
        using=policy.using.value,
        proof=policy.proof.value,
        precision=policy.precision.value,
        domains=policy.domains.value,
        max_lock_ms=policy.max_lock_ms,
        lock_timeout=policy.lock_timeout,
        accept=(*policy.accept, *accept),
    )


def checked_zones(session: Session, config: Config) -> Config:
    """Return the configuration with each zone in the server's own spelling."""
    known = known_zones(session)

    def checked(rule: ZoneRule) -> ZoneRule:
        def name(zone: str) -> str:
            return check_zone_name(zone, known, source=rule.source)

        if isinstance(rule.meaning, str):
            return replace(rule, meaning=name(rule.meaning))
        if isinstance(rule.meaning, Eras):
            before, then = name(rule.meaning.before), name(rule.meaning.then)
            return replace(
                rule, meaning=replace(rule.meaning, before=before, then=then)
            )
        return rule

    default = config.default_zone
    return replace(
        config,
        zones=tuple(checked(rule) for rule in config.zones),
        default_zone=None
        if default is None
        else check_zone_name(default, known, source=config.default_source),
    )


def verdicts_of(
    session: Session, config: Config, inventory: Inventory
) -> dict[tuple[str, str, str], Verdict]:
    """Return what is declared of each stored column, with rows at clock changes."""
    stored = [c for c in inventory.columns if c.role is Role.STORED]
    verdicts = {c.name: _verdict(config, c) for c in stored}
    return count_clock_changes(session, stored, verdicts, inventory.types)


def _verdict(config: Config, column: Column) -> Verdict:
    rule = match_zone(config.zones, column.schema, column.relation, column.column)
    if rule is not None:
        return Verdict(
            basis=Basis.DECLARED,
            meaning=rule.meaning,
            source=rule.source or rule.pattern,
        )
    if config.default_zone is not None:
        return Verdict(
            basis=Basis.DECLARED, meaning=config.default_zone, source="zones.default"
        )
    return Verdict(basis=Basis.UNDECIDED)


def with_evidence(session: Session, config: Config, inventory: Inventory) -> Inventory:
    """Return the inventory with what the data says about declared zones."""
    verdicts = verdicts_of(session, checked_zones(session, config), inventory)
    return with_clock_changes(inventory, verdicts)
