"""A protocol as a document to be printed. Pure values: text and its place, no markup."""

from typing import Literal

import msgspec

BlockKind = Literal["heading", "paragraph", "item", "quote", "code"]


class Block(msgspec.Struct, frozen=True):
    """A piece of rich text; `marker` is what stands before an item of a list, `•` or its number."""

    kind: BlockKind
    text: str
    marker: str = ""


class ActivityPart(msgspec.Struct, frozen=True, kw_only=True):
    """One activity in words. `lines` are name and value, such as `Target`, `up to 135 mm[Hg]`."""

    title: str
    kind: str
    schedule: str
    instructions: str
    lines: tuple[tuple[str, str], ...] = ()


class PhasePart(msgspec.Struct, frozen=True, kw_only=True):
    """One phase: `days` says which plan days it lasts."""

    title: str
    days: str
    description: str
    activities: tuple[ActivityPart, ...]


class ProtocolDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a care protocol in words. `language` is a BCP 47 tag for screen readers."""

    title: str
    language: str
    edition: str
    description: str
    facts: tuple[tuple[str, str], ...]
    content: tuple[Block, ...]
    phases: tuple[PhasePart, ...]


class Printed(msgspec.Struct, frozen=True):
    """A finished document."""

    name: str
    body: bytes
