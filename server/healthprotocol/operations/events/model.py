"""What a listener is told."""

from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """That something changed: ids only. `id` absent is about many: read the list again."""

    type: str
    id: UUID | None = None
    patient_id: UUID | None = None
