"""The finer promises of the library: no draft without a change, what is published is remembered."""

from uuid import UUID

import msgspec
import pytest

from healthprotocol.care.protocols import service
from healthprotocol.care.protocols.errors import NotPublished, ProtocolIsRetired, ProtocolNotFound, VersionNotFound
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, ProtocolId, ProtocolVersion
from healthprotocol.care.protocols.rules.content_check import MAX_ACTIVITIES, check_content
from healthprotocol.care.protocols.service import library
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Conflict, Invalid
from tests.support.people import Organisation

WALK = Activity(key="walk", kind="task", title="Walk")
CONTENT = ProtocolContent(
    title="Walking again",
    duration_days=10,
    patient_content="<p>Go</p>",
    phases=(Phase(title="All", start_day=1, length_days=10, activities=(WALK,)),),
)
NOWHERE = ProtocolId(UUID(int=7))


async def published(database: Database, organisation: Organisation) -> ProtocolVersion:
    actor = organisation.clinician
    async with database.transaction(organisation.id, actor=actor) as tx:
        made = await service.create(tx, actor, CONTENT)
        return await service.publish(tx, actor, made.protocol_id)


def retitled(title: str) -> ProtocolContent:
    return msgspec.structs.replace(CONTENT, title=title)


class TestUpdate:
    async def test_that_changes_nothing_begins_no_draft(self, database: Database, organisation: Organisation) -> None:
        first = await published(database, organisation)

        async with database.transaction(organisation.id) as tx:
            same = await service.update(
                tx, organisation.clinician, first.protocol_id, change=lambda c: c, expected_revision=first.revision
            )

        assert same == first

    async def test_of_a_draft_keeps_its_number(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id) as tx:
            made = await service.create(tx, actor, CONTENT)

            changed = await service.update(
                tx, actor, made.protocol_id, change=lambda _: retitled("Walking far"), expected_revision=1
            )

        assert (changed.version, changed.revision, changed.content.title) == (1, 2, "Walking far")


class TestRetire:
    async def test_takes_the_draft_with_it_and_twice_is_once(
        self, database: Database, organisation: Organisation
    ) -> None:
        actor, first = organisation.clinician, await published(database, organisation)

        async with database.transaction(organisation.id) as tx:
            await service.update(
                tx, actor, first.protocol_id, change=lambda _: retitled("Walking far"), expected_revision=None
            )
            once = await service.retire(tx, actor, first.protocol_id)
            twice = await service.retire(tx, actor, first.protocol_id)
            found = await service.versions(tx, first.protocol_id)

        assert once == twice
        assert [(one.version, one.status) for one in found] == [(2, "retired"), (1, "retired")]


class TestDuplicate:
    async def test_is_a_draft_with_a_title_that_fits(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id) as tx:
            made = await service.create(tx, actor, retitled("W" * 100))

            copy = await service.duplicate(tx, actor, made.protocol_id)

        assert (copy.version, copy.status) == (1, "draft")
        assert copy.protocol_id != made.protocol_id
        assert copy.content.title == "W" * 93 + " (copy)"


class TestAssignable:
    async def test_is_the_newest_published_or_the_one_asked_for(
        self, database: Database, organisation: Organisation
    ) -> None:
        actor, first = organisation.clinician, await published(database, organisation)
        async with database.transaction(organisation.id) as tx:
            await service.update(
                tx, actor, first.protocol_id, change=lambda _: retitled("Walking far"), expected_revision=None
            )

            assert (await service.assignable(tx, first.protocol_id, None)).version == 1
            assert (await service.assignable(tx, first.protocol_id, 1)).version == 1
            with pytest.raises(NotPublished):
                await service.assignable(tx, first.protocol_id, 2)
            for number in (0, 3, 2**40):
                with pytest.raises(VersionNotFound):
                    await service.assignable(tx, first.protocol_id, number)
            with pytest.raises(ProtocolNotFound):
                await service.assignable(tx, NOWHERE, None)

    async def test_is_nothing_of_a_draft_and_nothing_of_what_is_retired(
        self, database: Database, organisation: Organisation
    ) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id) as tx:
            made = await service.create(tx, actor, CONTENT)
            with pytest.raises(NotPublished):
                await service.assignable(tx, made.protocol_id, None)
            await service.retire(tx, actor, made.protocol_id)
            with pytest.raises(ProtocolIsRetired):
                await service.assignable(tx, made.protocol_id, 1)


