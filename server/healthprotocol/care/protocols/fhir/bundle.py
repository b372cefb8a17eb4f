"""The FHIR resources in some files, and which of them one plan needs."""

from collections.abc import Iterator, Sequence

from healthprotocol.care.protocols.fhir.definitions import Definitions
from healthprotocol.care.protocols.rules.exchange.documents import Document, Json, Source, at_pointer
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.report import Report

PLAN = "PlanDefinition"
MAX_PLANS = 200


def is_fhir(value: Json) -> bool:
    """Whether a document is a FHIR resource."""
    return isinstance(value, dict) and isinstance(value.get("resourceType"), str)


def resources(document: Document, report: Report) -> Iterator[tuple[Node, str | None]]:
    """Yield the resource of a document, or those of a Bundle, each with its fullUrl where it has one."""
    root = Node(document.value, report, file=document.name)
    if root.word("resourceType") != "Bundle":
        yield root, None
        return
    for entry in root.objects("entry"):
        resource = entry.get("resource")
        if resource is not None and isinstance(resource.value, dict):
            yield resource, entry.word("fullUrl")


def plans_of(documents: Sequence[Document], report: Report) -> list[tuple[int, str]]:
    """Return the number of the document and the pointer in it of every PlanDefinition."""
    return [
        (number, resource.pointer)
        for number, document in enumerate(documents)
        for resource, _ in resources(document, report)
        if resource.word("resourceType") == PLAN
    ]


def source_of(documents: Sequence[Document], plan: tuple[int, str], *, plans: Sequence[tuple[int, str]]) -> Source:
    """
    Return what one plan was imported from.

    A plan that came alone keeps everything that came with it. One of several keeps its file, without the other plans of
    its Bundle, and those of the other files that are no plans.
    """
    number, pointer = plan
    if len(plans) == 1:
        return Source(format="fhir", documents=tuple(documents), root=f"/{number}{pointer}")
    others = {other for other in plans if other != plan}
    kept: list[Document] = []
    root = ""
    for index, document in enumerate(documents):
        if (index, "") in others:
            continue
        if index == number:
            root = f"/{len(kept)}{_pointer_without(pointer, others, index)}"
        kept.append(_without(document, [place for at, place in others if at == index]))
    return Source(format="fhir", documents=tuple(kept), root=root)


def plan_of(source: Source, report: Report) -> tuple[Node, Definitions]:
    """Return the plan of a source and what its definitions are found in."""
    found = [resource for document in source.documents for resource in resources(document, report)]
    _, number, *rest = source.root.split("/")
    document = source.documents[int(number)]
    pointer = "".join(f"/{part}" for part in rest)
    value = at_pointer(document.value, pointer)
    plan = Node(value, report, file=document.name, pointer=pointer)
    return plan, Definitions(found)


def _without(document: Document, pointers: list[str]) -> Document:
    entries = {int(pointer.split("/")[2]) for pointer in pointers}
    if not entries or not isinstance(document.value, dict) or not isinstance(document.value.get("entry"), list):
        return document
    left = [entry for index, entry in enumerate(_entries(document.value)) if index not in entries]
    return Document(document.name, {**document.value, "entry": left})


def _pointer_without(pointer: str, others: set[tuple[int, str]], document: int) -> str:
    """Return the pointer of a Bundle's entry once the other plans before it are gone."""
    if not pointer:
        return pointer
    _, entry, number, *rest = pointer.split("/")
    gone = sum(1 for at, place in others if at == document and int(place.split("/")[2]) < int(number))
    return "/".join(["", entry, str(int(number) - gone), *rest])


def _entries(bundle: dict[str, Json]) -> list[Json]:
    found = bundle["entry"]
    return found if isinstance(found, list) else []
