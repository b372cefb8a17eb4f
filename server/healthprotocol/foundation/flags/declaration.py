"""Declare flags, and keep them in one list: what is not in it does not exist."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, TypedDict, Unpack

from healthprotocol.foundation.flags.model import OFF, ON, Flag, Kind

_KEY = re.compile(r"[a-z][a-z0-9]*([.-][a-z0-9]+){1,5}")
_VARIANT = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
MOST_FLAGS = 500
MOST_VARIANTS = 20


class About(TypedDict, total=False):
    """What a person must know of a flag; `ends_on` and `for_client` may be left out."""

    owner: str
    description: str
    created_on: date
    ends_on: date | None
    for_client: bool


def boolean(key: str, *, default: bool = False, **about: Unpack[About]) -> Flag[bool]:
    """Declare a flag that is on or off. Off is what a kill makes it, whatever the default."""
    return _checked(
        Flag(
            key=key,
            kind=Kind.BOOLEAN,
            variants={ON: True, OFF: False},
            default=ON if default else OFF,
            off=OFF,
            **_complete(about),
        )
    )


def string(key: str, variants: Mapping[str, str], *, default: str, off: str, **about: Unpack[About]) -> Flag[str]:
    """Declare a flag with texts by name; `default` and `off` are such names."""
    return _checked(
        Flag(key=key, kind=Kind.STRING, variants=dict(variants), default=default, off=off, **_complete(about))
    )


def number(key: str, variants: Mapping[str, float], *, default: str, off: str, **about: Unpack[About]) -> Flag[float]:
    """Declare a flag with numbers by name; `default` and `off` are such names."""
    return _checked(
        Flag(key=key, kind=Kind.NUMBER, variants=dict(variants), default=default, off=off, **_complete(about))
    )


class Registry:
    """Every flag of a process, by key. Raises ValueError when two share one."""

    def __init__(self, flags: Iterable[Flag[Any]] = ()) -> None:
        self._flags: dict[str, Flag[Any]] = {}
        for flag in flags:
            if flag.key in self._flags:
                message = f"flag {flag.key} is declared twice"
                raise ValueError(message)
            self._flags[flag.key] = flag
        if len(self._flags) > MOST_FLAGS:
            message = f"{len(self._flags)} flags are more than anybody can look after ({MOST_FLAGS})"
            raise ValueError(message)

    def get(self, key: str) -> Flag[Any] | None:
        """Return the flag of this key, None when the code declares none."""
        return self._flags.get(key)

    def __iter__(self) -> Iterator[Flag[Any]]:
        return iter(self._flags.values())

    def __len__(self) -> int:
        return len(self._flags)


def _complete(about: About) -> dict[str, Any]:
    missing = {"owner", "description", "created_on"} - {name for name, value in about.items() if value}
    if missing:
        message = f"a flag needs {', '.join(sorted(missing))}: somebody will have to decide about it"
        raise ValueError(message)
    return dict(about)


def _checked(flag: Flag[Any]) -> Flag[Any]:
    faults: list[str] = []
    if not _KEY.fullmatch(flag.key):
        faults.append("a key is words in lower case joined by dots and hyphens, area first: area.what-it-does")
    if not 2 <= len(flag.variants) <= MOST_VARIANTS:  # noqa: PLR2004 - a flag with one value decides nothing
        faults.append(f"a flag has 2 to {MOST_VARIANTS} variants")
    faults += [f"variant {name!r} is no name" for name in flag.variants if not _VARIANT.fullmatch(name)]
    faults += [f"there is no variant {name!r}" for name in (flag.default, flag.off) if name not in flag.variants]
    if flag.ends_on is not None and flag.ends_on < flag.created_on:
        faults.append("it ends before it was created")
    if faults:
        message = f"flag {flag.key}: {'; '.join(faults)}"
        raise ValueError(message)
    return flag
