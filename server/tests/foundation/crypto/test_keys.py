from uuid import UUID

import asyncpg
import pytest

from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.crypto.blind_index import COMPOUND_BYTES
from healthprotocol.foundation.crypto.errors import DecryptionFailed, KeyUnknown
from healthprotocol.foundation.crypto.keys import DATA_KEY_TTL_SECONDS, KeyRing, SubjectKey
from healthprotocol.foundation.crypto.root import LocalRootKey, WrappedKey
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.ids import OrganisationId, new_id
from tests.support.postgresql import Cluster


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class SilentRoot(LocalRootKey):
    """A root key that can be switched off, as a key service in the network can be."""

    is_silent = False

    async def unwrap(self, wrapped: WrappedKey, context: object) -> bytes:
        if self.is_silent:
            raise Unavailable(retry_after_seconds=10)
        return await super().unwrap(wrapped, context)  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def root(cluster: Cluster) -> SilentRoot:
    return SilentRoot.load(cluster.root_key, inside_checkout=True)


@pytest.fixture
def ring(database: Database, root: SilentRoot, clock: Clock) -> KeyRing:
    database.keys = KeyRing(root, monotonic=clock)
    return database.keys


@pytest.fixture
async def elbe(database: Database, ring: KeyRing) -> OrganisationId:
    return await make_organisation(database)


@pytest.fixture
async def oder(database: Database, ring: KeyRing) -> OrganisationId:
    return await make_organisation(database)


async def make_organisation(database: Database) -> OrganisationId:
    organisation_id = OrganisationId(new_id(system_clock()))
    async with database.transaction(organisation_id) as tx:
        await tx.execute(
            "insert into organisation (organisation_id, name, created_at, updated_at) values ($1, 'Clinic', $2, $2)",
            organisation_id,
            tx.now,
        )
        await tx.keys.create_organisation(tx)
    return organisation_id


def sealed(key: SubjectKey, row_id: UUID, text: bytes = b"deep") -> bytes:
    return key.encrypt(table="river", column="depth", row_id=row_id, plaintext=text)


def opened(key: SubjectKey, row_id: UUID, cell: bytes) -> bytes:
    return key.decrypt(table="river", column="depth", row_id=row_id, ciphertext=cell)


async def new_subject(database: Database, organisation_id: OrganisationId) -> tuple[UUID, bytes]:
    """Return a subject with its key, and one cell of it whose row id is the subject's."""
    async with database.transaction(organisation_id) as tx:
        subject_id = tx.new_id()
        return subject_id, sealed((await tx.keys.create_subjects(tx, [subject_id]))[subject_id], subject_id)


