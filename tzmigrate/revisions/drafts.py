"""From a plan to the drafts of its revisions, and back to a plan that names them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from tzmigrate.planning.model import Plan
from tzmigrate.planning.rules import Planned, PlannedBefore, Rules
from tzmigrate.revisions.files import new_revision_id
from tzmigrate.revisions.graph import RevisionGraph
from tzmigrate.revisions.ours import Kind, OurRevision
from tzmigrate.revisions.render import Body, Policy, group_body, support_body
from tzmigrate.revisions.template import Draft


def planned_before(ours: Sequence[OurRevision], done: Collection[str]) -> Planned:
    """Return what earlier plans wrote, for the planner.

    Args:
        ours: the revisions in the project.
        done: the steps that the ledger of the database calls done.
    """
    taken_back = {revision.inverts for revision in ours}
    return Planned(
        slugs=frozenset(revision.step for revision in ours),
        columns={
            (c.schema, c.relation, c.column): PlannedBefore(
                revision=revision.revision,
                file=revision.path.name,
                type_before=c.type_before,
                zone=c.zone or "UTC",
                done=revision.step in done,
            )
            for revision in ours
            if revision.kind is Kind.GROUP and revision.step not in taken_back
            for c in revision.columns
        },
    )


def pending(
    ours: Sequence[OurRevision], done: Collection[str]
) -> tuple[OurRevision, ...]:
    """Return the planned groups that will run before what is planned now.

    Args:
        ours: the revisions in the project, in the order in which they run.
        done: the steps that the ledger of the database calls done.
    """
    taken_back = {revision.inverts for revision in ours}
    return tuple(
        revision
        for revision in ours
        if revision.kind is Kind.GROUP
        and revision.step not in done
        and revision.step not in taken_back
    )


def draft_revisions(
    plan: Plan, graph: RevisionGraph | None, rules: Rules, *, head: str | None = None
) -> tuple[Draft, ...]:
    """Write the drafts of a plan, in the order in which they run.

    The first one installs the support, unless the project has it already; where that
    stands on another branch, the first one depends on it. A plan that converts nothing
    has no drafts.

    Args:
        plan: what converts.
        graph: the revisions that exist; ``None`` for a project still to be made.
        rules: the policy that the revisions enforce.
        head: the head to extend, as ``RevisionGraph.head`` takes it.
    """
    groups = [group for group in plan.groups if group.tables]
    if not groups:
        return ()
    ours = graph.ours() if graph is not None else ()
    known = graph if graph is not None else RevisionGraph(())
    taken: set[str] = set()

    def identifier() -> str:
        while True:
            found = new_revision_id(known)
            if found not in taken:
                taken.add(found)
                return found

    drafts = []
    base = graph.head(head) if graph is not None else None
    below = {base, *graph.earlier(base)} if graph is not None and base else set()
    support = [revision for revision in ours if revision.kind is Kind.SUPPORT]
    elsewhere: tuple[str, ...] = ()
    if not support:
        name = identifier()
        drafts.append(_draft(support_body(name), name))
    elif support[0].revision not in below:
        elsewhere = (support[0].revision,)
    standing = [revision for revision in ours if revision.revision in below]
    taken_back = {revision.inverts for revision in standing}
    steps = [
        revision.step
        for revision in standing
        if revision.kind is Kind.GROUP and revision.step not in taken_back
    ]
    predecessor = steps[-1] if steps else None
    for group in groups:
        revision = identifier()
        body = group_body(
            group,
            revision=revision,
            predecessor=predecessor,
            database={
                "name": plan.server.database,
                "system_identifier": plan.server.system_identifier,
            },
            server_major=plan.server.version // 10000,
            lock_timeout=plan.lock_timeout,
            policy=policy(rules),
        )
        drafts.append(replace(_draft(body, revision), depends_on=elsewhere))
        predecessor, elsewhere = group.slug, ()
    return tuple(drafts)


def with_revisions(
    plan: Plan, drafts: Sequence[Draft], paths: Sequence[Path] | None
) -> Plan:
    """Return the plan with the revision and file of each group."""
    places = {
        draft.slug: (draft.revision, str(paths[i]) if paths else None)
        for i, draft in enumerate(drafts)
    }
    groups = tuple(
        replace(g, revision=places[g.slug][0], path=places[g.slug][1])
        if g.slug in places
        else g
        for g in plan.groups
    )
    return replace(
        plan, groups=groups, written=tuple(str(p) for p in paths) if paths else ()
    )


def _draft(body: Body, revision: str) -> Draft:
    return Draft(
        revision=revision,
        slug=body.message,
        message=body.title,
        upgrade=body.upgrade,
        downgrade=body.downgrade,
        facts=body.metadata,
        constants=body.constants,
    )


def policy(rules: Rules) -> Policy:
    """Return what the revisions enforce of what the user asked for."""
    return Policy(
        gap="refuse",
        overlap="later" if rules.overlap == "later" else "refuse",
        proof=rules.proof,
    )
