"""Which flags require which: no flag may, by however many steps, require itself."""

from collections.abc import Iterable, Mapping


def cycle(requires: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the keys along one cycle, the first again at the end; empty when there is none."""
    done: set[str] = set()
    for start in requires:
        found = _cycle_from(start, requires, done)
        if found:
            return found
    return ()


def _cycle_from(start: str, requires: Mapping[str, Iterable[str]], done: set[str]) -> tuple[str, ...]:
    # Depth first with a stack of our own: what people typed must not be able to exhaust Python's.
    path: list[str] = []
    waiting: list[tuple[str, bool]] = [(start, False)]
    while waiting:
        key, is_left = waiting.pop()
        if is_left:
            path.pop()
            done.add(key)
            continue
        if key in path:
            return (*path[path.index(key) :], key)
        if key in done:
            continue
        path.append(key)
        waiting.append((key, True))
        waiting += [(needed, False) for needed in requires.get(key, ())]
    return ()
