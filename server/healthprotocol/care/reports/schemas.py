"""What a report is asked for with."""

from typing import Annotated

import msgspec
from msgspec import Meta


class PrintQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Without `version` the newest is printed."""

    version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
