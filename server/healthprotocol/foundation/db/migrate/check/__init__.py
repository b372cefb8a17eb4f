"""
The checker of revisions: our own rules, and squawk where it is installed.

Revisions from before phases were a habit are asked only for what PostgreSQL can tell. A finding is let through by
`-- Allow: rule, because …` at the head of the file.
"""

from collections.abc import Sequence

import msgspec

# Each module enters its rules when it is loaded.
from healthprotocol.foundation.db.migrate.check import locks as locks
from healthprotocol.foundation.db.migrate.check import phases as phases
from healthprotocol.foundation.db.migrate.check import tables as tables
from healthprotocol.foundation.db.migrate.check.case import RULES, Case, Finding
from healthprotocol.foundation.db.migrate.check.squawk import lint, program
from healthprotocol.foundation.db.migrate.files import Release, Revision, releases

__all__ = ["RULES", "Checked", "Finding", "check_files"]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what was found."""

    revisions: int
    rules: int
    has_squawk: bool
    findings: tuple[Finding, ...]


def check_files(revisions: Sequence[Revision], *, released: Sequence[Release] | None = None) -> Checked:
    """
    Hold the revisions, all in order, to the rules.

    `released` is what is out; None reads it from the folder of the first revision. Raises MigrationFailed when a file
    cannot be read.
    """
    if released is None:
        released = releases(revisions[0].up.parent) if revisions else ()
    asked = [revision for revision in revisions if not revision.is_before_phases]
    findings: list[Finding] = []
    for revision in asked:
        earlier = [other for other in revisions if other.number < revision.number]
        findings += _own(Case(revision, earlier, released))
    findings += [finding for finding in lint(asked) if not _is_allowed(finding.rule, _revision_of(finding, asked))]
    ordered = tuple(sorted(findings, key=lambda one: (one.file, one.line, one.rule)))
    return Checked(revisions=len(asked), rules=len(RULES), has_squawk=program() is not None, findings=ordered)


def _own(case: Case) -> list[Finding]:
    found: list[Finding] = []
    for one in RULES.values():
        if _is_allowed(one.name, case.revision):
            continue
        for said in one.look(case):
            path = case.revision.down if said.is_back else case.revision.up
            found.append(
                Finding(file=path.name, line=said.line, rule=one.name, message=said.message, remedy=one.remedy)
            )
    return found


def _revision_of(finding: Finding, revisions: Sequence[Revision]) -> Revision:
    return next(one for one in revisions if finding.file in {one.up.name, one.down.name})


def _is_allowed(rule: str, revision: Revision) -> bool:
    return any(value.partition(",")[0].strip() == rule for value in revision.forwards.head.get("Allow", ()))
