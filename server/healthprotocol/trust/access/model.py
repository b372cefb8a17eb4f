"""The patients within an actor's sight."""

from uuid import UUID

import msgspec


class Sight(msgspec.Struct, frozen=True):
    """`only` None means every patient of the organisation; otherwise exactly these, none when it is empty."""

    only: frozenset[UUID] | None

    def includes(self, patient_id: UUID) -> bool:
        """Tell whether the patient is within sight."""
        return self.only is None or patient_id in self.only