class TestContents:
    async def test_of_what_is_published_are_remembered(
        self, database: Database, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = await published(database, organisation)
        name = (first.protocol_id, 1)
        async with database.transaction(organisation.id) as tx:
            read = await service.contents(tx, [name, name, (NOWHERE, 1)])

        async def never(*_: object) -> None:
            raise AssertionError("asked the database again")

        monkeypatch.setattr(library.repository, "contents", never)
        async with database.transaction(organisation.id) as tx:
            again = await service.contents(tx, [name])

        assert read == again == {name: first.content}

    async def test_are_of_one_organisation(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        first = await published(database, organisation)
        async with database.transaction(organisation.id) as tx:
            await service.contents(tx, [(first.protocol_id, 1)])

        async with database.transaction(other_organisation.id) as tx:
            assert await service.contents(tx, [(first.protocol_id, 1)]) == {}

    async def test_of_a_draft_are_read_each_time(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id) as tx:
            made = await service.create(tx, actor, CONTENT)
            await service.contents(tx, [(made.protocol_id, 1)])

        async with database.transaction(organisation.id) as tx:
            await service.update(
                tx, actor, made.protocol_id, change=lambda _: retitled("Walking far"), expected_revision=None
            )
            read = await service.contents(tx, [(made.protocol_id, 1)])

        assert read[made.protocol_id, 1].title == "Walking far"

    async def test_of_a_publication_that_was_rolled_back_are_forgotten(
        self, database: Database, organisation: Organisation
    ) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id) as tx:
            made = await service.create(tx, actor, CONTENT)

        async def publish_and_fail() -> None:
            async with database.transaction(organisation.id) as tx:
                await service.publish(tx, actor, made.protocol_id)
                await service.contents(tx, [(made.protocol_id, 1)])
                raise Conflict

        with pytest.raises(Conflict):
            await publish_and_fail()
        async with database.transaction(organisation.id) as tx:
            await service.update(
                tx, actor, made.protocol_id, change=lambda _: retitled("Walking far"), expected_revision=None
            )
            await service.publish(tx, actor, made.protocol_id)
        async with database.transaction(organisation.id) as tx:
            read = await service.contents(tx, [(made.protocol_id, 1)])

        assert read[made.protocol_id, 1].title == "Walking far"


class TestCheckContent:
    def test_does_not_work_out_ten_thousand_schedules(self) -> None:
        activities = tuple(Activity(key=f"a{n}", kind="task", title="x") for n in range(MAX_ACTIVITIES + 1))
        phase = Phase(title="All", start_day=1, length_days=10, activities=activities)

        faults = check_content(ProtocolContent(title="Much", duration_days=10, phases=(phase,)))

        assert [(fault.pointer, fault.code) for fault in faults] == [("/phases", "too_many")]

    async def test_tells_at_most_a_hundred_faults(self, database: Database, organisation: Organisation) -> None:
        activities = tuple(Activity(key=f"a{n}", kind="measurement", title="x") for n in range(300))
        phase = Phase(title="All", start_day=1, length_days=10, activities=activities)

        with pytest.raises(Invalid) as caught:
            async with database.transaction(organisation.id) as tx:
                await service.create(
                    tx, organisation.clinician, ProtocolContent(title="Much", duration_days=10, phases=(phase,))
                )

        assert len(caught.value.violations) == 100
