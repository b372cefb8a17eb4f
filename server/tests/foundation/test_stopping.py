"""A signal ends a block once, wherever it is, but for the moment in which a program starts."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.stopping import Stopped, run_to_end, stoppable, unbroken
from tests.support.launched import signalled_when_made


class TestStoppable:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_leaves_the_block_quietly(self, number: signal.Signals) -> None:
        reached: list[str] = []

        with stoppable():
            os.kill(os.getpid(), number)
            time.sleep(5)
            reached.append("the end")

        assert reached == []

    def test_further_signals_do_not_disturb_the_ending(self) -> None:
        reached: list[str] = []

        with stoppable():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                reached.append("tidied")

        assert reached == ["tidied"]

    def test_gives_signals_their_meaning_back(self) -> None:
        before = signal.getsignal(signal.SIGTERM)

        with stoppable():
            assert signal.getsignal(signal.SIGTERM) is not before

        assert signal.getsignal(signal.SIGTERM) is before

    def test_is_not_mistaken_for_a_failure(self) -> None:
        assert not issubclass(Stopped, Exception)


class TestUnbroken:
    def test_is_gone_through_to_its_end_before_the_signal_counts(self) -> None:
        reached: list[str] = []

        with stoppable():
            with unbroken():
                with unbroken():
                    os.kill(os.getpid(), signal.SIGTERM)
                    reached.append("inner")
                reached.append("outer")
            reached.append("after")

        assert reached == ["inner", "outer"]

    def test_leaves_nothing_behind_for_the_next(self) -> None:
        reached: list[str] = []
        with stoppable(), unbroken():
            os.kill(os.getpid(), signal.SIGTERM)

        with stoppable():
            with unbroken():
                reached.append("started")
            reached.append("after")

        assert reached == ["started", "after"]

    def test_of_another_thread_keeps_no_signal_from_the_first(self) -> None:
        reached: list[str] = []
        is_inside, may_leave = threading.Event(), threading.Event()

        def hold() -> None:
            with unbroken():
                is_inside.set()
                may_leave.wait()

        holding = threading.Thread(target=hold)
        holding.start()
        is_inside.wait()
        with stoppable():
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("after")
        may_leave.set()
        holding.join()

        assert reached == []


class TestRunToEnd:
    def test_returns_the_exit_code(self) -> None:
        assert run_to_end([sys.executable, "-c", "raise SystemExit(3)"], environment={}) == 3

    def test_leaves_nothing_when_a_signal_comes(self) -> None:
        interrupting = f"import os, signal, time; os.kill({os.getpid()}, signal.SIGTERM); time.sleep(600)"
        before = psutil.Process().children()
        went_on = False

        with stoppable():
            run_to_end([sys.executable, "-c", interrupting], environment={})
            went_on = True

        assert not went_on
        assert psutil.Process().children() == before

    def test_leaves_nothing_when_a_signal_comes_in_the_moment_of_its_start(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subprocess, "Popen", signalled_when_made)
        before = psutil.Process().children()

        with stoppable():
            run_to_end([sys.executable, "-c", "import time; time.sleep(600)"], environment={})

        assert psutil.Process().children() == before


class TestEmbeddedServer:
    """The longest start that there is, of two programs one after the other."""

    @pytest.mark.parametrize("is_made", [False, True])
    def test_leaves_nothing_when_a_signal_comes_in_the_moment_of_its_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_made: bool
    ) -> None:
        server = EmbeddedServer(tmp_path / "data", durable=False)
        if is_made:
            server.start()
            server.stop()
        monkeypatch.setattr(subprocess, "Popen", signalled_when_made)
        before = psutil.Process().children()

        with stoppable():
            server.start()

        assert not server.is_running()
        assert psutil.Process().children() == before
