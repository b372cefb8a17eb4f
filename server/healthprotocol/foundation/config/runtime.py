"""
Settings that change while the platform runs: read from memory, chosen with a reason, kept in every version.

    runtime = RuntimeSettings(database, [LATE_DAYS, …], changes=LiveChanges(database))
    await runtime.start()
    async with database.transaction(organisation_id) as tx:
        days = value_of(tx, LATE_DAYS)           # no question to the database
        await choose(tx, LATE_DAYS, Wish(value=3, reason="…"), expected_version=2)
"""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

import msgspec
import structlog

from healthprotocol.foundation.config import live
from healthprotocol.foundation.config.live import LiveChanges, LiveCopy, NotLoaded
from healthprotocol.foundation.config.runtime_rows import Choice, get_version, insert, list_versions, load_current
from healthprotocol.foundation.config.setting import Setting, V, Variation, require_registry
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Forbidden, Invalid, NotFound, PreconditionFailed, Unavailable, Violation
from healthprotocol.foundation.ids import INSTALLATION, AccountId, OrganisationId

# `started`: a start-up setting says so; `relaxed`: nobody did, and the environment is none that people are treated in.
Source = Literal["default", "started", "relaxed", "installation", "organisation"]

LONGEST_REASON = 200

log = structlog.get_logger("settings")


class SettingUnknown(NotFound):
    """
    There is no setting of this name.

    Remedy: take a name from the list of settings.
    """

    title = "There is no such setting"


class SettingVersionUnknown(NotFound):
    """
    The setting exists, but nobody chose a version of this number here.

    Remedy: take a number from the setting's history; 0 is before the first.
    """

    title = "This setting has no such version"


class SettingOfTheInstallation(Forbidden):
    """
    A setting that holds for the whole installation is chosen by no organisation.

    Remedy: ask the operator, who chooses it with `healthprotocol config set` without `--organisation`.
    """

    title = "This setting is chosen for the whole installation"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody chooses. `value` None takes back the own choice; `variation` may stand without one."""

    value: Any = None
    variation: Variation | None = None
    reason: str


class Usual(msgspec.Struct, frozen=True):
    """What a process was started with in place of a setting's default, whose choice that is, and its variable."""

    value: Any
    source: Literal["started", "relaxed"]
    where: str = ""


class Effective(msgspec.Struct, frozen=True, kw_only=True):
    """What holds, and whose choice it is. `own` is the organisation's newest version, None when it never chose."""

    setting: Setting[Any]
    value: Any
    source: Source
    own: Choice | None


class _Layers(msgspec.Struct, frozen=True):
    """The choices that hold for one organisation, the nearest first."""

    own: Mapping[str, Choice]
    everyone: Mapping[str, Choice]


class RuntimeSettings:
    """The settings of one process. `usual` is what it was started with, in place of a setting's own default."""

    def __init__(
        self,
        database: Database,
        settings: Sequence[Setting[Any]],
        *,
        changes: LiveChanges,
        usual: Mapping[str, Usual] | None = None,
    ) -> None:
        self.registry = require_registry(settings)
        self.usual: Mapping[str, Usual] = usual or {}
        self._database = database
        self._copy: LiveCopy[dict[str, Choice], _Layers] = LiveCopy(changes, load=self._load, merge=_merge)

    async def start(self) -> None:
        """Follow changes, and have every transaction of the database find its organisation's choices loaded."""
        self._database.attach(self)
        self._database.prepare_with(self.prepare)
        await self._copy.start()
        # Without PostgreSQL the defaults hold until the first transaction finds it back.
        with contextlib.suppress(Unavailable):
            await self._copy.load_installation()

    async def prepare(self, organisation_id: OrganisationId) -> None:
        """Have an organisation's choices in memory, once. Raises Unavailable."""
        if organisation_id == INSTALLATION:
            await self._copy.load_installation()
        else:
            await self._copy.load(organisation_id)

    def value(
        self,
        setting: Setting[V],
        organisation_id: OrganisationId | None,
        *,
        now: datetime,
        account_id: AccountId | None = None,
    ) -> V:
        """Return what holds now; for an organisation that is not loaded, what holds for the installation."""
        found, _ = self._nearest(setting, self._layers(organisation_id), now=now, account_id=account_id)
        return cast("V", found)

    def holds(
        self, setting: Setting[Any], organisation_id: OrganisationId | None, *, now: datetime
    ) -> tuple[Any, Source]:
        """Return what holds now without an account, and whose choice it is."""
        return self._nearest(setting, self._layers(organisation_id), now=now, account_id=None)

    def effective_with(self, setting: Setting[Any], own: Choice | None, *, now: datetime) -> Effective:
        """Return what holds now without an account, given the own choice (None for none), and whose choice it is."""
        layers = _Layers({} if own is None else {setting.name: own}, self._layers(None).everyone)
        value, source = self._nearest(setting, layers, now=now, account_id=None)
        return Effective(setting=setting, value=value, source=source, own=own)

    def get(self, name: str) -> Setting[Any]:
        """Return a setting by name. Raises SettingUnknown."""
        if name not in self.registry:
            raise SettingUnknown(f"There is no such setting. There are: {', '.join(sorted(self.registry))}.")
        return self.registry[name]

    def _nearest(
        self, setting: Setting[Any], layers: _Layers, *, now: datetime, account_id: AccountId | None
    ) -> tuple[Any, Source]:
        choices: tuple[tuple[Source, Mapping[str, Choice]], ...] = (
            ("organisation", layers.own),
            ("installation", layers.everyone),
        )
        for source, chosen in choices:
            choice = chosen.get(setting.name)
            if choice is None:
                continue
            if choice.variation is not None:
                place = None if account_id is None else self._place(setting, account_id)
                if choice.variation.holds(now=now, place=place):
                    return choice.variation.value, source
            if choice.value is not None:
                return choice.value, source
        usual = self.usual.get(setting.name)
        return (setting.default, "default") if usual is None else (usual.value, usual.source)

    def _layers(self, organisation_id: OrganisationId | None) -> _Layers:
        try:
            if organisation_id is not None and organisation_id != INSTALLATION:
                return self._copy.of(organisation_id)
        except NotLoaded:
            log.warning("settings.not_loaded")
        try:
            return self._copy.of_installation()
        except NotLoaded:
            return _NOTHING

    def _place(self, setting: Setting[Any], account_id: AccountId) -> float:
        # Keyed, so that nobody can find out which account lies where; by name, so that no account is always the first.
        mark = self._database.keys.signer("setting").sign(setting.name.encode() + b"\0" + account_id.bytes)
        return int.from_bytes(mark[:8], "big") / 2**64 * 100

    async def _load(self, tx: Transaction) -> dict[str, Choice]:
        """Return the choices that this code understands: another release may have written others."""
        found = await load_current(tx)
        kept: dict[str, Choice] = {}
        for name, choice in found.items():
            setting = self.registry.get(name)
            if setting is None or (setting.scope == "installation" and tx.tenant != INSTALLATION):
                continue
            if _violations(setting, choice.value, choice.variation):
                log.warning("settings.not_understood", setting=name)
                continue
            kept[name] = choice
        return kept


