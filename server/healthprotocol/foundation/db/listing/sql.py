"""
The text of SQL, as a type: what was written in this repository, or put together from nothing else.

`LiteralString` is the type checker's own proof (PEP 675): a str that came from outside is not one, whatever is done to
it, so no function that asks for `SqlText` can be given a caller's words. That is also why placeholders are looked up
and never formatted from a number.
"""

from typing import LiteralString, TypeAlias

SqlText: TypeAlias = LiteralString

# More than the most comparisons of a filter, the keys of an order and a statement's own arguments can need.
_NUMBERED: SqlText = (
    "$1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 $13 $14 $15 $16 $17 $18 $19 $20 $21 $22 $23 $24 $25 $26 $27 $28 $29 "
    "$30 $31 $32 $33 $34 $35 $36 $37 $38 $39 $40 $41 $42 $43 $44 $45 $46 $47 $48 $49 $50 $51 $52 $53 $54 $55 $56 "
    "$57 $58 $59 $60 $61 $62 $63 $64 $65 $66 $67 $68 $69 $70 $71 $72 $73 $74 $75 $76 $77 $78 $79 $80 $81 $82 $83 "
    "$84 $85 $86 $87 $88 $89 $90 $91 $92 $93 $94 $95 $96 $97 $98 $99 $100 $101 $102 $103 $104 $105 $106 $107 "
    "$108 $109 $110 $111 $112 $113 $114 $115 $116 $117 $118 $119 $120 $121 $122 $123 $124 $125 $126 $127 $128 "
)
_PLACEHOLDERS: tuple[SqlText, ...] = tuple(_NUMBERED.split())


def placeholder(number: int) -> SqlText:
    """Return `$number`, counted from 1. Raises IndexError past 128."""
    return _PLACEHOLDERS[number - 1]