class TestSubjectKeys:
    async def test_a_value_opens_in_a_later_transaction_and_process(
        self, database: Database, elbe: OrganisationId, ring: KeyRing, root: SilentRoot
    ) -> None:
        subject_id, cell = await new_subject(database, elbe)

        for process in (ring, KeyRing(root)):
            database.keys = process
            async with database.transaction(elbe) as tx:
                assert opened(await tx.keys.subject(tx, subject_id), subject_id, cell) == b"deep"

    async def test_one_subject_does_not_open_anothers(self, database: Database, elbe: OrganisationId) -> None:
        subject_id, cell = await new_subject(database, elbe)
        other_id, _ = await new_subject(database, elbe)

        async with database.transaction(elbe) as tx:
            other = await tx.keys.subject(tx, other_id)

            with pytest.raises(DecryptionFailed):
                opened(other, subject_id, cell)

    async def test_another_organisation_finds_no_key(
        self, database: Database, elbe: OrganisationId, oder: OrganisationId
    ) -> None:
        subject_id, _ = await new_subject(database, elbe)

        async with database.transaction(elbe) as tx:
            await tx.keys.subject(tx, subject_id)
        async with database.transaction(oder) as tx:
            assert await tx.keys.subjects(tx, [subject_id]) == {}
            with pytest.raises(KeyUnknown):
                await tx.keys.subject(tx, subject_id)

    async def test_a_subject_has_one_key_only(self, database: Database, elbe: OrganisationId) -> None:
        subject_id, _ = await new_subject(database, elbe)

        with pytest.raises(asyncpg.UniqueViolationError):
            async with database.transaction(elbe) as tx:
                await tx.keys.create_subjects(tx, [subject_id])

    async def test_a_key_that_was_rolled_back_is_used_by_nobody(self, database: Database, elbe: OrganisationId) -> None:
        subject_id = new_id(system_clock())
        with pytest.raises(RuntimeError):
            await self._create_then_fail(database, elbe, subject_id)

        async with database.transaction(elbe) as tx:
            assert await tx.keys.subjects(tx, [subject_id]) == {}

    async def _create_then_fail(self, database: Database, elbe: OrganisationId, subject_id: UUID) -> None:
        async with database.transaction(elbe) as tx:
            await tx.keys.create_subjects(tx, [subject_id])
            assert subject_id in await tx.keys.subjects(tx, [subject_id])
            raise RuntimeError

    async def test_ten_thousand_are_made_and_read_in_one_statement_each(
        self, database: Database, elbe: OrganisationId, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with database.transaction(elbe) as tx:
            ids = [tx.new_id() for _ in range(10_000)]
            await tx.keys.create_subjects(tx, ids)
        ring.forget()
        async with database.transaction(elbe) as tx:
            statements = count_statements(tx, monkeypatch)

            found = await tx.keys.subjects(tx, ids)
            again = await tx.keys.subjects(tx, ids)

        assert len(found) == len(again) == 10_000
        # One for the organisation's key, one for all subjects, none the second time.
        assert len(statements) == 2

    async def test_a_newer_version_writes_and_the_older_still_reads(
        self, database: Database, elbe: OrganisationId, ring: KeyRing
    ) -> None:
        subject_id, cell = await new_subject(database, elbe)
        await add_version(database, elbe, ring, subject_id)
        ring.forget()

        async with database.transaction(elbe) as tx:
            key = await tx.keys.subject(tx, subject_id)

        assert key.version == 2
        assert opened(key, subject_id, cell) == b"deep"
        assert opened(key, subject_id, sealed(key, subject_id)) == b"deep"
        assert sealed(key, subject_id)[20:24] == b"\0\0\0\2"


class TestDestroyingASubjectsKey:
    async def test_nothing_under_it_opens_again(
        self, database: Database, elbe: OrganisationId, ring: KeyRing, root: SilentRoot
    ) -> None:
        subject_id, _ = await new_subject(database, elbe)
        async with database.transaction(elbe) as tx:
            await tx.keys.subject(tx, subject_id)
        async with database.transaction(elbe) as tx:
            assert await tx.keys.destroy_subject(tx, subject_id) == 1

        for process in (ring, KeyRing(root)):
            database.keys = process
            async with database.transaction(elbe) as tx:
                with pytest.raises(KeyUnknown):
                    await tx.keys.subject(tx, subject_id)

    async def test_a_rolled_back_destruction_destroys_nothing(self, database: Database, elbe: OrganisationId) -> None:
        subject_id, cell = await new_subject(database, elbe)
        with pytest.raises(RuntimeError):
            await self._destroy_then_fail(database, elbe, subject_id)

        async with database.transaction(elbe) as tx:
            assert opened(await tx.keys.subject(tx, subject_id), subject_id, cell) == b"deep"

    async def _destroy_then_fail(self, database: Database, elbe: OrganisationId, subject_id: UUID) -> None:
        async with database.transaction(elbe) as tx:
            await tx.keys.destroy_subject(tx, subject_id)
            raise RuntimeError


class TestPurposeKeys:
    async def test_each_purpose_has_its_own_made_at_first_use(
        self, database: Database, elbe: OrganisationId, ring: KeyRing
    ) -> None:
        async with database.transaction(elbe) as tx:
            row_id = tx.new_id()
            cell = sealed(await tx.keys.purpose(tx, "brand_new"), row_id)  # type: ignore[arg-type]
        ring.forget()

        async with database.transaction(elbe) as tx:
            assert opened(await tx.keys.purpose(tx, "brand_new"), row_id, cell) == b"deep"  # type: ignore[arg-type]
            for other in (await tx.keys.purpose(tx, "auth"), await tx.keys.organisation(tx)):
                with pytest.raises(DecryptionFailed):
                    opened(other, row_id, cell)  # type: ignore[arg-type]

    async def test_two_transactions_at_once_end_with_the_same_key(
        self, database: Database, elbe: OrganisationId, root: SilentRoot
    ) -> None:
        first, second = KeyRing(root), KeyRing(root)
        async with database.transaction(elbe) as tx:
            made = await first.purpose(tx, "brand_new")
            row_id = tx.new_id()
            cell = sealed(made, row_id)  # type: ignore[arg-type]

        async with database.transaction(elbe) as tx:
            assert opened(await second.purpose(tx, "brand_new"), row_id, cell) == b"deep"  # type: ignore[arg-type]

    async def test_an_organisation_without_keys_is_unknown(self, database: Database, ring: KeyRing) -> None:
        async with database.transaction(OrganisationId(new_id(system_clock()))) as tx:
            with pytest.raises(KeyUnknown):
                await tx.keys.purpose(tx, "auth")
            with pytest.raises(KeyUnknown):
                await tx.keys.index(tx, "river", "name", "exact")


class TestIndexes:
    async def test_equal_values_meet_in_one_column_only(
        self, database: Database, elbe: OrganisationId, oder: OrganisationId, ring: KeyRing
    ) -> None:
        places = [
            ("river", "name", "exact"),
            ("river", "name", "other"),
            ("river", "alias", "exact"),
            ("lake", "name", "exact"),
        ]
        seen: list[bytes] = []
        for organisation_id in (elbe, oder):
            async with database.transaction(organisation_id) as tx:
                seen += [(await tx.keys.index(tx, *place)).of("elbe") for place in places]
        ring.forget()

        async with database.transaction(elbe) as tx:
            again = (await tx.keys.index(tx, *places[0])).of("elbe")

        assert len(set(seen)) == len(seen)
        assert again == seen[0]

    async def test_sizes_are_sixteen_bytes_and_eight(self, database: Database, elbe: OrganisationId) -> None:
        async with database.transaction(elbe) as tx:
            unique = await tx.keys.index(tx, "river", "name", "exact")
            compound = await tx.keys.index(tx, "river", "name", "exact", size=COMPOUND_BYTES)

        assert (len(unique.of("elbe")), len(compound.of("elbe"))) == (16, 8)

    async def test_the_directory_is_the_same_everywhere(self, ring: KeyRing, root: SilentRoot) -> None:
        assert ring.directory("email").of("elbe@a.example") == KeyRing(root).directory("email").of("elbe@a.example")
        assert ring.directory("email").of("a") != ring.directory("phone").of("a")
        assert len(ring.directory("email").of("a")) == 32


class TestTheCache:
    async def test_keys_serve_for_their_time_while_the_root_is_silent_then_seal(
        self, database: Database, elbe: OrganisationId, root: SilentRoot, clock: Clock
    ) -> None:
        subject_id, cell = await new_subject(database, elbe)
        async with database.transaction(elbe) as tx:
            await tx.keys.subject(tx, subject_id)
        root.is_silent = True

        clock.seconds += DATA_KEY_TTL_SECONDS - 1
        async with database.transaction(elbe) as tx:
            assert opened(await tx.keys.subject(tx, subject_id), subject_id, cell) == b"deep"
        clock.seconds += 10_000
        async with database.transaction(elbe) as tx:
            with pytest.raises(Unavailable):
                await tx.keys.subject(tx, subject_id)

    async def test_a_key_altered_in_the_database_does_not_open(
        self, database: Database, elbe: OrganisationId, ring: KeyRing
    ) -> None:
        subject_id, _ = await new_subject(database, elbe)
        other_id, _ = await new_subject(database, elbe)
        ring.forget()

        async with database.transaction(elbe) as tx:
            await tx.execute(
                """
                update subject_key
                set wrapped = (select wrapped from subject_key where organisation_id = $1 and subject_id = $3)
                where organisation_id = $1 and subject_id = $2
                """,
                elbe,
                subject_id,
                other_id,
            )
            with pytest.raises(DecryptionFailed):
                await tx.keys.subject(tx, subject_id)


class TestTheProcess:
    async def test_signers_depend_on_their_purpose_and_the_root(
        self, ring: KeyRing, root: SilentRoot, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        stranger = KeyRing(LocalRootKey.create(tmp_path_factory.mktemp("root") / "root.key"))
        mark = ring.signer("page-token").sign(b"2")

        assert KeyRing(root).signer("page-token").verify(b"2", mark)
        assert not ring.signer("csrf").verify(b"2", mark)
        assert not stranger.signer("page-token").verify(b"2", mark)

    async def test_is_well_when_the_root_is(self, ring: KeyRing) -> None:
        await ring.health()


def count_statements(tx: Transaction, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    fetch = tx.fetch

    async def counted(sql: str, *args: object) -> list[asyncpg.Record]:
        seen.append(sql)
        return await fetch(sql, *args)

    monkeypatch.setattr(tx, "fetch", counted)
    return seen


async def add_version(database: Database, organisation_id: OrganisationId, ring: KeyRing, subject_id: UUID) -> None:
    """Add version 2 as rotation will: a new row beside the old, which stays to decrypt."""
    async with database.transaction(organisation_id) as tx:
        organisation = await ring._organisation(tx)
        row = organisation.wrap(subject_id, tx.new_id(), 2, bytes(range(32)))
        await tx.execute(
            """
            update subject_key
            set state = 'decrypt_only'
            where organisation_id = $1 and subject_id = $2
            """,
            organisation_id,
            subject_id,
        )
        await tx.execute(
            """
            insert into subject_key
              (organisation_id, subject_id, version, key_id, wrapped, wrapping_version, state, created_at)
            values ($1, $2, 2, $3, $4, $5, 'active', $6)
            """,
            organisation_id,
            subject_id,
            row.key_id,
            row.wrapped,
            row.wrapping_version,
            tx.now,
        )
