"""From a plan to the scripts of its steps, and back to a plan that names files."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from tzmigrate.planning.model import Plan
from tzmigrate.planning.rules import Planned, PlannedBefore, Rules
from tzmigrate.revisions.graph import RevisionGraph, new_revision_id
from tzmigrate.revisions.ours import Kind, OurRevision
from tzmigrate.revisions.render import Policy, Script, group_script, support_script
from tzmigrate.revisions.writing import Written


def planned_before(
    ours: Sequence[OurRevision], done: Collection[str], *, schema: str | None = None
) -> Planned:
    """Return what earlier plans wrote, for the planner.

    Args:
        ours: the revisions in the project.
        done: the steps that the ledger of the database calls done.
        schema: the one that is planned without its name; what an earlier plan did so
            runs there too.
    """
    taken_back = {revision.inverts for revision in ours}
    return Planned(
        slugs=frozenset(revision.step for revision in ours),
        columns={
            (
                (schema or c.schema) if c.schema == revision.unqualified else c.schema,
                c.relation,
                c.column,
            ): PlannedBefore(
                revision=revision.revision,
                file=revision.path.name,
                type_before=c.type_before,
                zone=c.zone or "UTC",
                done=revision.recorded_as(schema or revision.unqualified) in done,
            )
            for revision in ours
            if revision.kind is Kind.GROUP and revision.step not in taken_back
            for c in revision.columns
        },
    )


def pending(
    ours: Sequence[OurRevision], done: Collection[str], *, schema: str | None = None
) -> tuple[OurRevision, ...]:
    """Return the planned groups that will run before what is planned now.

    Args:
        ours: the revisions in the project, in the order in which they run.
        done: the steps that the ledger of the database calls done.
        schema: as for ``planned_before``.
    """
    taken_back = {revision.inverts for revision in ours}
    return tuple(
        revision
        for revision in ours
        if revision.kind is Kind.GROUP
        and revision.recorded_as(schema or revision.unqualified) not in done
        and revision.step not in taken_back
    )


def plan_scripts(
    plan: Plan,
    graph: RevisionGraph | None,
    rules: Rules,
    *,
    head: str | None = None,
    schema: str | None = None,
) -> tuple[Script, ...]:
    """Write the scripts of a plan, in the order in which they run.

    The first one installs the support, unless the project has it already; where that
    stands on another branch, the first one depends on it. A plan that converts nothing
    has no scripts.

    Args:
        plan: what converts.
        graph: the revisions that exist; ``None`` for a project still to be made.
        rules: the policy that the scripts enforce.
        head: the head to extend, as ``RevisionGraph.head`` takes it.
        schema: the one that the names in the revisions leave out.
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

    scripts = []
    base = graph.head(head) if graph is not None else None
    below = {base, *graph.earlier(base)} if graph is not None and base else set()
    support = [revision for revision in ours if revision.kind is Kind.SUPPORT]
    elsewhere: tuple[str, ...] = ()
    if not support:
        scripts.append(support_script(identifier()))
    elif support[0].revision not in below:
        elsewhere = (support[0].revision,)
    standing = [revision for revision in ours if revision.revision in below]
    taken_back = {revision.inverts for revision in standing}
    steps = [
        revision.step
        for revision in standing
        if revision.kind is Kind.GROUP
        and revision.step not in taken_back
        # the ledger knows steps of tenants by other names
        and (revision.unqualified is None) is (schema is None)
    ]
    predecessor = steps[-1] if steps else None
    for group in groups:
        script = group_script(
            group,
            revision=identifier(),
            predecessor=predecessor,
            database={
                "name": plan.server.database,
                "system_identifier": plan.server.system_identifier,
            },
            server_major=plan.server.version // 10000,
            lock_timeout=plan.lock_timeout,
            policy=policy(rules),
            schema=schema,
        )
        scripts.append(replace(script, depends_on=elsewhere))
        predecessor, elsewhere = group.slug, ()
    return tuple(scripts)


def with_revisions(
    plan: Plan, scripts: Sequence[Script], written: Written | None
) -> Plan:
    """Return the plan with the revision and file of each group."""
    revisions = {script.slug: script.revision for script in scripts}
    paths = written.by_revision if written is not None else {}
    groups = tuple(
        replace(
            group,
            revision=revisions[group.slug],
            path=str(paths[revisions[group.slug]]) if paths else None,
        )
        if group.slug in revisions
        else group
        for group in plan.groups
    )
    return replace(
        plan,
        groups=groups,
        written=tuple(str(path) for path in written.paths) if written else (),
    )


def policy(rules: Rules) -> Policy:
    """Return what the scripts enforce of what the user asked for."""
    return Policy(
        gap="refuse",
        overlap="later" if rules.overlap == "later" else "refuse",
        proof=rules.proof,
    )
