from uuid import UUID

import pytest

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import NotFound
from healthprotocol.trust.access import service
from tests.support.people import Organisation

THE_ELBE, THE_ODER = UUID(int=1), UUID(int=2)


class TestRequirePatient:
    async def test_somebody_of_another_organisation_finds_nobody(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        async with database.transaction(organisation.id) as tx:
            with pytest.raises(NotFound):
                await service.require_patient(tx, other_organisation.admin, THE_ELBE)

    async def test_an_auditor_finds_nobody(self, database: Database, organisation: Organisation) -> None:
        async with database.transaction(organisation.id) as tx:
            with pytest.raises(NotFound):
                await service.require_patient(tx, organisation.auditor, THE_ELBE)

    async def test_a_patient_finds_herself_only(self, database: Database, organisation: Organisation) -> None:
        async with database.transaction(organisation.id) as tx:
            await service.require_patient(tx, organisation.patient(THE_ELBE), THE_ELBE)
            with pytest.raises(NotFound):
                await service.require_patient(tx, organisation.patient(THE_ELBE), THE_ODER)

    @pytest.mark.parametrize("role", ["admin", "clinician", "coordinator"])
    async def test_staff_finds_everybody(self, database: Database, organisation: Organisation, role: str) -> None:
        actor: Actor = getattr(organisation, role)

        async with database.transaction(organisation.id) as tx:
            await service.require_patient(tx, actor, THE_ELBE)


class TestSight:
    async def test_is_everybody_for_staff_one_for_a_patient_and_nobody_else(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        async with database.transaction(organisation.id) as tx:
            assert (await service.sight(tx, organisation.clinician)).only is None
            assert (await service.sight(tx, organisation.patient(THE_ELBE))).only == {THE_ELBE}
            assert (await service.sight(tx, organisation.auditor)).only == frozenset()
            assert (await service.sight(tx, other_organisation.clinician)).only == frozenset()
