"""What an import tells its reader: what was understood, kept, adjusted, refused, or not looked at."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from healthprotocol.care.protocols.model import Kept, ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import Source

Outcome = Literal["understood", "kept", "adjusted", "refused", "ignored"]

MAX_FINDINGS = 5_000
MAX_KEPT = 2_000
_MAX_KEPT_TEXT = 4_000


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """
    One line of the report.

    `pointer` is a JSON pointer into `file` (or a line and column where there is no JSON yet).
    `detail` says what and why and never quotes a value; `code` is stable, for programs.
    """

    outcome: Outcome
    file: str
    pointer: str
    code: str
    detail: str


class ReadProtocol(msgspec.Struct, frozen=True, kw_only=True):
    """One care protocol read from files: valid against the model's limits, with what it came from."""

    content: ProtocolContent
    source: Source
    report: tuple[Finding, ...]


class ImportReading(msgspec.Struct, frozen=True, kw_only=True):
    """
    What some files hold.

    A protocol is in `protocols` whole, or not at all; then `report` says where and why. `report`
    also names the files that are no protocol; what concerns one protocol is in that protocol's own report.
    """

    protocols: tuple[ReadProtocol, ...]
    report: tuple[Finding, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings for which something was not imported."""
        return tuple(finding for finding in self.report if finding.outcome == "refused")


class Report:
    """Collects the findings on one protocol. Past the limits it counts instead, and the last line says how many."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._findings: list[Finding] = []
        self._kept: list[Kept] = []
        self._refused = False
        self._findings_left_out = 0
        self._kept_left_out = 0

    @property
    def is_refused(self) -> bool:
        """Whether anything was found for which the whole protocol is not imported."""
        return self._refused

    def understood(self, file: str, pointer: str, detail: str) -> None:
        """Note a part that will be executed."""
        self._add("understood", file, pointer, "understood", detail)

    def adjusted(self, file: str, pointer: str, code: str, detail: str) -> None:
        """Note a part whose meaning was clear enough to mend, and how it was mended."""
        self._add("adjusted", file, pointer, code, detail)

    def refused(self, file: str, pointer: str, code: str, detail: str) -> None:
        """Note a part for which the whole protocol is refused."""
        self._refused = True
        self._add("refused", file, pointer, code, detail)

    def kept(self, file: str, pointer: str, what: str, text: str) -> None:
        """Note a part that cannot be executed: shown to staff with `text`, and exported unchanged."""
        if len(self._kept) >= MAX_KEPT - 1:
            self._kept_left_out += 1
            return
        place = pointer if file == self.file else f"{file}#{pointer}"
        shown = text if len(text) <= _MAX_KEPT_TEXT else text[: _MAX_KEPT_TEXT - 1] + "…"
        self._kept.append(Kept(pointer=place, what=what, text=shown))
        self._add("kept", file, pointer, "kept", f"Kept and shown, not executed: {what}.")

    def kept_parts(self) -> tuple[Kept, ...]:
        """Return what is kept, at most as many as a protocol may hold."""
        if not self._kept_left_out:
            return tuple(self._kept)
        rest = Kept(pointer="", what="more", text=f"{self._kept_left_out} more parts are kept in the imported file.")
        return (*self._kept, rest)

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings in the order they were made, refusals never left out."""
        if not self._findings_left_out:
            return tuple(self._findings)
        more = f"{self._findings_left_out} more findings are not listed."
        rest = Finding(outcome="understood", file=self.file, pointer="", code="more", detail=more)
        return (*self._findings, rest)

    def _add(self, outcome: Outcome, file: str, pointer: str, code: str, detail: str) -> None:
        if len(self._findings) >= MAX_FINDINGS and outcome != "refused":
            self._findings_left_out += 1
            return
        if len(self._findings) >= 2 * MAX_FINDINGS:
            self._findings_left_out += 1
            return
        self._findings.append(Finding(outcome=outcome, file=file, pointer=pointer, code=code, detail=detail))


def refusals(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return those findings for which something was refused."""
    return tuple(finding for finding in findings if finding.outcome == "refused")
