"""Deciding about flags, on a real database."""

import pytest

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Forbidden, Invalid, PreconditionFailed
from healthprotocol.foundation.flags.model import Cause, Requirement, Rule
from healthprotocol.foundation.ids import INSTALLATION
from healthprotocol.operations.flags import service
from healthprotocol.operations.flags.errors import FlagUnknown, RequirementCycle
from healthprotocol.operations.flags.model import Change, Mark, Seen
from healthprotocol.operations.flags.service import Keeper
from tests.operations.flags.conftest import COLOUR, FASTER, OLDER
from tests.support.people import Organisation

ON = Change(default="on")


async def change(database: Database, actor: Actor | None, key: str, asked: Change, revision: int | None = None) -> Seen:
    organisation = INSTALLATION if actor is None else actor.organisation_id
    async with database.transaction(organisation, actor=actor) as tx:
        return await service.change(tx, actor, key, asked, reason="We try it.", expected_revision=revision)


async def see(database: Database, actor: Actor, key: str) -> Seen:
    async with database.transaction(actor.organisation_id, actor=actor) as tx:
        return await service.get(tx, actor, key)


@pytest.mark.usefixtures("keeper")
class TestDeciding:
    async def test_is_for_admins(self, database: Database, organisation: Organisation) -> None:
        for actor in (organisation.clinician, organisation.auditor):
            with pytest.raises(Forbidden):
                await change(database, actor, FASTER.key, ON)

    async def test_for_all_is_not_for_anybodys_account(self, database: Database, organisation: Organisation) -> None:
        with pytest.raises(Forbidden):
            async with database.transaction(INSTALLATION, actor=organisation.admin) as tx:
                await service.kill(tx, organisation.admin, FASTER.key, reason="I may not.")

    async def test_holds_for_ones_own_organisation_only(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        seen = await change(database, organisation.admin, FASTER.key, ON)

        assert (seen.decision.value, seen.own.revision, seen.own.changed_by) == (True, 1, organisation.admin.account_id)
        assert (await see(database, other_organisation.admin, FASTER.key)).decision.value is False

    async def test_of_an_operator_holds_for_all(self, database: Database, organisation: Organisation) -> None:
        await change(database, None, COLOUR.key, Change(rules=(Rule(variant="red", roles=("admin",)),)))

        seen = await see(database, organisation.admin, COLOUR.key)

        assert (seen.decision.value, seen.decision.cause, seen.decision.own) == ("#f00", Cause.RULE, False)

    async def test_names_what_does_not_fit(self, database: Database, organisation: Organisation) -> None:
        with pytest.raises(Invalid) as caught:
            await change(database, organisation.admin, COLOUR.key, Change(rules=(Rule(variant="green"),)))

        assert [one.pointer for one in caught.value.violations] == ["/rules/0/variant"]

    async def test_of_what_changed_meanwhile_is_refused(self, database: Database, organisation: Organisation) -> None:
        await change(database, None, FASTER.key, ON)

        with pytest.raises(PreconditionFailed):
            await change(database, organisation.admin, FASTER.key, ON, revision=0)
        await change(database, organisation.admin, FASTER.key, ON, revision=1)

    async def test_of_an_unknown_flag_finds_none(self, database: Database, organisation: Organisation) -> None:
        with pytest.raises(FlagUnknown):
            await change(database, organisation.admin, "lists.gone", ON)

    async def test_refuses_a_circle_of_requirements(self, database: Database, organisation: Organisation) -> None:
        await change(database, None, FASTER.key, Change(requires=(Requirement(key=OLDER.key),)))

        with pytest.raises(RequirementCycle) as caught:
            await change(database, organisation.admin, OLDER.key, Change(requires=(Requirement(key=FASTER.key),)))

        assert len(caught.value.public["cycle"]) == 3  # type: ignore[arg-type]


@pytest.mark.usefixtures("keeper")
class TestAKill:
    async def test_is_undone_by_a_revival_and_keeps_what_was_decided(
        self, database: Database, organisation: Organisation
    ) -> None:
        admin = organisation.admin
        await change(database, admin, FASTER.key, ON)
        async with database.transaction(admin.organisation_id, actor=admin) as tx:
            killed = await service.kill(tx, admin, FASTER.key, reason="It fails.")
        async with database.transaction(admin.organisation_id, actor=admin) as tx:
            revived = await service.revive(tx, admin, FASTER.key, reason="It is mended.")

        assert (killed.decision.value, killed.decision.cause) == (False, Cause.KILLED)
        assert revived.decision.value is True

    async def test_twice_is_one(self, database: Database, organisation: Organisation) -> None:
        admin = organisation.admin
        for _ in range(2):
            async with database.transaction(admin.organisation_id, actor=admin) as tx:
                await service.kill(tx, admin, FASTER.key, reason="It fails.")

        assert (await see(database, admin, FASTER.key)).own.revision == 1


@pytest.mark.usefixtures("keeper")
class TestTheHistory:
    async def test_says_who_and_why_and_what_before(self, database: Database, organisation: Organisation) -> None:
        await change(database, None, FASTER.key, Change(default="off"))
        await change(database, organisation.admin, FASTER.key, ON)

        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            own, installation = await service.history(tx, organisation.admin, FASTER.key)

        assert (own.changed_as, own.reason, own.before.default, own.after.default) == (
            "admin",
            "We try it.",
            None,
            "on",
        )
        assert (installation.changed_as, installation.is_own) == ("operator", False)

    async def test_cannot_be_altered(self, database: Database, organisation: Organisation) -> None:
        await change(database, organisation.admin, FASTER.key, ON)

        async with database.transaction(organisation.id) as tx:
            altered = await tx.execute("update flag_version set reason = 'another'")
            deleted = await tx.execute("delete from flag_version")

        assert (altered, deleted) == ("UPDATE 0", "DELETE 0")

    async def test_stands_in_the_log_of_the_organisation(self, database: Database, organisation: Organisation) -> None:
        await change(database, organisation.admin, FASTER.key, ON)

        async with database.transaction(organisation.id) as tx:
            actions = await tx.fetch("select action from audit_event")

        assert [row["action"] for row in actions] == ["flag.set"]

    async def test_is_not_seen_by_another_organisation(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        await change(database, organisation.admin, FASTER.key, ON)

        async with database.transaction(other_organisation.id, actor=other_organisation.admin) as tx:
            assert await service.history(tx, other_organisation.admin, FASTER.key) == []


class TestTheStaleReport:
    async def test_names_what_the_code_no_longer_has(
        self, database: Database, organisation: Organisation, keeper: Keeper
    ) -> None:
        async with database.transaction(INSTALLATION) as tx:
            await tx.execute(
                "insert into flag (organisation_id, key, state, reason, changed_at, revision) "
                "values ($1, 'lists.gone', '{}', 'Once.', $2, 1)",
                INSTALLATION,
                tx.now,
            )
        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            tx.flags.is_on(FASTER)
        await keeper.report(with_counts=True)
        async with database.transaction(INSTALLATION) as tx:
            await tx.execute("update flag_use set first_at = first_at - interval '14 days'")

        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            found = {one.key: set(one.marks) for one in await service.stale(tx, organisation.admin)}

        assert found == {
            COLOUR.key: {Mark.UNKNOWN_TO_DATABASE},
            OLDER.key: {Mark.UNKNOWN_TO_DATABASE},
            "lists.gone": {Mark.NOT_DECLARED},
        }

    async def test_of_a_fresh_installation_is_empty(
        self, database: Database, organisation: Organisation, keeper: Keeper
    ) -> None:
        await keeper.report(with_counts=False)

        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            assert await service.stale(tx, organisation.admin) == []
        seen = await see(database, organisation.admin, COLOUR.key)
        assert seen.use is not None
        assert (seen.use.asked, seen.use.last_at) == (0, None)


class TestUses:
    async def test_are_added_up(self, database: Database, organisation: Organisation, keeper: Keeper) -> None:
        for _ in range(2):
            async with database.transaction(organisation.id, actor=organisation.admin) as tx:
                tx.flags.is_on(FASTER)
                tx.flags.is_on(FASTER)
            await keeper.report(with_counts=True)

        seen = await see(database, organisation.admin, FASTER.key)

        assert seen.use is not None
        assert seen.use.asked == 4
