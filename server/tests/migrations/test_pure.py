"""What needs no database: how SQL is cut, what the heads say, how fast a backfill goes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.foundation.db.migrate import MigrationFailed
from healthprotocol.foundation.db.migrate.files import Release, Script, Target, releases
from healthprotocol.foundation.db.migrate.pace import Load, Pace, PaceLimits
from healthprotocol.foundation.db.migrate.sql import bracket, parts, statements


class TestStatements:
    def test_are_cut_where_postgresql_would(self) -> None:
        text = """
        select ';' , E'it''s; ', "a;b"; -- no; end
        /* nor; here */ create function f() returns int language plpgsql as $x$ begin; return 1; end $x$;
        create function g() returns int begin atomic select case when true then 1 end; select 2; end;
        insert into a values (1)
        """

        found = statements(text)

        assert [one.text.split()[0] for one in found] == ["select", "create", "create", "insert"]
        assert [one.line for one in found] == [2, 3, 4, 5]
        assert found[0].bare == "select '' , '', \"a;b\""
        assert found[1].bare == "create function f() returns int language plpgsql as $$"

    def test_know_their_directives(self) -> None:
        text = "-- Backfill: boat, by place\nupdate boat set a = 1 where :batch;\n-- Restore: boat (a)\nselect 1;"

        found = statements(text)

        assert [(one.backfill, one.walk, one.restore, one.bare[:6]) for one in found] == [
            ("boat", "by place", None, "update"),
            (None, "", "boat (a)", ""),
            (None, "", None, "select"),
        ]

    @given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="'\";$-/*()\x00"), min_size=1), max_size=6))
    def test_of_plain_words_are_as_many_as_were_written(self, words: list[str]) -> None:
        wanted = [word.strip() for word in words if word.strip()]

        assert [one.text for one in statements(";".join(words)) if one.text] == wanted

    def test_parts_and_brackets_are_those_of_the_outermost_level(self) -> None:
        assert parts("a, f(b, c), d") == ("a", "f(b, c)", "d")
        assert bracket("t (a, f(b)) with (c)") == "a, f(b)"
        assert bracket("none") == ""


class TestHeads:
    def test_say_what_they_say(self) -> None:
        text = "-- 0011_x.up.sql\n-- Phase: contract\n-- Backup: a (b, c)\n-- Backup: d\nselect 1;\n-- Phase: expand\n"

        script = Script(Path("0011_x.up.sql"), text)

        assert script.said("Phase") == "contract"
        assert script.backups == (Target("a", ("b", "c")), Target("d"))
        assert script.in_transaction

    def test_that_name_no_table_are_refused(self) -> None:
        with pytest.raises(MigrationFailed, match="is not `table`"):
            Target.parse("a; drop table b")

    def test_of_releases_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "releases").write_text("# said\n0.1.0 0010 9a74c17\n")

        assert releases(tmp_path) == (Release("0.1.0", "0010", "9a74c17"),)
        (tmp_path / "releases").write_text("0.1.0 ten\n")
        with pytest.raises(MigrationFailed, match="such as"):
            releases(tmp_path)


class TestPace:
    def test_finds_the_batch_that_takes_as_long_as_it_should(self) -> None:
        limits = PaceLimits()
        pace = Pace(limits)

        for _ in range(20):
            pace.after(batch_seconds=pace.rows / 80_000, load=Load())

        assert pace.rows == pytest.approx(80_000 * limits.batch_seconds, rel=0.1)

    def test_rests_longer_than_it_worked_beside_others_and_longer_still_while_they_wait(self) -> None:
        pace = Pace(PaceLimits())

        beside = pace.after(batch_seconds=0.25, load=Load(active=2))
        busy = pace.after(batch_seconds=0.25, load=Load(waiting=9))

        assert (beside, busy) == (1.0, 2.0)

    def test_rests_most_of_its_time_where_nobody_else_is_at_work_and_soon_knows_better(self) -> None:
        pace = Pace(PaceLimits())

        alone = [pace.after(batch_seconds=0.1, load=Load()) for _ in range(80)]
        joined = [pace.after(batch_seconds=0.1, load=Load(active=1)) for _ in range(30)]

        assert alone == sorted(alone, reverse=True)
        assert alone[-1] == pytest.approx(0.2, rel=0.05)
        assert joined[-1] > 0.37

    def test_of_a_busy_server_is_no_crawl(self) -> None:
        pace = Pace(PaceLimits())

        assert pace.after(batch_seconds=0.1, load=Load(active=12)) == pytest.approx(0.4)

    def test_gets_smaller_while_others_wait(self) -> None:
        pace = Pace(PaceLimits())
        before = pace.rows

        for _ in range(10):
            pace.after(batch_seconds=0.25, load=Load(active=40))

        assert pace.rows < before / 4

    @given(st.lists(st.floats(0, 600), min_size=1, max_size=40), st.integers(0, 200), st.integers(0, 200))
    def test_never_leaves_its_limits(self, seconds: list[float], active: int, waiting: int) -> None:
        limits = PaceLimits()
        pace = Pace(limits)

        rests = [pace.after(batch_seconds=one, load=Load(active=active, waiting=waiting)) for one in seconds]

        assert limits.fewest_rows <= pace.rows <= limits.most_rows
        assert all(0 <= rest <= limits.longest_rest_seconds for rest in rests)

    def test_starts_nothing_while_replicas_are_behind(self) -> None:
        pace = Pace(PaceLimits(lag_seconds=5))

        assert pace.must_wait(Load(lag_seconds=5.1))
        assert not pace.must_wait(Load(lag_seconds=4.9))
