"""The resources that came together, and how one finds another: canonical with |version, contained, relative, urn."""

from collections.abc import Iterable

from healthprotocol.care.protocols.rules.exchange.nodes import Node

_REFERENCE_PARTS = 2


class Definitions:
    """An index over resources. What several have in common is not guessed: the newest version is taken, and said."""

    def __init__(self, resources: Iterable[tuple[Node, str | None]]) -> None:
        """Index resources, each with the fullUrl of its Bundle entry where it has one."""
        self._by_url: dict[str, list[Node]] = {}
        self._by_type_and_id: dict[str, list[Node]] = {}
        self._by_full_url: dict[str, Node] = {}
        for resource, full_url in resources:
            if url := resource.word("url"):
                self._by_url.setdefault(url, []).append(resource)
            if identifier := resource.word("id"):
                place = f"{resource.word('resourceType')}/{identifier}"
                self._by_type_and_id.setdefault(place, []).append(resource)
            if full_url:
                self._by_full_url[full_url] = resource

    def find(self, reference: str, *, within: Node) -> Node | None:
        """Return the resource that a canonical or reference names, or None; `within` is the one that contains."""
        if reference.startswith("#"):
            return _contained(within, reference[1:])
        url, _, version = reference.partition("|")
        candidates = self._by_url.get(url) or self._by_id(url)
        exact = [each for each in candidates if version and each.word("version") == version]
        if exact:
            return exact[0]
        if candidates and version and all(each.word("version") for each in candidates):
            # Another version may say something else; it is not what was asked for.
            return None
        return max(candidates, key=lambda each: _version_key(each.word("version")), default=self._by_full_url.get(url))

    def _by_id(self, reference: str) -> list[Node]:
        parts = reference.rstrip("/").split("/")
        return self._by_type_and_id.get("/".join(parts[-2:]), []) if len(parts) >= _REFERENCE_PARTS else []


def definition_of(action: Node) -> str | None:
    """Return what an action names as its definition: a canonical, a URI, or an old-style reference."""
    for name in ("definitionCanonical", "definitionUri"):
        if found := action.word(name):
            return found
    definition = action.get("definition")
    return (definition.word("reference") if definition else None) or action.word("definition")


def _contained(within: Node, identifier: str) -> Node | None:
    for resource in within.items("contained"):
        if resource.word("id") == identifier:
            return resource
    return None


def _version_key(version: str | None) -> tuple[int, ...]:
    """Order versions such as 1.10.2 by their numbers."""
    return tuple(int(part) for part in (version or "").split(".") if part.isdecimal() and len(part) < 10)  # noqa: PLR2004
