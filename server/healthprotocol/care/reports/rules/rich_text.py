"""Sanitised rich text taken apart into blocks of plain text: nothing of its markup reaches the typesetter."""

from html.parser import HTMLParser

from healthprotocol.care.reports.model import Block, BlockKind

_KINDS: dict[str, BlockKind] = {
    "h2": "heading",
    "h3": "heading",
    "h4": "heading",
    "p": "paragraph",
    "li": "item",
    "tr": "paragraph",
    "blockquote": "quote",
    "pre": "code",
}
_MOST_BLOCKS = 5_000
_MOST_DIGITS = 5


def blocks(html: str) -> tuple[Block, ...]:
    """
    Return the text of rich text, block by block, at most 5,000: a row of a table is a paragraph of its cells.

    What is not closed ends with the text; what stands outside of any block is a paragraph.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end_block()
    return tuple(reader.found[:_MOST_BLOCKS])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Block] = []
        self._kind: BlockKind = "paragraph"
        self._marker = ""
        self._text = ""
        # The number of the next item for each list that is open; None for one with bullets.
        self._lists: list[int | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._text += "\n"
        elif tag in {"td", "th"} and self._text.strip():
            self._text += " | "
        elif tag in {"ul", "ol"}:
            self.end_block()
            self._lists.append(_first_number(attrs) if tag == "ol" else None)
        elif tag in _KINDS and not (tag == "p" and self._kind in {"item", "quote"} and not self._text.strip()):
            self.end_block()
            self._kind = _KINDS[tag]
            self._marker = self._next_marker() if tag == "li" else ""

    def handle_endtag(self, tag: str) -> None:
        if tag in {"ul", "ol"}:
            self.end_block()
            self._lists = self._lists[:-1]
        elif tag in _KINDS:
            self.end_block()

    def handle_data(self, data: str) -> None:
        # A line break of the source is a space to the reader, except where the text is preformatted.
        self._text += data if self._kind == "code" else data.replace("\n", " ")

    def end_block(self) -> None:
        text = self._text.strip("\n") if self._kind == "code" else _folded(self._text)
        if text:
            self.found.append(Block(self._kind, text, self._marker))
        self._kind, self._marker, self._text = "paragraph", "", ""

    def _next_marker(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "•"
        self._lists[-1] = number + 1
        return f"{number}."


def _first_number(attrs: list[tuple[str, str | None]]) -> int:
    start = dict(attrs).get("start") or ""
    return int(start) if start.isascii() and start.isdigit() and len(start) <= _MOST_DIGITS else 1


def _folded(text: str) -> str:
    """The text with its white space folded as a browser would, line breaks that were written kept."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())
