"""Bytes that come in parts of any size, cut into lines; a line that is too long is passed over, never gathered."""

from collections import deque
from typing import NamedTuple

LONGEST_LINE_BYTES = 1024 * 1024


class Line(NamedTuple):
    """A line without its LF; a CR before it stays. `ends_at` is the offset behind it; `text` None: it was too long."""

    number: int
    ends_at: int
    text: bytes | None


class LineCutter:
    """Cuts lines out of what it is fed. Holds at most one unfinished line and the lines that nobody took yet."""

    def __init__(self, *, offset: int, number: int, longest: int = LONGEST_LINE_BYTES) -> None:
        self._longest = longest
        self._rest = b""
        self._offset = offset
        self._number = number
        self._is_passing_over = False
        self._lines: deque[Line] = deque()

    def feed(self, part: bytes) -> None:
        """Take the next bytes of the file."""
        pieces = (self._rest + part).split(b"\n") if self._rest else part.split(b"\n")
        self._rest = pieces.pop()
        for piece in pieces:
            self._offset += len(piece) + 1
            self._add(piece)
        if len(self._rest) > self._longest:
            # Too long already: only how long it is matters from here on.
            self._offset += len(self._rest)
            self._rest = b""
            self._is_passing_over = True

    def close(self) -> None:
        """Say that nothing more comes: what is left is the last line, when there is any."""
        if self._rest or self._is_passing_over:
            self._offset += len(self._rest)
            self._add(self._rest)
            self._rest = b""

    def take(self) -> Line | None:
        """Return the next whole line, None when more bytes are needed."""
        return self._lines.popleft() if self._lines else None

    def give_back(self, line: Line) -> None:
        """Have `line`, which was the last one taken, taken once more."""
        self._lines.appendleft(line)

    def _add(self, piece: bytes) -> None:
        if self._is_passing_over or len(piece) > self._longest:
            text, self._is_passing_over = None, False
        else:
            text = piece
        self._lines.append(Line(self._number, self._offset, text))
        self._number += 1
