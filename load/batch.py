"""
A hundred patients enrolled one request at a time, in one batch, and in one bulk creation: seconds, as ratios.

It starts the whole product with demo data in a temporary folder. Run with:
PYTHONPATH=server .venv/bin/python load/batch.py
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from measuring.product import product

PATIENTS = 100
ROUNDS = 7
PORT = 8191
ADDRESS = f"http://127.0.0.1:{PORT}"
ACCOUNT = {"email": "coordinator@demo.example", "password": "correct-horse-battery-demo"}


def person(number: int) -> dict[str, Any]:
    """Somebody who is nobody."""
    return {"given_name": f"Elbe {number}", "family_name": "Mulde", "birth_date": "1960-02-29"}


def one_by_one(client: httpx2.Client) -> None:
    """A request a patient."""
    for number in range(PATIENTS):
        client.post("/api/v1/patients", json=person(number)).raise_for_status()


def batched(mode: str) -> Callable[[httpx2.Client], None]:
    """All requests in one."""

    def send(client: httpx2.Client) -> None:
        requests = [{"method": "POST", "path": "/api/v1/patients", "body": person(n)} for n in range(PATIENTS)]
        answer = client.post("/api/v1/batch", json={"mode": mode, "requests": requests})
        assert [one["status"] for one in answer.json()["responses"]] == [201] * PATIENTS

    return send


def bulk(client: httpx2.Client) -> None:
    """All patients in one creation."""
    items = [person(number) for number in range(PATIENTS)]
    answer = client.post("/api/v1/patients/batch-create", json={"items": items})
    assert [one["status"] for one in answer.json()["results"]] == [201] * PATIENTS


WAYS: dict[str, Callable[[httpx2.Client], None]] = {
    "one_by_one": one_by_one,
    "independent": batched("independent"),
    "atomic": batched("atomic"),
    "bulk": bulk,
}


@contextmanager
def running(folder: Path) -> Iterator[httpx2.Client]:
    """Start the product; give a client that has signed in."""
    with product(folder, port=PORT), httpx2.Client(base_url=ADDRESS, timeout=30) as client:
        signed_in = client.post("/api/v1/session", json=ACCOUNT).raise_for_status()
        client.headers["x-csrf-token"] = signed_in.json()["csrf_token"]
        yield client


def main() -> int:
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["batch"]
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as name, running(Path(name)) as client:
        for _ in range(ROUNDS):
            # In turn, so that what else the machine does falls on all of them alike.
            for way, act in WAYS.items():
                began = time.perf_counter()
                act(client)
                seconds[way].append(time.perf_counter() - began)
    alone = statistics.median(seconds["one_by_one"])
    print(f"one_by_one    {alone * 1000:8.0f} ms for {PATIENTS} patients")
    broken = False
    for way in ("independent", "atomic", "bulk"):
        ratio = alone / statistics.median(seconds[way])
        broken |= ratio < budgets[f"{way}_times_faster"]
        print(f"{way:12}  {ratio:8.1f} times faster   at least {budgets[f'{way}_times_faster']}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
