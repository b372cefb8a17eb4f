"""Numbers add up over processes, and what is gone counts as zero."""

import os
import subprocess
import sys
from pathlib import Path

from healthprotocol.foundation.telemetry import metrics

COUNTING = """
from healthprotocol.foundation.telemetry import metrics
metrics.request_started()
metrics.request_ended("GET", "/x", 200, 0.01)
metrics.request_started()
import sys
sys.stdout.write("counted\\n")
sys.stdout.flush()
sys.stdin.read()
"""
SHOWING = """
import sys
from healthprotocol.foundation.telemetry import metrics
sys.stdout.write(metrics.render().decode())
"""


class TestJobsSeen:
    def test_a_status_that_is_gone_becomes_zero(self) -> None:
        metrics.jobs_seen({("count.boats", "queued"): 3})
        metrics.jobs_seen({})

        assert 'hp_jobs{job="count.boats",status="queued"} 0.0' in metrics.render().decode()


class TestFolder:
    def test_processes_add_up_and_the_ended_ones_gauges_are_forgotten(self, tmp_path: Path) -> None:
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        ended, living = (
            subprocess.Popen(
                [sys.executable, "-c", COUNTING], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for _ in range(2)
        )
        for one in (ended, living):
            assert one.stdout is not None
            assert one.stdout.readline() == b"counted\n"
        ended.kill()
        ended.communicate()

        shown = subprocess.run(
            [sys.executable, "-c", SHOWING], env=environment, check=True, capture_output=True, text=True
        ).stdout
        living.communicate()

        assert 'hp_request_seconds_count{method="GET",route="/x",status="200"} 2.0' in shown
        assert "hp_requests_in_flight 1.0" in shown

    def test_is_emptied_before_a_start(self, tmp_path: Path) -> None:
        (tmp_path / "counter_7.db").write_bytes(b"old")
        preparing = (
            "import sys, pathlib; from healthprotocol.foundation.telemetry import metrics_folder as f;"
            "f.prepare(pathlib.Path(sys.argv[1])); import os; sys.stdout.write(os.environ[f.FOLDER_VARIABLE])"
        )

        named = subprocess.run(
            [sys.executable, "-c", preparing, str(tmp_path)], check=True, capture_output=True, text=True
        ).stdout

        assert named == str(tmp_path)
        assert list(tmp_path.iterdir()) == []
