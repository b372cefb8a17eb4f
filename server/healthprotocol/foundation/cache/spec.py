"""What is cached under which terms: one spec for each kind of value. Tags and keys belong to an organisation."""

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")

# A value that nobody invalidates by mistake must still end. The sweep of epochs relies on this, too.
LONGEST_SECONDS = 86_400.0

Key = Any
"""What names a value within its spec: str, int, UUID, date, None, or a tuple of these. It must be hashable."""

_TAG = re.compile(r"[a-z][a-z_]{0,39}(:[0-9a-f-]{36})?")


class CacheSpec(msgspec.Struct, Generic[T], frozen=True, kw_only=True, eq=False):
    """
    One kind of cached value. Values are handed out as they are kept: `kind` must be immutable.

    `version` grows when `kind` or the meaning of the key changes, so that two releases do not read each other's values.
    For `fresh_seconds` a value is simply served; after that it is served and made anew behind the request's back, until
    it is `stale_seconds` old. None means that it never ages, which is right for what never changes; it is dropped after
    a day all the same. A changed tag ends a value at once, fresh or not.
    `negative_seconds` is how long "there is none" (None) is believed; None: it is not remembered at all.
    `share` is the part of the process's memory for all caches that this kind may take, from 0 to 1.
    `shared` keeps it in Redis too, sealed; else it is in the memory of processes only.
    `keep` says which values may be kept at all; None: every one.
    `exact` asks for the epochs at each use: what anybody has committed before is never missed, for one question more.
    """

    name: str
    kind: Any
    version: int = 1
    fresh_seconds: float | None = None
    stale_seconds: float | None = None
    negative_seconds: float | None = None
    share: float = 0.1
    shared: bool = False
    keep: Callable[[T], bool] | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for terms that contradict themselves."""
        if not re.fullmatch(r"[a-z][a-z_]{0,39}", self.name):
            raise ValueError("a cache is named by lower-case letters and underscores")
        if not 0 < self.share <= 1:
            raise ValueError("the share is a part of the whole")
        if self.stale_seconds is not None and self.stale_seconds < (self.fresh_seconds or 0.0):
            raise ValueError("a value is not stale before it has stopped being fresh")
        for seconds in (self.fresh_seconds, self.stale_seconds, self.negative_seconds):
            if seconds is not None and not 0 < seconds <= LONGEST_SECONDS:
                raise ValueError("a value lives longer than no time and at most a day")

    @property
    def lives_seconds(self) -> float:
        """How old a value may be when it is served."""
        return self.stale_seconds or self.fresh_seconds or LONGEST_SECONDS

    def is_alive(self, *, age_seconds: float, is_negative: bool) -> bool:
        """Tell whether a value of this age may be served, by its age alone."""
        lives = self.negative_seconds if is_negative else self.lives_seconds
        return lives is not None and age_seconds < lives


def tag(noun: str, object_id: UUID | None = None) -> str:
    """Name what values depend on: a noun alone stands for all of the organisation's. Raises ValueError."""
    return require_tag(noun if object_id is None else f"{noun}:{object_id}")


def require_tag(text: str) -> str:
    """Return the tag itself. Raises ValueError when it could hold more than a noun and an id."""
    if not _TAG.fullmatch(text):
        raise ValueError("a tag is a noun, or a noun and an id")
    return text
