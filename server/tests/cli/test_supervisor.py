"""The parts of `up` that need no database: crashes counted, signals turned into one end, failures said in a line."""

import io
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from rich.console import Console

from healthprotocol.cli import ports
from healthprotocol.cli.failures import CommandFailed, UsedWrongly, say_failure
from healthprotocol.cli.supervisor import Child, CrashLimit, describe_exit, end_leftovers
from healthprotocol.cli.terminal import Terminal
from healthprotocol.foundation.config.runtime import SettingVersionUnknown
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.db.embedded import EmbeddedServerFailed
from healthprotocol.foundation.errors import BadRequest, Conflict, Invalid, NotFound, Problem, Violation
from healthprotocol.foundation.processes import DirectoryInUse, ProcessIdentity
from healthprotocol.foundation.stopping import stoppable
from tests.support.launched import environment, free_port, listening, signalled_when_made


class TestCrashLimit:
    def test_waits_longer_each_time_and_then_gives_up(self) -> None:
        limit = CrashLimit("worker", clock=lambda: 0.0)

        pauses = [limit.count(remedy="see its log") for _ in range(5)]

        assert pauses == sorted(pauses)
        assert pauses[0] < 1
        with pytest.raises(CommandFailed, match=r"the worker ended 6 times in a short while; see its log"):
            limit.count(remedy="see its log")

    def test_crashes_far_apart_are_forgiven(self) -> None:
        hours = iter(range(0, 1_000_000, 3600))
        limit = CrashLimit("worker", clock=lambda: float(next(hours)))

        assert {limit.count(remedy="") for _ in range(20)} == {0.2}


class TestChild:
    def test_that_crashes_is_started_again_and_says_so(self, tmp_path: Path) -> None:
        child = Child("clock", ["--version"], environment=environment(tmp_path), log=tmp_path / "log" / "clock.log")
        said: list[str] = []
        child.start()
        deadline = time.monotonic() + 60

        while not child.watch(said.append) and time.monotonic() < deadline:
            time.sleep(0.05)
        child.wait_stopped(until=time.monotonic() + 30)

        assert said == [f"the clock ended (exit code 0); it starts again in 0.2 s. See {child.log}"]
        assert child.last_words().strip()
        assert child.log.stat().st_mode & 0o777 == 0o600

    def test_that_a_signal_meets_in_the_moment_of_its_start_is_known(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subprocess, "Popen", signalled_when_made)
        child = Child("clock", ["--version"], environment=environment(tmp_path), log=tmp_path / "clock.log")
        went_on = False

        with stoppable():
            child.start()
            went_on = True

        assert not went_on
        assert child.identity is not None
        child.wait_stopped(until=time.monotonic() + 60)
        assert child.identity is None

    def test_that_never_ran_has_no_words(self, tmp_path: Path) -> None:
        child = Child("clock", [], environment={}, log=tmp_path / "clock.log")

        assert child.last_words() == ""
        assert child.identity is None


class TestEndLeftovers:
    def test_does_not_touch_who_has_the_pid_by_now(self) -> None:
        assert end_leftovers([ProcessIdentity(pid=os.getpid(), started_at=1_000.0)]) == 0


class TestDescribeExit:
    def test_names_the_signal(self) -> None:
        assert describe_exit(-signal.SIGKILL) == "by SIGKILL"
        assert describe_exit(3) == "exit code 3"
        assert describe_exit(None) == "it never started"


class TestPorts:
    def test_a_port_that_somebody_has_is_not_free(self) -> None:
        with listening() as port:
            assert not ports.is_free("127.0.0.1", port)
            with pytest.raises(CommandFailed, match="choose another HP_PORT"):
                ports.require_free(Settings(port=port))

    def test_a_name_that_is_no_address_is_said(self) -> None:
        with pytest.raises(CommandFailed, match="is not an address of this machine"):
            ports.is_free("no-such-host.invalid", 8000)

    def test_the_default_operations_port_gives_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with listening() as port:
            monkeypatch.setattr(Settings.model_fields["operations_port"], "default", port)
            settings = Settings.model_construct(host="127.0.0.1", operations_port=port, _fields_set=set())

            assert ports.free_operations_port(settings) != port

    def test_a_chosen_operations_port_does_not(self) -> None:
        with listening() as port, pytest.raises(CommandFailed, match="choose another HP_OPERATIONS_PORT"):
            ports.free_operations_port(Settings(operations_port=port))

    def test_the_address_of_a_server_on_all_interfaces_is_this_machine(self) -> None:
        assert ports.address(Settings(host="0.0.0.0", port=8000)) == "http://127.0.0.1:8000"
        assert ports.address(Settings(host="::", port=8000)) == "http://[::1]:8000"

    def test_a_server_that_is_not_there_does_not_answer(self) -> None:
        assert not ports.is_answering(Settings(port=free_port()))


