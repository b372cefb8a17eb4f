"""The scripts behind make: they redo only what changed, say what failed, and leave no process behind."""

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from healthprotocol.foundation.processes import ProcessIdentity, wait_until
from tests.support.launched import SERVER

TOOLS = SERVER.parent / "tools"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.syspath_prepend(str(TOOLS))
    module = importlib.import_module("steps")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "LOGS", tmp_path / "log")
    return module


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, steps: Any) -> Any:
    """The module, looking at a checkout in which nothing was made yet."""
    module = importlib.import_module("environment")
    for name, place in {"ROOT": ".", "VENV": ".venv", "WEB": "web", "BUILT_WEB": "built", "_STAMPS": ".stamps"}.items():
        monkeypatch.setattr(module, name, tmp_path / place)
    return module


def script(text: str) -> "subprocess.Popen[str]":
    """Run a program that imports the tools, as make would."""
    preamble = f"import sys; sys.path.insert(0, {str(TOOLS)!r})\n"
    return subprocess.Popen(
        [sys.executable, "-c", preamble + dedent(text)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


class TestQuiet:
    def test_says_nothing_of_what_succeeds(self, steps: Any, capfd: pytest.CaptureFixture[str]) -> None:
        steps.quiet("Counting sheep", [sys.executable, "-c", "print('one sheep')"])

        assert "one sheep" not in capfd.readouterr().err

    def test_shows_the_end_of_what_fails_and_where_the_rest_is(self, steps: Any) -> None:
        count = "import sys; [print('sheep', n) for n in range(100)]; sys.exit(3)"

        with pytest.raises(steps.StepFailed) as caught:
            steps.quiet("Counting sheep", [sys.executable, "-c", count])

        said = str(caught.value)
        assert "sheep 99" in said
        assert "sheep 10\n" not in said
        assert said.endswith("Counting sheep failed (exit code 3). All of it: log/counting-sheep.log")


class TestShown:
    def test_tells_whether_it_passed(self, steps: Any) -> None:
        assert steps.shown("true", [sys.executable, "-c", ""], environment=dict(os.environ))
        assert not steps.shown("false", [sys.executable, "-c", "raise SystemExit(1)"], environment=dict(os.environ))

    def test_says_all_of_it_and_its_last_lines_again(self, steps: Any, capfd: pytest.CaptureFixture[str]) -> None:
        count = (
            "import sys, time; print('sheep 0', flush=True); time.sleep(0.3)\nfor n in range(1, 100): print('sheep', n)"
        )

        steps.shown("Counting sheep", [sys.executable, "-c", count], environment=dict(os.environ))

        said = capfd.readouterr().out
        assert all(f"sheep {number}\n" in said for number in range(100))
        again = steps.ending("Counting sheep").splitlines()
        assert again[0] == "── Counting sheep, its last lines"
        assert again[1:] == [f"sheep {number}" for number in range(60, 100)]

    def test_names_at_the_very_end_what_failed_however_long_ago(self, steps: Any) -> None:
        words = r"printf '\033[31m FAIL \033[0m e2e/sheep.spec.ts > jumps\nAssertionError: it fell\n'; seq 100; exit 1"
        assert not steps.shown("Watching sheep", ["sh", "-c", words], environment=os.environ)

        assert steps.ending("Watching sheep").splitlines()[-3:] == [
            "── Watching sheep, what failed",
            "FAIL  e2e/sheep.spec.ts > jumps",
            "AssertionError: it fell",
        ]

    def test_has_no_last_lines_of_what_never_ran(self, steps: Any) -> None:
        assert steps.ending("Counting goats") == ""


class TestGuarded:
    def test_a_failure_is_its_words_and_exit_code_1(self) -> None:
        process = script("""
            from steps import StepFailed, guarded
            with guarded():
                raise StepFailed("no Node; install it")
        """)

        _, said = process.communicate(timeout=30)

        assert said == "\nno Node; install it\n"
        assert process.returncode == 1

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_what_was_started(self, number: signal.Signals, tmp_path: Path) -> None:
        process = script(f"""
            import os, steps
            from pathlib import Path
            steps.LOGS = Path({str(tmp_path)!r})
            with steps.guarded():
                print("ready", flush=True)
                steps.quiet("Sleeping", ["sh", "-c", "echo $$ > {tmp_path}/pid; sleep 600"])
        """)
        pid = tmp_path / "pid"
        assert wait_until(lambda: pid.exists() and bool(pid.read_text().strip()), timeout_seconds=30)
        sleeper = ProcessIdentity.of(int(pid.read_text()))
        assert sleeper is not None

        process.send_signal(number)

        process.communicate(timeout=60)
        assert process.returncode == 128 + number
        # It has ended; whoever inherits the orphan may take a moment to bury it.
        assert wait_until(lambda: not sleeper.is_alive(), timeout_seconds=10)

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_signal_in_the_moment_of_a_start_ends_it_too(self, moment: str, tmp_path: Path) -> None:
        process = script(f"""
            import os, signal, subprocess, steps
            from pathlib import Path
            steps.LOGS = Path({str(tmp_path)!r})
            class Interrupted(subprocess.Popen):
                def __init__(self, *words, **more):
                    if {moment!r} == "before": os.kill(os.getpid(), signal.SIGTERM)
                    super().__init__(*words, **more)
                    Path("{tmp_path}/pid").write_text(str(self.pid))
                    if {moment!r} == "after": os.kill(os.getpid(), signal.SIGTERM)
            subprocess.Popen = Interrupted
            with steps.guarded():
                steps.quiet("Sleeping", ["sleep", "600"])
        """)

        process.communicate(timeout=60)

        assert process.returncode == 128 + signal.SIGTERM
        sleeper = ProcessIdentity.of(int((tmp_path / "pid").read_text()))
        assert sleeper is None or wait_until(lambda: not sleeper.is_alive(), timeout_seconds=10)


class TestAlone:
    def test_a_second_make_waits_for_the_first(self) -> None:
        hold = "from environment import alone\nwith alone():\n    print('in', flush=True); input()"
        first = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(TOOLS)!r})\n{hold}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert first.stdout is not None
        assert first.stdout.readline() == "in\n"
        second = script("from environment import alone\nwith alone():\n    print('in')\n")
        assert second.stderr is not None
        assert "another make is preparing this checkout" in second.stderr.readline()

        first.communicate("\n", timeout=30)

        assert second.communicate(timeout=30)[0] == "in\n"


