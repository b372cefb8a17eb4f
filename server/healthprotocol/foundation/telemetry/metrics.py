"""
Metrics for Prometheus. Labels are closed sets: route templates, methods, status codes, job names; never an id.

Several processes serve one address, so each writes its numbers into files of a folder and the main process adds them
up. `metrics_folder.prepare` names that folder, which must happen before this module is imported.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from healthprotocol.foundation.telemetry import processes
from healthprotocol.foundation.telemetry.metrics_folder import FOLDER_VARIABLE

CONTENT_TYPE = CONTENT_TYPE_LATEST

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_JOB_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)

REGISTRY = CollectorRegistry()

_REQUESTS = Histogram(
    "hp_request_seconds",
    "Time from the first byte of a request to the last of its answer.",
    ("method", "route", "status"),
    buckets=_BUCKETS,
    registry=REGISTRY,
)
_IN_FLIGHT = Gauge("hp_requests_in_flight", "Requests being answered.", registry=REGISTRY, multiprocess_mode="livesum")
_JOB_RUNS = Histogram(
    "hp_job_seconds", "Time of one attempt of a job.", ("job", "outcome"), buckets=_JOB_BUCKETS, registry=REGISTRY
)
_POOL = Gauge(
    "hp_pool_connections",
    "Connections to PostgreSQL of this installation's processes.",
    ("state",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_POOL_LIMIT = Gauge(
    "hp_pool_limit",
    "Connections that may be lent at once: now, and at most by settings and PostgreSQL's grant.",
    ("which",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_POOL_WAIT = Gauge(
    "hp_pool_wait_seconds",
    "Time that work stood in the queue for a connection, over the last minute; of the slowest process.",
    ("quantile",),
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
_POOL_PULSE = Gauge(
    "hp_pool_pulse_seconds",
    "Time that PostgreSQL took to answer the first message of a transaction; of the slowest process.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
_POOL_WAITING = Gauge("hp_pool_waiting", "Who waits for a connection.", registry=REGISTRY, multiprocess_mode="livesum")
_POOL_HELD = Gauge(
    "hp_pool_suspected_leaks",
    "Connections that somebody holds without using them.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_POOL_EVENTS = Counter("hp_pool_events", "What happened in the pool.", ("event",), registry=REGISTRY)
_REPLICA = Gauge(
    "hp_replica_serving",
    "Processes that read from this replica.",
    ("replica",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_REPLICA_LAG = Gauge(
    "hp_replica_lag_seconds",
    "How far behind the replica is; -1 when that is not known, or longer than is looked at.",
    ("replica",),
    registry=REGISTRY,
    multiprocess_mode="livemostrecent",
)
_JOBS = Gauge("hp_jobs", "Jobs in the queue.", ("job", "status"), registry=REGISTRY, multiprocess_mode="livemostrecent")
_LIVE_AGE = Gauge(
    "hp_live_age_seconds",
    "How old the settings and flags in a process's memory may be; over 5 while PostgreSQL is away.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
_UNHANDLED = Counter("hp_unhandled_errors", "Errors that nobody expected.", ("component",), registry=REGISTRY)

_CACHE = Counter(
    "hp_cache_events",
    "What happened at the caches: hit_memory, hit_shared, hit_negative, hit_stale, miss, load, wait, crowded, refresh, "
    "bypass, eviction, reject.",
    ("cache", "event"),
    registry=REGISTRY,
)
_CACHE_BYTES = Gauge(
    "hp_cache_bytes",
    "About what cached values take in the memory of processes.",
    ("cache",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_CACHE_ENTRIES = Gauge(
    "hp_cache_entries",
    "Cached values in the memory of processes.",
    ("cache",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_CACHE_EPOCHS = Counter("hp_cache_epochs_checked", "Epochs of tags asked of PostgreSQL.", ("of",), registry=REGISTRY)
_CACHE_TROUBLE = Counter(
    "hp_cache_trouble",
    "What the caches went on without: redis_failed, redis_refused, redis_garbage, notify_failed, check_failed, "
    "refresh_failed.",
    ("kind",),
    registry=REGISTRY,
)


class PoolFigures(Protocol):
    """What is told of a pool of connections; `foundation/db/pool` has it."""

    @property
    def limit(self) -> int:
        """How many may be lent at once."""
        ...

    @property
    def bound(self) -> int:
        """The most that `limit` may become."""
        ...

    @property
    def waiting(self) -> int:
        """How many wait."""
        ...

    @property
    def wait_p50(self) -> float:
        """The wait of the middle one, in seconds."""
        ...

    @property
    def wait_p99(self) -> float:
        """The wait of one in a hundred, in seconds."""
        ...

    @property
    def pulse(self) -> float:
        """How long the server took to answer a first message, in seconds."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened since the pool's start."""
        ...

    @property
    def states(self) -> Mapping[str, int]:
        """How many connections are in each state."""
        ...

    @property
    def holdings(self) -> Sequence[object]:
        """Loans that are not used."""
        ...


