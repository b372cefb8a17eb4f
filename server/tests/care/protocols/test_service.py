"""Care protocols against a real database."""

import asyncpg
import msgspec
import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.care.protocols import service
from healthprotocol.care.protocols.errors import (
    NothingToPublish,
    NotReadyToPublish,
    ProtocolIsRetired,
    ProtocolNotFound,
)
from healthprotocol.care.protocols.model import Activity, Measurement, Phase, ProtocolContent, Schedule
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Invalid, PreconditionFailed
from tests.support.people import Organisation

PRESSURE = Activity(
    key="bp",
    kind="measurement",
    title="Measure your blood pressure",
    schedule=Schedule(frequency=1, period=1, period_unit="d"),
    measurement=Measurement(code="8480-6", unit="mm[Hg]"),
)
CONTENT = ProtocolContent(
    title="Pressure at home",
    duration_days=10,
    content="<p>Hello</p>",
    phases=(Phase(title="All", start_day=1, length_days=10, activities=(PRESSURE,)),),
)


class TestCreate:
    async def test_sanitises_rich_text(self, database: Database, organisation: Organisation) -> None:
        content = ProtocolContent(
            title="Pressure", duration_days=5, content='<p style="color:red">Hi <blink>there</blink></p>'
        )

        async with database.transaction(organisation.id, actor=organisation.clinician) as tx:
            made = await service.create(tx, organisation.clinician, content)

        assert made.content.content == "<p>Hi there</p>"

    async def test_lists_every_fault_with_its_place(self, database: Database, organisation: Organisation) -> None:
        faulty = Activity(
            key="bp",
            kind="measurement",
            title="x",
            schedule=Schedule(period=0.0, period_unit="d"),
            measurement=Measurement(code="8480-5", unit="mmHgs"),
        )
        content = ProtocolContent(
            title="Pressure",
            duration_days=5,
            phases=(Phase(title="a", start_day=3, length_days=9, activities=(faulty, PRESSURE)),),
        )

        with pytest.raises(Invalid) as caught:
            async with database.transaction(organisation.id, actor=organisation.clinician) as tx:
                await service.create(tx, organisation.clinician, content)

        assert {fault.pointer for fault in caught.value.violations} == {
            "/phases/0/length_days",
            "/phases/0/activities/0/schedule/period",
            "/phases/0/activities/0/measurement/code",
            "/phases/0/activities/0/measurement/unit",
            "/phases/0/activities/1/key",
        }


class TestLifecycle:
    async def test_a_published_version_never_changes(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            made = await service.create(tx, actor, CONTENT)
            first = await service.publish(tx, actor, made.protocol_id)

        async with database.transaction(organisation.id, actor=actor) as tx:
            draft = await service.update(
                tx,
                actor,
                made.protocol_id,
                change=lambda content: ProtocolContent(title="Other", duration_days=3, phases=content.phases[:0]),
                expected_revision=first.revision,
            )
            still = await service.get_version(tx, made.protocol_id, 1)

        assert (draft.version, draft.status) == (2, "draft")
        assert still.content == first.content
        with pytest.raises(asyncpg.PostgresError):
            async with database.transaction(organisation.id, actor=actor) as tx:
                await tx.execute("update protocol_version set content = '{}' where version = 1")

    async def test_an_empty_draft_is_not_published(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            made = await service.create(tx, actor, ProtocolContent(title="Empty", duration_days=3))

        with pytest.raises(NotReadyToPublish):
            async with database.transaction(organisation.id, actor=actor) as tx:
                await service.publish(tx, actor, made.protocol_id)

    async def test_publishes_once(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            made = await service.create(tx, actor, CONTENT)
            await service.publish(tx, actor, made.protocol_id)

        with pytest.raises(NothingToPublish):
            async with database.transaction(organisation.id, actor=actor) as tx:
                await service.publish(tx, actor, made.protocol_id)

    async def test_a_retired_one_takes_no_change(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            made = await service.create(tx, actor, CONTENT)
            await service.publish(tx, actor, made.protocol_id)
            retired = await service.retire(tx, actor, made.protocol_id)

        assert retired.status == "retired"
        with pytest.raises(ProtocolIsRetired):
            async with database.transaction(organisation.id, actor=actor) as tx:
                await service.update(tx, actor, made.protocol_id, change=lambda c: c, expected_revision=None)

    async def test_refuses_a_stale_revision(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            made = await service.create(tx, actor, CONTENT)

        with pytest.raises(PreconditionFailed):
            async with database.transaction(organisation.id, actor=actor) as tx:
                await service.update(tx, actor, made.protocol_id, change=lambda c: c, expected_revision=7)


class TestCompare:
    async def test_names_what_changed(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            made = await service.create(tx, actor, CONTENT)
            await service.publish(tx, actor, made.protocol_id)
            await service.update(
                tx,
                actor,
                made.protocol_id,
                change=lambda c: ProtocolContent(
                    title=c.title,
                    duration_days=12,
                    content=c.content,
                    phases=(Phase(title="All", start_day=1, length_days=12, activities=()),),
                ),
                expected_revision=None,
            )

            changes = await service.compare(tx, made.protocol_id, first=1, second=2)

        assert [(c.change, c.of, c.name) for c in changes] == [
            ("changed", "protocol", "protocol"),
            ("changed", "phase", "1"),
            ("removed", "activity", "bp"),
        ]


class TestPage:
    async def test_sees_only_its_organisation_and_finds_by_title(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        async with database.transaction(organisation.id, actor=organisation.clinician) as tx:
            made = await service.create(tx, organisation.clinician, CONTENT)

        async def titles(of: Organisation, q: str) -> list[str]:
            async with database.transaction(of.id, actor=of.clinician) as tx:
                query = ListQuery(filter='status = "draft"', order_by="title", page_size=5)
                found = await service.page(tx, query, q=q)
            return [row["title"] for row in found.items]

        assert await titles(organisation, "pressure") == ["Pressure at home"]
        assert await titles(organisation, "nothing") == []
        assert await titles(other_organisation, "") == []
        with pytest.raises(ProtocolNotFound):
            async with database.transaction(other_organisation.id, actor=other_organisation.clinician) as tx:
                await service.get(tx, made.protocol_id)

    async def test_finds_by_words_of_the_description_as_it_now_is(
        self, database: Database, organisation: Organisation
    ) -> None:
        actor = organisation.clinician
        content = msgspec.structs.replace(CONTENT, description="For the weeks after a new hip")
        async with database.transaction(organisation.id, actor=actor) as tx:
            made = await service.create(tx, actor, content)

        async def found(source: str) -> int:
            async with database.transaction(organisation.id, actor=actor) as tx:
                return len((await service.page(tx, ListQuery(filter=source))).items)

        assert [await found(f'words:"{words}"') for words in ("hip", "wee aft", "pressure hip", "knee")] == [1, 1, 1, 0]

        async with database.transaction(organisation.id, actor=actor) as tx:
            await service.update(
                tx,
                actor,
                made.protocol_id,
                change=lambda before: msgspec.structs.replace(before, description="For the weeks after a new knee"),
                expected_revision=None,
            )

        assert [await found(f'words:"{words}"') for words in ("hip", "knee")] == [0, 1]
