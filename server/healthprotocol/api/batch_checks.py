"""What can be seen to be wrong with a batch before anything of it is done, and where."""

from collections.abc import Collection, Mapping

from healthprotocol.api import references
from healthprotocol.api.batch_bodies import BatchIn, BatchRequest
from healthprotocol.foundation.errors import Invalid, Violation

# What a client may set for one request of a batch. Who it is, and that it is JSON, the batch says for all.
_HEADERS = frozenset({"if-match", "if-none-match", "idempotency-key"})
_WHICH_HEADERS = "A request of a batch may say " + ", ".join(sorted(_HEADERS)) + "."


def checked(batch: BatchIn) -> Mapping[int, list[Violation]]:
    """
    Return the faults that can be seen before anything is done, by the place of the request that has them.

    Raises Invalid with all of them when the batch is atomic, or two requests have one id: no answer could be told from
    the other's then.
    """
    faulty: dict[int, list[Violation]] = {}
    earlier: set[str] = set()
    is_refused = batch.mode == "atomic"
    # A place is a name that nobody chose: "$5" is rather a sum than the answer to the sixth request.
    chosen = {request.id for request in batch.requests if request.id is not None}
    for index, request in enumerate(batch.requests):
        found = [at(index, *fault) for fault in [*_faults(request, earlier), *_misspelt(request, chosen)]]
        name = name_of(index, request)
        if name in earlier:
            found.append(at(index, "/id", "repeated", "Another request of this batch has this id."))
            is_refused = True
        earlier.add(name)
        if found:
            faulty[index] = found
    if is_refused and faulty:
        raise Invalid(violations=[fault for found in faulty.values() for fault in found])
    return faulty


def _faults(request: BatchRequest, earlier: set[str]) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    if not request.path.startswith("/api/v1/") or not request.path.isascii() or not request.path.isprintable():
        found.append(("/path", "not_allowed", "A path begins with /api/v1/ and is percent-encoded."))
    if request.method in {"GET", "DELETE"} and request.body is not None:
        found.append(("/body", "not_allowed", "A GET or DELETE takes no body."))
    if any(name.lower() not in _HEADERS for name in request.headers):
        found.append(("/headers", "not_allowed", _WHICH_HEADERS))
    if references.names_in_path(request.path) - earlier:
        # Within a body a text of this form may be just a text; a path that cannot be filled in is at fault.
        found.append(("/path", "unknown_reference", "A reference names no earlier request of this batch."))
    return found


def _misspelt(request: BatchRequest, chosen: Collection[str]) -> list[tuple[str, str, str]]:
    """Return what is nearly a reference to a request of this batch: it would go out as a plain text."""
    nearly = {
        "/path": references.misspelt_in_path(request.path, chosen),
        "/body": references.misspelt_in_body(request.body, chosen),
    }
    return [
        (pointer, "unknown_reference", f"No such reference; write ${{{name}/id}}.")
        for pointer, name in nearly.items()
        if name is not None
    ]


def at(index: int, pointer: str, code: str, detail: str) -> Violation:
    """Return a fault of the request at that place of the batch."""
    return Violation(f"/requests/{index}{pointer}", code, detail)


def name_of(index: int, request: BatchRequest) -> str:
    """Return what the answer to a request is called: its id, or its place."""
    return str(index) if request.id is None else request.id
