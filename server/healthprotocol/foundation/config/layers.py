"""
Where start-up settings come from: defaults < file < environment < secret files < vault, with the origin of each.

Everything that is wrong is gathered and told at once; nothing here quotes a value.
"""

import difflib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from healthprotocol.foundation.config.faults import Fault

PREFIX = "HP_"
FILE_VARIABLE = "HP_CONFIG_FILE"
ENVIRONMENTS = ("development", "test", "staging", "production")

_LARGEST_FILE_BYTES = 256 * 1024
_VAULT_SETTINGS = "vault_"
_VAULT_SCHEME = "vault:"

Layer = Literal["default", "file", "environment", "secret file", "vault"]


class Origin(msgspec.Struct, frozen=True):
    """Which layer a value comes from, and the file, variable or reference in it."""

    layer: Layer
    where: str = ""


class Layers(msgspec.Struct):
    """What was found. `values` has no defaults; `unknown` are variables with our prefix that nothing reads."""

    values: dict[str, Any]
    origins: dict[str, Origin]
    faults: list[Fault]
    unknown: list[Fault]
    secret_files: dict[str, Path]


def variable(name: str) -> str:
    """Return the variable of a setting."""
    return PREFIX + name.upper()


def gather(
    environment: Mapping[str, str], *, names: Collection[str], others: Collection[str] = (), asks_vault: bool = True
) -> Layers:
    """
    Return what file, environment, secret files and vault say of the settings `names`.

    `others` are variables with our prefix that are no settings. `asks_vault` False leaves references as they stand.
    """
    found = Layers({}, {}, [], [], {})
    from_variables = _from_variables(environment, names, found, others=others)
    _add_file(environment, from_variables, names, found)
    for name, (value, origin) in from_variables.items():
        found.values[name], found.origins[name] = value, origin
    if asks_vault:
        _resolve_references(found)
    return found


def _from_variables(
    environment: Mapping[str, str], names: Collection[str], found: Layers, *, others: Collection[str]
) -> dict[str, tuple[Any, Origin]]:
    """Return what variables and the secret files that they name say."""
    values: dict[str, tuple[Any, Origin]] = {}
    by_variable = {variable(name): name for name in names}
    files = {f"{key}_FILE": name for key, name in by_variable.items() if f"{key}_FILE" not in by_variable}
    known = {*by_variable, *files, *others, FILE_VARIABLE}
    for key in sorted(environment):
        if key in by_variable:
            values.setdefault(by_variable[key], (environment[key], Origin("environment", key)))
        elif key.startswith(PREFIX) and key not in known:
            meant = difflib.get_close_matches(key, known, n=1)
            found.unknown.append(
                Fault(
                    f"{key} is no setting", f"did you mean {meant[0]}?" if meant else "take it out of the environment"
                )
            )
    for key, name in files.items():
        if environment.get(key):
            path = Path(environment[key]).expanduser()
            text = _read(path, of=key, faults=found.faults)
            if text is not None:
                values[name] = (text.strip("\r\n"), Origin("secret file", str(path)))
                found.secret_files[name] = path
    return values


def _add_file(
    environment: Mapping[str, str],
    from_variables: Mapping[str, tuple[Any, Origin]],
    names: Collection[str],
    found: Layers,
) -> None:
    """Add what the file says: its plain keys for every environment, and over them the section of the chosen one."""
    if not environment.get(FILE_VARIABLE):
        return
    path = Path(environment[FILE_VARIABLE]).expanduser()
    text = _read(path, of=FILE_VARIABLE, faults=found.faults)
    if text is None:
        return
    import tomllib  # noqa: PLC0415 - most installations have no file

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = str(error).rpartition("(")[2].rstrip(")")
        found.faults.append(Fault(f"{path} is no TOML ({place})", "mend that place"))
        return
    chosen = from_variables.get("environment", (document.get("environment", "development"), None))[0]
    plain = {key: value for key, value in document.items() if not isinstance(value, dict)}
    sections = {key: value for key, value in document.items() if isinstance(value, dict)}
    for section in sections:
        if section not in ENVIRONMENTS:
            remedy = _did_you_mean(section, ENVIRONMENTS) or f"sections are {', '.join(ENVIRONMENTS)}"
            found.faults.append(Fault(f"{path} has a section [{section}]", remedy))
    for where, part in (("", plain), (f" [{chosen}]", sections.get(str(chosen), {}))):
        for key, value in part.items():
            if key not in names:
                remedy = _did_you_mean(key, names) or "take it out"
                found.faults.append(Fault(f"{path}{where} sets {key}, which is no setting", remedy))
                continue
            found.values[key], found.origins[key] = value, Origin("file", f"{path}{where}")


def _resolve_references(found: Layers) -> None:
    """Put what the vault says in the place of each `vault:path#field`."""
    references = {
        name: value
        for name, value in found.values.items()
        if isinstance(value, str) and value.startswith(_VAULT_SCHEME)
    }
    for name in [name for name in references if name.startswith(_VAULT_SETTINGS)]:
        found.faults.append(Fault(f"{variable(name)} refers to the vault", "the way to the vault cannot lie in it"))
        del references[name]
    if not references:
        return
    from healthprotocol.foundation.config.references import resolve  # noqa: PLC0415 - most installations have none

    settings = {name: value for name, value in found.values.items() if name.startswith(_VAULT_SETTINGS)}
    resolved, faults = resolve({variable(name): reference for name, reference in references.items()}, settings)
    found.faults += faults
    for name, reference in references.items():
        # What could not be had is absent, and a fault tells it: the reference itself is never taken for a value.
        del found.values[name]
        if variable(name) in resolved:
            found.values[name] = resolved[variable(name)]
            found.origins[name] = Origin("vault", reference.removeprefix(_VAULT_SCHEME))


def _read(path: Path, *, of: str, faults: list[Fault]) -> str | None:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE_BYTES + 1)
        if len(raw) > _LARGEST_FILE_BYTES:
            faults.append(Fault(f"{of} names a file of more than 256 KiB", "name the file that holds the value alone"))
            return None
        return raw.decode()
    except UnicodeDecodeError:
        faults.append(Fault(f"{of} names {path}, which is not UTF-8 text", "name another file"))
    except OSError as error:
        faults.append(Fault(f"{of} names {path}, which cannot be read ({error.strerror})", "name a readable file"))
    return None


def as_list(value: object) -> object:
    """Return the list that a text writes as JSON or with commas; anything else as it is, for validation to judge."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return value
    return [part.strip() for part in text.split(",") if part.strip()]


def without(environment: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the environment without the variables and secret files of some settings."""
    gone = {variable(name) for name in names} | {f"{variable(name)}_FILE" for name in names}
    return {key: value for key, value in environment.items() if key not in gone}


def current_environment() -> Mapping[str, str]:
    """Return the variables of this process."""
    return os.environ


def _did_you_mean(word: str, known: Collection[str]) -> str:
    meant = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {meant[0]}?" if meant else ""
