"""Each rule of the checker, and a file that breaks it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from healthprotocol.foundation.db.migrate.check import RULES, Checked, check_files
from healthprotocol.foundation.db.migrate.files import BEFORE_PHASES, Release, revisions

RELEASED = (Release("0.1.0", "0010", "9a74c17"),)

EXPAND = """
-- Phase: expand
-- Why: a room for the test of the rules
"""
MIGRATE = """
-- Phase: migrate
-- Why: a room for the test of the rules
-- Transaction: none
"""
CONTRACT = """
-- Phase: contract
-- Why: a room for the test of the rules
-- Contracts: 0009
"""
TABLE = """
create table attic (
  organisation_id uuid not null,
  id uuid not null,
  note_ct bytea,
  primary key (organisation_id, id)
);
comment on table attic is 'class=health; a room; not rented';
comment on column attic.organisation_id is 'class=operational; tenant';
comment on column attic.id is 'class=operational; UUIDv7';
comment on column attic.note_ct is 'class=health; a note';
create unique index attic_note on attic (organisation_id, note_ct);
select hp_protect('attic');
"""
COLUMN = """
alter table patient add column nickname_ct bytea;
comment on column patient.nickname_ct is 'class=identity; what friends say';
"""
CHECK = "alter table patient add constraint patient_named check (nickname_ct is not null) not valid;"


class Pair(msgspec.Struct):
    up: str
    down: str = "drop table attic;"


def write(folder: Path, *pairs: Pair) -> None:
    for place in range(1, BEFORE_PHASES + 1):
        (folder / f"{place:04}_old.up.sql").write_text("create table old (n int);")
        (folder / f"{place:04}_old.down.sql").write_text("drop table old;")
    for place, pair in enumerate(pairs, BEFORE_PHASES + 1):
        name = f"{place:04}_new"
        (folder / f"{name}.up.sql").write_text(f"-- {name}.up.sql\n{pair.up.lstrip()}")
        (folder / f"{name}.down.sql").write_text(pair.down)


def checked(folder: Path, *pairs: Pair, released: Sequence[Release] = RELEASED) -> Checked:
    write(folder, *pairs)
    return check_files(revisions(folder), released=released)


# What stands as the house wants it: none of it may be complained about.
TIDY: dict[str, Pair] = {
    "a table": Pair(EXPAND + TABLE),
    "a column": Pair(EXPAND + COLUMN, "alter table patient drop column nickname_ct;"),
    "a trigger made anew": Pair(
        EXPAND + "create or replace function f() returns trigger language plpgsql as $$ begin return new; end $$;\n"
        "drop trigger t on patient;\ncreate trigger t before insert on patient for each row execute function f();",
        "drop trigger t on patient;",
    ),
    "a backfill": Pair(
        MIGRATE + COLUMN.replace("alter", "-- in one go\nalter") + "-- Backfill: patient\n"
        "update patient set nickname_ct = name_ct where nickname_ct is null and :batch;\n"
        + CHECK
        + "\nalter table patient validate constraint patient_named;\n"
        "alter table patient alter column nickname_ct set not null;",
        "alter table patient drop column nickname_ct;",
    ),
    "a concurrent index": Pair(
        EXPAND
        + "-- Transaction: none\ncreate index concurrently patient_revision on patient (organisation_id, revision);",
        "drop index patient_revision;",
    ),
    "a contract": Pair(
        CONTRACT + "-- Backup: patient (name_ct)\nalter table patient drop column name_ct;",
        "-- Transaction: none\nalter table patient add column name_ct bytea;\n-- Restore: patient (name_ct)\n",
    ),
    "a table of no tenant": Pair(
        EXPAND + "-- Tenantless: shed, because machines have none\ncreate table shed (id uuid not null primary key);\n"
        "comment on table shed is 'class=operational; a shed';\ncomment on column shed.id is 'class=operational; id';",
        "drop table shed;",
    ),
}

# The rule, the file that breaks it, and what must be said.
PLANTED: list[tuple[str, Pair, str]] = [
    ("head-phase", Pair("-- Why: no reason at all\n" + TABLE), "says no phase"),
    ("head-phase", Pair(EXPAND.replace("expand", "shrink") + TABLE), "'shrink' is no phase"),
    ("head-why", Pair("-- Phase: expand\n" + TABLE), "does not say why"),
    ("reasons", Pair(EXPAND + "-- Allow: protected\n" + TABLE), "gives no reason"),
    ("reasons", Pair(EXPAND + TABLE, "-- Undo: none"), "gives no reason"),
    ("way-back", Pair(EXPAND + TABLE, "-- nothing"), "does nothing"),
    ("expand-only-adds", Pair(EXPAND + "alter table patient drop column name_ct;"), "removes"),
    ("expand-only-adds", Pair(EXPAND + "alter table patient rename column name_ct to named_ct;"), "renames"),
    ("expand-only-adds", Pair(EXPAND + "alter table patient\n  rename to person;"), "renames"),
    ("expand-only-adds", Pair(EXPAND + "drop table patient;"), "drop table patient"),
    ("expand-only-adds", Pair(EXPAND + "drop function hp_tenant();"), "removes"),
    ("expand-only-adds", Pair(MIGRATE + "drop trigger patient_t on patient;"), "drop trigger patient_t"),
    ("expand-only-adds", Pair(EXPAND + "alter table patient alter revision type bigint;"), "changes a type"),
    ("expand-moves-nothing", Pair(EXPAND + "alter table patient validate constraint x;"), "reads the whole table"),
    ("backfill-in-batches", Pair(EXPAND + "update patient set name_ct = null;"), "all at once"),
    ("backfill-in-batches", Pair(EXPAND + TABLE, "delete from patient;"), "all at once"),
    ("backfill-in-batches", Pair(EXPAND + "with a as (select 1) delete from patient;"), "all at once"),
    ("backfill-in-batches", Pair(MIGRATE + "-- Backfill: patient\nupdate patient set name_ct = null;"), ":batch"),
    (
        "backfill-in-batches",
        Pair(MIGRATE.replace("-- Transaction: none\n", "") + "-- Backfill: a\nupdate a set b = 1 where :batch;"),
        "Transaction: none",
    ),
    ("backfill-in-batches", Pair(EXPAND + "-- Backfill: a\nupdate a set b = 1 where :batch;"), "whose phase is expand"),
    (
        "backfill-in-batches",
        Pair(MIGRATE + "-- Backfill: patient, by place\nupdate patient set name_ct = null where :batch;"),
        "say which are still to do",
    ),
    ("backfill-in-batches", Pair(MIGRATE + "-- Backfill: a, by luck\nselect 1 where :batch;"), "no walk is called"),
    (
        "transform-keeps-the-old",
        Pair(MIGRATE + "-- Backfill: patient\nupdate patient set name_ct = '' where :batch;"),
        "patient.name_ct is written over",
    ),
    ("contract-a-release-later", Pair(CONTRACT.replace("0009", "0011")), "does not name an earlier"),
    ("contract-a-release-later", Pair(CONTRACT.replace("-- Contracts: 0009\n", "")), "does not name an earlier"),
    ("contract-backs-up", Pair(CONTRACT + "alter table patient drop column name_ct;"), "patient.name_ct is dropped"),
    ("contract-backs-up", Pair(CONTRACT + "drop table patient, entry;"), "table entry is dropped and not saved"),
    (
        "contract-backs-up",
        Pair(CONTRACT + "-- Backup: patient (name_ct)\nalter table patient drop column name_ct;"),
        "dropped and not restored",
    ),
    ("class-comment", Pair(EXPAND + TABLE.replace("comment on column attic.id", "-- ")), "attic.id has no comment"),
    ("class-comment", Pair(EXPAND + TABLE.replace("class=health; a note", "a note")), "comment of attic.note_ct"),
    ("class-comment", Pair(EXPAND + "alter table patient add column x int;"), "patient.x has no comment"),
    ("protected", Pair(EXPAND + TABLE.replace("select hp_protect('attic');", "")), "no row-level security"),
    ("tenant-first", Pair(EXPAND + TABLE.replace("key (organisation_id, id)", "key (id)")), "begins with id"),
    ("tenant-first", Pair(EXPAND + TABLE.replace("id uuid not null,\n  note", "id uuid unique,\n  note")), "with id"),
    ("tenant-first", Pair(EXPAND + TABLE.replace("primary key (organisation_id, id)", "check (true)")), "no primary"),
    (
        "tenant-first",
        Pair(EXPAND + "-- Transaction: none\ncreate unique index concurrently a on patient (name_ct);"),
        "index a does not begin",
    ),
    ("index-concurrently", Pair(EXPAND + "create index a on patient (name_ct);"), "stops its writes"),
    ("index-concurrently", Pair(EXPAND + "create index on public.patient (name_ct);"), "stops its writes"),
    ("index-concurrently", Pair(CONTRACT + "drop index patient_x;"), "under a lock"),
    (
        "index-outside-transaction",
        Pair(EXPAND + "create index concurrently a on patient (name_ct);"),
        "inside a transaction",
    ),
    ("transaction-kept", Pair(EXPAND + "-- Transaction: none\n" + TABLE), "without a concurrent index"),
    ("no-rewrite", Pair(EXPAND + "alter table patient add column x uuid default gen_random_uuid();"), "a rewrite"),
    ("no-rewrite", Pair(EXPAND + "alter table patient add column x timestamptz default clock_timestamp();"), "rewrite"),
    ("no-rewrite", Pair(EXPAND + "alter table patient add column x bigserial;"), "a rewrite"),
    ("no-rewrite", Pair(EXPAND + "alter table patient add column x int generated always as (1) stored;"), "a rewrite"),
    ("no-rewrite", Pair(EXPAND + "alter table patient alter column revision type bigint;"), "a rewrite of patient"),
    ("no-rewrite", Pair(EXPAND + "vacuum full patient;"), "written anew"),
    ("not-null-by-check", Pair(EXPAND + "alter table patient add column x int not null;"), "has no default"),
    ("not-null-by-check", Pair(MIGRATE + "alter table patient alter column x set not null;"), "reading the whole"),
    (
        "not-null-by-check",
        Pair(MIGRATE + CHECK + "alter table patient alter column nickname_ct set not null;"),
        "reading the whole",
    ),
    ("constraint-not-valid", Pair(EXPAND + "alter table patient add constraint a check (true);"), "all rows at once"),
    (
        "constraint-not-valid",
        Pair(EXPAND + "alter table patient add foreign key (x) references y (z);"),
        "all rows at once",
    ),
    ("constraint-not-valid", Pair(EXPAND + "alter table patient add constraint a unique (x);"), "under a lock"),
    (
        "constraint-not-valid",
        Pair(EXPAND + "alter table patient add column x uuid references y;"),
        "brings a constraint",
    ),
    (
        "constraint-not-valid",
        Pair(MIGRATE.replace("-- Transaction: none\n", "") + "alter table patient validate constraint a;"),
        "inside a transaction",
    ),
    ("limits-are-the-runners", Pair(EXPAND + "set lock_timeout = 0;" + TABLE), "set lock_timeout"),
    ("limits-are-the-runners", Pair(EXPAND + "lock table patient;" + TABLE), "lock table"),
    ("limits-are-the-runners", Pair(EXPAND + "begin;" + TABLE + "commit;"), "commit"),
    ("no-cascade", Pair(EXPAND + TABLE, "drop table attic cascade;"), "unnamed"),
    ("squawk/ban-char-field", Pair(EXPAND + TABLE.replace("note_ct bytea", "note char(3)")), "char"),
    ("squawk/syntax-error", Pair(EXPAND + "alter tabel patient add column x int;"), ""),
]


class TestRules:
    @pytest.mark.parametrize("name", TIDY)
    def test_let_pass_what_is_tidy(self, name: str, tmp_path: Path) -> None:
        found = checked(tmp_path, TIDY[name])

        assert [str(one) for one in found.findings] == []
        assert found.revisions == 1

    @pytest.mark.parametrize(("rule", "pair", "evidence"), PLANTED)
    def test_catch_what_is_planted(self, rule: str, pair: Pair, evidence: str, tmp_path: Path) -> None:
        found = [one for one in checked(tmp_path, pair).findings if one.rule == rule]

        assert any(evidence in one.message for one in found), found
        assert all(one.remedy and one.line >= 1 for one in found)

    def test_catch_a_file_that_was_copied(self, tmp_path: Path) -> None:
        write(tmp_path, TIDY["a table"])
        up = tmp_path / "0011_new.up.sql"
        up.write_text(up.read_text().replace("0011_new", "0010_old"))

        found = check_files(revisions(tmp_path), released=RELEASED)

        assert [one.rule for one in found.findings] == ["head-names-file"]

    def test_catch_a_contract_in_the_release_of_its_expand(self, tmp_path: Path) -> None:
        contract = Pair(
            CONTRACT.replace("0009", "0011") + "-- Backup: patient (name_ct)\nalter table patient drop column name_ct;",
            TIDY["a contract"].down,
        )
        pairs = (TIDY["a column"], contract)

        at_once = checked(tmp_path, *pairs)
        later = checked(tmp_path, *pairs, released=(*RELEASED, Release("0.2.0", "0011", "abcdef1")))

        assert [one.rule for one in at_once.findings] == ["contract-a-release-later"]
        assert later.findings == ()

    def test_have_each_something_planted(self) -> None:
        elsewhere = {"head-names-file"}

        assert {rule for rule, *_ in PLANTED if not rule.startswith("squawk/")} | elsewhere == set(RULES)

    def test_let_through_what_has_a_reason(self, tmp_path: Path) -> None:
        pair = Pair(EXPAND + "-- Allow: no-cascade, because the test says so\n" + TABLE, "drop table attic cascade;")

        assert checked(tmp_path, pair).findings == ()

    def test_ask_nothing_of_what_was_written_before_them(self, tmp_path: Path) -> None:
        found = checked(tmp_path)

        assert (found.revisions, found.findings) == (0, ())


class TestFindings:
    def test_say_where_what_and_what_to_do(self, tmp_path: Path) -> None:
        found = checked(tmp_path, Pair(EXPAND + "create index patient_x on patient (x);", "drop index patient_x;"))

        assert len(found.findings) == 1
        assert str(found.findings[0]) == (
            "0011_new.up.sql:4: the index on patient, a table that stands, stops its writes; "
            "write `create index concurrently` in a file with `-- Transaction: none` [index-concurrently]"
        )