class TestEnsureWeb:
    @pytest.fixture
    def built(self, environment: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What was run to build the web app."""
        (environment.WEB / "src").mkdir(parents=True)
        (environment.WEB / "package.json").write_text("{}")
        (environment.WEB / "src" / "main.ts").write_text("one")
        environment.BUILT_WEB.mkdir()
        runs: list[str] = []

        def build(doing: str, *_: object, **__: object) -> None:
            runs.append(doing)
            (environment.BUILT_WEB / "pack.json").write_text(f"build {len(runs)}")

        monkeypatch.setattr(environment, "quiet", build)
        monkeypatch.setattr(environment, "ensure_node_modules", lambda: None)
        return runs

    def test_builds_once(self, environment: Any, built: list[str]) -> None:
        environment.ensure_web()
        environment.ensure_web()

        assert built == ["Building the web app"]

    def test_builds_again_when_a_source_changed(self, environment: Any, built: list[str]) -> None:
        environment.ensure_web()
        (environment.WEB / "src" / "main.ts").write_text("two")

        environment.ensure_web()

        assert len(built) == 2

    def test_builds_again_when_somebody_built_by_hand(self, environment: Any, built: list[str]) -> None:
        environment.ensure_web()
        (environment.BUILT_WEB / "pack.json").write_text("by hand")

        environment.ensure_web()

        assert len(built) == 2

    def test_does_not_mind_what_is_not_built_from(self, environment: Any, built: list[str]) -> None:
        environment.ensure_web()
        (environment.WEB / "node_modules").mkdir()
        (environment.WEB / "node_modules" / "new.js").touch()

        environment.ensure_web()

        assert len(built) == 1


class TestVirtualEnvironment:
    def test_of_a_checkout_that_was_moved_is_not_used(self, environment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(environment.VENV)], check=True)
        monkeypatch.setattr(environment, "PYTHON", environment.VENV / "bin" / "python")
        assert environment._is_usable()

        moved = environment.VENV.rename(environment.ROOT / "moved")

        monkeypatch.setattr(environment, "VENV", moved)
        monkeypatch.setattr(environment, "PYTHON", moved / "bin" / "python")
        assert not environment._is_usable()


class TestALinkedEnvironment:
    @pytest.fixture
    def shared(self, environment: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """Return the environment of somebody else, to which the checkout's is a link."""
        shared = tmp_path / "shared"
        (shared / "bin").mkdir(parents=True)
        environment.VENV.symlink_to(shared)
        monkeypatch.setattr(environment, "PYTHON", environment.VENV / "bin" / "python")
        monkeypatch.setenv("PYTHONPATH", "elsewhere")
        return shared

    def test_is_used_as_it_is_for_this_checkout_s_code(self, environment: Any, shared: Path) -> None:
        (shared / "bin" / "python").touch()

        environment.ensure_environment(["base", "web", "dev"])

        assert [one.relative_to(shared).as_posix() for one in sorted(shared.rglob("*"))] == ["bin", "bin/python"]
        assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(environment.SERVER), "elsewhere"]

    def test_without_a_python_says_what_to_do(self, environment: Any, shared: Path, steps: Any) -> None:
        with pytest.raises(steps.StepFailed, match="Remove the link"):
            environment.ensure_environment(["base"])

        assert shared.is_dir()

    def test_of_node_is_not_installed_into(self, environment: Any, tmp_path: Path) -> None:
        (tmp_path / "web").mkdir()
        (tmp_path / "modules").mkdir()
        (tmp_path / "web" / "node_modules").symlink_to(tmp_path / "modules")

        environment.ensure_node_modules()

        assert list((tmp_path / "modules").iterdir()) == []
