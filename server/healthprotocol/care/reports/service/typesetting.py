"""
Documents set in type, as tagged PDF/UA: readable by a screen reader, with headings, lists and a language.

The document goes to the typesetter as data, never as markup: nothing that somebody wrote is ever read as a command. The
template asks for no package and no file, so nothing is fetched.
"""

import asyncio
import re
from datetime import datetime
from typing import Any

import msgspec

from healthprotocol.care.reports.errors import TooManyReports
from healthprotocol.care.reports.model import ProtocolDocument
from healthprotocol.care.reports.rules.document import LANGUAGE

# One is set at a time; so many may wait, each with the connection of its request.
_MOST_WAITING = 3

_TEMPLATE = """
#let doc = json(bytes(sys.inputs.document))
#set document(title: doc.title, date: none)
#set text(lang: sys.inputs.language, region: none, size: 10pt, font: ("Libertinus Serif", "New Computer Modern"))
#set page(
  paper: "a4", margin: (x: 22mm, y: 24mm), numbering: "1 / 1",
  header: context if counter(page).get().first() > 1 { text(size: 8pt, fill: luma(90))[#doc.title · #doc.edition] },
)
#set par(justify: false, leading: 0.65em)
#show heading: set block(above: 1.5em, below: 0.7em, sticky: true)
#let lines(value) = value.split("\\n").join(linebreak())
#let facts(rows) = for (name, value) in rows {
  terms.item(name, lines(value))
}

#title()
#text(fill: luma(60), doc.edition)

#lines(doc.description)

#facts(doc.facts)

#if doc.content.len() > 0 { heading(level: 1, "About this protocol") }
#for block in doc.content {
  if block.kind == "heading" { heading(level: 2, block.text) }
  else if block.kind == "item" and block.marker == "•" { list.item(lines(block.text)) }
  else if block.kind == "item" { enum.item(int(block.marker.trim(".")), lines(block.text)) }
  else if block.kind == "quote" { quote(block: true, lines(block.text)) }
  else if block.kind == "code" { raw(block: true, block.text) }
  else { par(lines(block.text)) }
}

#for phase in doc.phases {
  heading(level: 1, phase.title)
  par(text(fill: luma(60), phase.days))
  if phase.description != "" { par(lines(phase.description)) }
  for activity in phase.activities {
    heading(level: 2, activity.title)
    par(text(fill: luma(60), activity.kind + " · " + activity.schedule))
    if activity.instructions != "" { par(lines(activity.instructions)) }
    facts(activity.lines)
  }
}
""".encode()

_PRIMARY = re.compile(r"[a-z]{2,3}")
# No font has control characters; the line break is none that is shown.
_CONTROL = {number: None for number in (*range(0x20), *range(0x7F, 0xA0)) if number != ord("\n")}

# One that waits or is set, until its thread has ended, though who asked may be gone.
_setting = asyncio.Semaphore(1)
_waiting = 0


async def typeset(document: ProtocolDocument, *, at: datetime) -> bytes:
    """Return the document as PDF, stamped `at`. Raises TooManyReports when several are being made already."""
    global _waiting  # noqa: PLW0603 - one count a process, like the processor that it guards
    if _waiting >= _MOST_WAITING:
        raise TooManyReports(retry_after_seconds=3)
    _waiting += 1
    try:
        await _setting.acquire()
    except BaseException:
        _waiting -= 1
        raise
    # Nobody can stop the thread: whoever goes away leaves the place taken until it has ended.
    work = asyncio.ensure_future(asyncio.to_thread(_compile, document, at))
    work.add_done_callback(_let_go)
    return await asyncio.shield(work)


def _let_go(work: "asyncio.Future[bytes]") -> None:
    global _waiting  # noqa: PLW0603 - as above
    _waiting -= 1
    _setting.release()
    if not work.cancelled():
        # Whoever asked may be gone: what went wrong is then nobody's, and not to be told of as forgotten.
        work.exception()


def _compile(document: ProtocolDocument, at: datetime) -> bytes:
    # Half a second to load, and few processes ever print.
    import typst  # noqa: PLC0415

    said = {
        "document": msgspec.json.encode(_printable(msgspec.to_builtins(document))).decode(),
        "language": _language(document.language),
    }
    settings: dict[str, Any] = {"format": "pdf", "sys_inputs": said, "timestamp": int(at.timestamp())}
    try:
        # With the fonts that the typesetter brings: the same document everywhere, whatever the machine has.
        return typst.compile(_TEMPLATE, ignore_system_fonts=True, pdf_standards=["ua-1"], **settings)
    except typst.TypstError:
        # Its fonts lack a script that the protocol is written in. The machine may have one; PDF/UA promises that every
        # character is there, so without that promise, but tagged all the same.
        return typst.compile(_TEMPLATE, ignore_system_fonts=False, **settings)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_CONTROL)
    if isinstance(value, dict):
        return {name: _printable(one) for name, one in value.items()}
    return [_printable(one) for one in value]


def _language(tag: str) -> str:
    primary = tag.partition("-")[0].lower()
    return primary if _PRIMARY.fullmatch(primary) else LANGUAGE
