"""
Logs: one JSON object a line to stderr, with a closed list of keys.

A key that is not in the list is dropped and its name is told, so that a new one is a decision and not an accident. The
libraries' own records pass through the same sieve: of them only the constant template is kept, never the arguments.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import datetime
from typing import Any, Literal, TextIO
from uuid import UUID

import orjson
import structlog

from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.telemetry.errors import describe

Level = Literal["debug", "info", "warning", "error"]
Event = MutableMapping[str, Any]

LONGEST_TEXT = 2_000
_FIRST_OF_OURS = 500
MOST_ITEMS = 50

ALLOWED_KEYS = frozenset(
    {
        "event", "level", "timestamp", "logger", "error", "dropped", "where", "template",
        "request_id", "method", "route", "status", "duration_ms", "bytes", "protocol", "problem",
        "job", "job_id", "attempt", "operation_id", "kind", "outcome", "jobs", "schedules", "done", "total", "cursor",
        "organisation_id", "account_id", "role", "permission", "action",
        "count", "seconds", "size", "waiting", "check", "component", "version", "revision", "environment",
        "host", "port", "pid", "workers", "signal", "sqlstate", "from_state", "to_state", "reason",
    }
)  # fmt: skip

_EVENT_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


def configure_logging(environment: str, *, level: Level = "info", stream: TextIO | None = None) -> None:
    """Send every log of this process, ours and the libraries', to `stream` (stderr when None). Call once, at start."""
    target = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    is_for_eyes = environment == "development" and target.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            sift,
            structlog.dev.ConsoleRenderer(colors=False) if is_for_eyes else _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *names: _NamedWriter(target, names[0] if names else "root"),
        cache_logger_on_first_use=False,
    )
    handler = _LibraryHandler(target)
    # Libraries are heard from `warning` on: their lower levels tell of connections and statements.
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_crash


def log_problem(problem: Problem, *, request_id: str) -> None:
    """Write down a problem that was answered: its type, places and private text. A 4xx is the caller's, and quieter."""
    write = _log().warning if problem.status >= _FIRST_OF_OURS else _log().info
    write("request.refused", request_id=request_id, status=problem.status, error=describe(problem))


def log_exception(error: BaseException, *, request_id: str) -> None:
    """Write down an error that nobody expected and that was answered as a 500."""
    _log().error("request.failed", request_id=request_id, status=500, exc_info=error)


def _log() -> Any:
    return structlog.get_logger("request")


def sift(logger: object, _method: str, event: Event) -> Event:
    """Keep the allowed keys with plain values; turn an exception into its type and places."""
    caught = _exception(event.pop("exc_info", None))
    kept: Event = {"logger": logger.name} if isinstance(logger, _NamedWriter) else {}
    dropped: list[str] = []
    for key, value in event.items():
        if key in ALLOWED_KEYS:
            kept[key] = _plain(value)
        else:
            dropped.append(key[:40])
    if caught is not None and "error" not in kept:
        kept["error"] = describe(caught)[:LONGEST_TEXT]
    if not _EVENT_NAME.fullmatch(str(kept.get("event", ""))):
        # An event is a name, not a sentence: a sentence could have a value put into it.
        kept["event"] = "unnamed"
    if dropped:
        kept["dropped"] = sorted(dropped)
    return kept


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseException):
        return describe(value)[:LONGEST_TEXT]
    if isinstance(value, str | UUID):
        return str(value)[:LONGEST_TEXT]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value[:MOST_ITEMS]]
    return type(value).__name__


def _log_crash(_kind: type[BaseException], error: BaseException, _trace: object) -> None:
    """What would end up as a traceback with its message on stderr."""
    structlog.get_logger("process").error("process.crashed", exc_info=error)


def _exception(exc_info: object) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
        case _:
            return None


def _render(_logger: object, _method: str, event: Event) -> str:
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS).decode()


class _NamedWriter(structlog.WriteLogger):
    """Writes lines; `name` is what was given to get_logger."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name


class _LibraryHandler(logging.Handler):
    """Turns records of the standard library's logging into events of ours."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        event: Event = {
            "event": "library.log",
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created).astimezone().isoformat(),
            "logger": record.name,
            "where": f"{record.module}:{record.lineno}",
            "exc_info": record.exc_info,
        }
        # With arguments the text is a constant of the library's code; without, it may be a finished sentence.
        if record.args:
            event["template"] = str(record.msg)
        try:
            self._stream.write(_render(None, "", sift(None, "", event)) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            # A closed or full stderr must not take the request down with it.
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say nothing: the default prints the record with its arguments."""