class ReplicaFigures(Protocol):
    """What is told of a replica."""

    @property
    def number(self) -> int:
        """Which one, from 1."""
        ...

    @property
    def state(self) -> str:
        """One of serving, lagging, away, promoted."""
        ...

    @property
    def lag_seconds(self) -> float | None:
        """How far behind it is, None when unknown."""
        ...


def request_started() -> None:
    """Count a request in."""
    _IN_FLIGHT.inc()


def request_ended(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request out. `route` is a template such as /api/v1/accounts/{account_id}, never an address."""
    _IN_FLIGHT.dec()
    _REQUESTS.labels(method, route, str(status)).observe(seconds)


def job_ended(name: str, outcome: str, seconds: float) -> None:
    """Count one attempt of a job; `outcome` is succeeded, retried, failed or handed_over."""
    _JOB_RUNS.labels(name, outcome).observe(seconds)


def pool_seen(figures: PoolFigures) -> None:
    """Tell the connections of this process's pool, and count what happened in it since it was told last."""
    for state, number in figures.states.items():
        _POOL.labels(state).set(number)
    _POOL_LIMIT.labels("now").set(figures.limit)
    _POOL_LIMIT.labels("most").set(figures.bound)
    _POOL_WAIT.labels("0.5").set(figures.wait_p50)
    _POOL_WAIT.labels("0.99").set(figures.wait_p99)
    _POOL_PULSE.set(figures.pulse)
    _POOL_WAITING.set(figures.waiting)
    _POOL_HELD.set(len(figures.holdings))
    for event, number in figures.counts.items():
        known = _seen_pool.get(event, 0)
        if number != known:
            # A smaller number is another pool's, that began after this process closed its first.
            _POOL_EVENTS.labels(event).inc(number - known if number > known else number)
            _seen_pool[event] = number


def replicas_seen(replicas: Sequence[ReplicaFigures]) -> None:
    """Tell how each replica is. Their number is an operator's choice, and small."""
    for replica in replicas:
        name = str(replica.number)
        _REPLICA.labels(name).set(replica.state == "serving")
        _REPLICA_LAG.labels(name).set(-1 if replica.lag_seconds is None else replica.lag_seconds)


def jobs_seen(counts: dict[tuple[str, str], int]) -> None:
    """Tell how many jobs there are by (name, status). What was there before and is no longer becomes zero."""
    for labels in [metric_labels for metric_labels in _seen_jobs if metric_labels not in counts]:
        _JOBS.labels(*labels).set(0)
    for labels, number in counts.items():
        _seen_jobs.add(labels)
        _JOBS.labels(*labels).set(number)


def cache_event(cache: str, event: str, *, times: int = 1) -> None:
    """Count what happened at a cache, so many times at once; see `hp_cache_events` for the words."""
    labels = (cache, event)
    counter = _cache_counters.get(labels)
    if counter is None:
        counter = _cache_counters[labels] = _CACHE.labels(cache, event)
    counter.inc(times)


def cache_holds(cache: str, *, size_bytes: int, entries: int) -> None:
    """Tell what a cache of this process holds."""
    _CACHE_BYTES.labels(cache).set(size_bytes)
    _CACHE_ENTRIES.labels(cache).set(entries)


def cache_epochs_checked(tags: int) -> None:
    """Count one question for the epochs of so many tags."""
    _CACHE_EPOCHS.labels("questions").inc()
    _CACHE_EPOCHS.labels("tags").inc(tags)


def cache_trouble(kind: str) -> None:
    """Count what a cache went on without; see `hp_cache_trouble` for the words."""
    _CACHE_TROUBLE.labels(kind).inc()


def live_seen(age_seconds: float) -> None:
    """Tell how old what is kept in memory of settings and flags may be."""
    _LIVE_AGE.set(age_seconds)


def unhandled_error(component: str) -> None:
    """Count an error that became a 500, or ended a part of a process."""
    _UNHANDLED.labels(component).inc()


def render() -> bytes:
    """Return every metric in Prometheus' text format, over all processes when they share a folder."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return generate_latest(REGISTRY)
    # A process that was killed said nothing of what it left: its requests are in flight no more.
    processes.forget_ended()
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)
    return generate_latest(registry)


_seen_jobs: set[tuple[str, str]] = set()
# Finding a labelled counter costs more than counting.
_cache_counters: dict[tuple[str, str], Counter] = {}
_seen_pool: dict[str, int] = {}
