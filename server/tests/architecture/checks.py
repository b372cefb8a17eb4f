"""The checkers that read source text and syntax trees. Each takes the folder to look at: a test can plant one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.findings import Findings, source_files

SLICE_FILES = frozenset(
    {"model", "rules", "errors", "policy", "repository", "service", "jobs", "schemas", "routes", "fhir"}
)
FORBIDDEN_NAMES = frozenset({"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"})
# Words of care that foundation and api must not know. Ordinary words that care also uses (entry, assignment,
# occurrence, health check, protocol as in HTTP) are left out, except where care gives them a form of their own.
HEALTH_WORDS = re.compile(
    r"patient|clinic|nurse|doctor|physician|caregiver|hospital|medication|medicine|prescri|dosage|symptom|diagnos|disease"
    r"|therap|treatment_plan|adherence|questionnaire|care[ _-]?(plan|team|protocol|relationship)|protocol_(id|version)"
    r"|assignment_id|occurrence_id|entry_id|loinc|snomed|ucum|hl7",
    re.IGNORECASE,
)
MAX_FILE_LINES = 400
MAX_TEST_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6

_Function = ast.FunctionDef | ast.AsyncFunctionDef
# What reads the world: a clock, chance, a disk, a terminal. By the name called, or the last two of a dotted one.
_WORLDLY_CALLS = frozenset(
    {
        "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "open", "print", "input", "uuid1", "uuid4",
        "uuid.uuid1", "uuid.uuid4", "new_id", "ids.new_id", "system_clock", "clock.system_clock", "eval", "exec",
        "__import__", "import_module",
    }
)  # fmt: skip

_STATEMENTS = frozenset(
    f"tx.{method}" for method in ("fetch", "fetchrow", "fetchval", "execute", "executemany", "copy_records")
) | {"tx.connection", "connection.execute", "connection.fetch"}


def slice_files(care_and_trust: Path, *floors: str) -> Findings:
    """A slice holds only the ten fixed names, each a file or a folder."""
    found = Findings()
    for floor in floors:
        for room in sorted((care_and_trust / floor).glob("*/")):
            for thing in sorted(room.iterdir()):
                if thing.name in {"__init__.py", "__pycache__"}:
                    continue
                found.looked_at += 1
                name = thing.stem if thing.suffix == ".py" else thing.name
                if name not in SLICE_FILES or (thing.is_file() and thing.suffix != ".py"):
                    found.trespasses.append(f"{floor}/{room.name}/{thing.name} is not one of the ten names")
    return found


def names(*folders: Path) -> Findings:
    """No file or folder is called by what it is not: utils, helpers, common, misc, manager."""
    found = Findings()
    for folder in folders:
        for path in source_files(folder, ".py", ".ts", ".tsx"):
            found.looked_at += 1
            words = {word for part in path.relative_to(folder).parts for word in re.split(r"[._\-]", part.lower())}
            if words & FORBIDDEN_NAMES:
                found.trespasses.append(f"{path.relative_to(folder)} says nothing about what it holds")
    return found


def file_budgets(folder: Path, *, most_lines: int) -> Findings:
    """No file is longer than `most_lines`; types that are generated (`*.d.ts`) are read by compilers, not by people."""
    found = Findings()
    for path in source_files(folder, ".py", ".ts", ".tsx"):
        if path.name.endswith(".d.ts"):
            continue
        found.looked_at += 1
        lines = path.read_text().count("\n")
        if lines > most_lines:
            found.trespasses.append(f"{path.relative_to(folder)} has {lines} lines, more than {most_lines}")
    return found


def function_budgets(folder: Path) -> Findings:
    """
    No function is longer than 60 lines or takes more than 6 parameters.

    Not counted are `self` and `cls`, and `tx` and `actor`, which every act takes.
    """
    found = Findings()
    for path, function in _functions(folder):
        found.looked_at += 1
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        parameters = _parameters(function)
        place = f"{path.relative_to(folder)}:{function.lineno} {function.name}"
        if lines > MAX_FUNCTION_LINES:
            found.trespasses.append(f"{place} has {lines} lines, more than {MAX_FUNCTION_LINES}")
        if len(parameters) > MAX_PARAMETERS:
            found.trespasses.append(f"{place} takes {len(parameters)} parameters, more than {MAX_PARAMETERS}")
    return found


def health_words(*folders: Path) -> Findings:
    """Foundation and api know nothing of care: not in code, comments or docstrings."""
    found = Findings()
    for folder in folders:
        for path in source_files(folder, ".py", ".sql", ".html", ".json"):
            found.looked_at += 1
            for number, line in enumerate(path.read_text().splitlines(), start=1):
                if word := HEALTH_WORDS.search(line):
                    found.trespasses.append(f"{folder.name}/{path.relative_to(folder)}:{number} says {word.group()}")
    return found


def purity(house: Path) -> Findings:
    """Models and rules call nothing that reads the world, and are never asynchronous."""
    found = Findings()
    for path in _pure_files(house):
        found.looked_at += 1
        place = path.relative_to(house)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
                found.trespasses.append(f"{place}:{node.lineno} is asynchronous")
            elif isinstance(node, ast.Call) and (name := _called(node)) in _WORLDLY_CALLS:
                found.trespasses.append(f"{place}:{node.lineno} calls {name}")
    return found


def sql_places(house: Path) -> Findings:
    """In care and trust only repositories speak to the database; services ask them."""
    found = Findings()
    for floor in ("care", "trust"):
        for path in source_files(house / floor, ".py"):
            found.looked_at += 1
            parts = path.relative_to(house).with_suffix("").parts
            if "repository" in parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _called(node) in _STATEMENTS:
                    found.trespasses.append(f"{'/'.join(parts)}:{node.lineno} runs SQL outside a repository")
    return found


def docstrings(house: Path) -> Findings:
    """Every public function and method of rules and of the foundation says what its signature cannot."""
    found = Findings()
    files = [
        *source_files(house / "foundation", ".py"),
        *(path for path in _pure_files(house) if _is_rules(path, house)),
    ]
    for path in files:
        for function in _public_functions(ast.parse(path.read_text()).body):
            found.looked_at += 1
            if ast.get_docstring(function) is None:
                found.trespasses.append(f"{path.relative_to(house)}:{function.lineno} {function.name} has no docstring")
    return found


def _functions(folder: Path) -> Iterator[tuple[Path, _Function]]:
    for path in source_files(folder, ".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def _parameters(function: _Function) -> list[str]:
    arguments = function.args
    everyone = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    everyone += [arguments.vararg] if arguments.vararg else []
    return [argument.arg for argument in everyone if argument.arg not in {"self", "cls", "tx", "actor"}]


def _pure_files(house: Path) -> Iterator[Path]:
    for floor in ("care", "trust", "operations"):
        for path in source_files(house / floor, ".py"):
            # care/protocols/rules.py, or any file under care/protocols/rules/.
            part = path.relative_to(house / floor).parts[1:2]
            if part and Path(part[0]).stem in {"model", "rules"}:
                yield path


def _is_rules(path: Path, house: Path) -> bool:
    return Path(path.relative_to(house).parts[2]).stem == "rules"


def _called(call: ast.Call) -> str:
    """Return the name called: `now` of `now()`, `datetime.now` of `datetime.datetime.now()`, else an empty text."""
    function = call.func
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute):
        owner = function.value
        last = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        return f"{last}.{function.attr}"
    return ""


def _public_functions(body: list[ast.stmt]) -> Iterator[_Function]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public_functions(node.body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {_last_name(decorator) for decorator in node.decorator_list}
            if not node.name.startswith("_") and not decorators & {"override", "overload", "setter"}:
                yield node


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