class TestSayFailure:
    def test_what_failed_is_a_line_and_code_1(self) -> None:
        said = io.StringIO()

        assert say_failure(CommandFailed("no disk; make room"), as_json=False, stream=said) == 1
        assert said.getvalue() == "healthprotocol: no disk; make room\n"

    def test_what_was_used_wrongly_is_code_2(self) -> None:
        said = io.StringIO()

        assert say_failure(UsedWrongly("no such revision"), as_json=True, stream=said) == 2
        assert json.loads(said.getvalue()) == {"error": "no such revision", "exit_code": 2}

    def test_a_problem_lists_every_place(self) -> None:
        said = io.StringIO()
        problem = Invalid(violations=[Violation("/phases/0/title", "missing", "is required")])

        code = say_failure(problem, as_json=False, stream=said)

        assert "healthprotocol: /phases/0/title: is required\n" in said.getvalue()
        assert code == 2

    def test_a_problem_names_its_places_to_programs(self) -> None:
        said = io.StringIO()
        problem = BadRequest("No filter.", violations=[Violation("/filter", "filter_invalid", "Expected a value.")])

        say_failure(problem, as_json=True, stream=said)

        assert json.loads(said.getvalue()) == {
            "error": "No filter.; /filter: Expected a value.",
            "exit_code": 2,
            "faults": [{"place": "/filter", "code": "filter_invalid", "problem": "Expected a value."}],
        }

    def test_a_bare_title_is_followed_by_what_to_do(self) -> None:
        said = io.StringIO()

        say_failure(SettingVersionUnknown(), as_json=False, stream=said)

        assert said.getvalue().splitlines() == [
            "healthprotocol: This setting has no such version",
            "healthprotocol: Take a number from the setting's history; 0 is before the first.",
        ]

    @pytest.mark.parametrize(("error", "code"), [(NotFound("No such flag."), 2), (Conflict("It runs."), 1)])
    def test_what_was_named_wrongly_is_code_2_and_what_cannot_be_now_code_1(self, error: Problem, code: int) -> None:
        assert say_failure(error, as_json=False, stream=io.StringIO()) == code

    def test_a_held_directory_names_the_holder(self, tmp_path: Path) -> None:
        said = io.StringIO()

        say_failure(DirectoryInUse(tmp_path / "lock", {"pid": 7}), as_json=False, stream=said)

        assert said.getvalue() == f"healthprotocol: {tmp_path} is in use by process 7\n"

    @pytest.mark.parametrize("error", [EmbeddedServerFailed("no server"), TimeoutError()])
    def test_what_was_made_for_people_comes_without_a_traceback(self, error: Exception) -> None:
        said = io.StringIO()

        say_failure(error, as_json=False, stream=said)

        assert said.getvalue().count("\n") == 1

    def test_an_unexpected_error_shows_its_text_to_developers_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        developer, operator = io.StringIO(), io.StringIO()

        monkeypatch.setenv("HP_ENVIRONMENT", "development")
        say_failure(ValueError("Amazon"), as_json=False, stream=developer)
        monkeypatch.setenv("HP_ENVIRONMENT", "production")
        say_failure(ValueError("Amazon"), as_json=False, stream=operator)

        assert "Amazon" in developer.getvalue()
        assert operator.getvalue() == "healthprotocol: failed unexpectedly (ValueError)\n"


class TestTerminal:
    def test_for_programs_prints_one_document(self, capsys: pytest.CaptureFixture[str]) -> None:
        terminal = Terminal(as_json=True)

        with terminal.progress("Importing", total=2) as advance:
            advance(1, None)
        terminal.note("not for programs")
        terminal.result({"imported": 2}, "Imported 2.")

        said = capsys.readouterr()
        assert json.loads(said.out) == {"imported": 2}
        assert said.err == ""

    def test_at_a_terminal_shows_a_bar(self) -> None:
        screen = io.StringIO()
        terminal = Terminal()
        terminal.err = Console(file=screen, force_terminal=True, width=100)

        with terminal.step("Migrating"):
            pass
        with terminal.progress("Importing", total=3) as advance:
            advance(2, None)
            advance(3, 4)

        assert "Migrating" in screen.getvalue()
        assert "3/4" in screen.getvalue()

    def test_without_a_terminal_says_what_is_done(self, capsys: pytest.CaptureFixture[str]) -> None:
        terminal = Terminal()

        with terminal.step("Migrating"):
            pass
        with terminal.progress("Importing") as advance:
            advance(1, 3)
        terminal.table({}, ("Name",), [("Danube",)])

        said = capsys.readouterr()
        assert said.err == "Migrating: done\nImporting: done\n"
        assert "Danube" in said.out