def value_of(tx: Transaction, setting: Setting[V], *, otherwise: V | None = None) -> V:
    """
    Return what holds in the transaction's organisation, at its time, for its account.

    Without runtime settings in this process it is `otherwise`, or the setting's default.
    """
    runtime = tx.attached(RuntimeSettings)
    if runtime is None:
        return setting.default if otherwise is None else otherwise
    return runtime.value(
        setting, tx.organisation_id, now=tx.now, account_id=tx.actor.account_id if tx.actor is not None else None
    )


def value_everywhere(database: Database, setting: Setting[V]) -> V:
    """Return what holds in the installation now, for what belongs to no organisation."""
    runtime = database.parts.get(RuntimeSettings)
    if not isinstance(runtime, RuntimeSettings):
        return setting.default
    return runtime.value(setting, None, now=database.clock())


async def choose(
    tx: Transaction, setting: Setting[Any], wish: Wish, *, expected_version: int | None, by: UUID | None = None
) -> Choice | None:
    """
    Keep a new version of a setting in the transaction's organisation, and tell every process.

    `expected_version` is the newest one that the caller saw (0 when there was none), None for whatever it is. `by` None
    is an operator. None when just that is chosen already: then nothing is written. Raises Invalid, and
    PreconditionFailed when somebody chose in between.
    """
    if setting.scope == "installation" and tx.tenant != INSTALLATION:
        raise SettingOfTheInstallation
    reason = wish.reason.strip()
    newest = await list_versions(tx, setting.name, most=1)
    version = newest[0].version if newest else 0
    chosen = (newest[0].value, newest[0].variation) if newest else (None, None)
    # One that stands may have ended meanwhile; whoever changes the value beside it need not take it away.
    violations = _violations(setting, wish.value, wish.variation, now=None if wish.variation == chosen[1] else tx.now)
    if not 1 <= len(reason) <= LONGEST_REASON:
        violations.append(Violation("/reason", "length", f"Say why in 1 to {LONGEST_REASON} characters."))
    if violations:
        raise Invalid(violations=violations)
    if expected_version not in (None, version):
        raise PreconditionFailed
    if chosen == (wish.value, wish.variation):
        return None
    choice = Choice(
        name=setting.name,
        version=version + 1,
        value=wish.value,
        variation=wish.variation,
        reason=reason,
        changed_by=by,
        changed_at=tx.now,
    )
    if not await insert(tx, choice):
        raise PreconditionFailed
    await live.changed(tx, tx.tenant)
    return choice


async def roll_back(
    tx: Transaction,
    setting: Setting[Any],
    *,
    to_version: int,
    reason: str,
    expected_version: int | None,
    by: UUID | None = None,
) -> Choice | None:
    """
    Choose again what an earlier version said, as a new version; 0 is before the first.

    A variation whose time is over stays behind. None when that holds already. Raises SettingVersionUnknown, and what
    `choose` raises.
    """
    earlier = await get_version(tx, setting.name, to_version)
    if earlier is None and to_version != 0:
        raise SettingVersionUnknown
    value, variation = (None, None) if earlier is None else (earlier.value, earlier.variation)
    if variation is not None and variation.is_over(tx.now):
        variation = None
    wish = Wish(value=value, variation=variation, reason=reason)
    return await choose(tx, setting, wish, expected_version=expected_version, by=by)


def _violations(
    setting: Setting[Any], value: object, variation: Variation | None, *, now: datetime | None = None
) -> list[Violation]:
    """Return what cannot be chosen; with `now` a variation whose time is over is among it."""
    found: list[Violation] = []
    if value is not None and (fault := setting.fault(value)) is not None:
        found.append(Violation("/value", "out_of_range", fault))
    if variation is not None:
        if (fault := setting.fault(variation.value)) is not None:
            found.append(Violation("/variation/value", "out_of_range", fault))
        if (member := variation.fault()) is not None:
            found.append(Violation(f"/variation/{member[0]}", "out_of_range", member[1]))
        elif now is not None and variation.is_over(now):
            found.append(Violation("/variation/ends_at", "out_of_range", "It has passed."))
    return found


def _merge(everyone: dict[str, Choice], own: dict[str, Choice] | None) -> _Layers:
    return _Layers(own or {}, everyone)


_NOTHING = _Layers({}, {})
