"""Settings of one organisation: see them, choose, look back, go back; and an operator's choices, for it or for all."""

from typing import Any

import msgspec

from healthprotocol.foundation.config import runtime
from healthprotocol.foundation.config.runtime import Effective, RuntimeSettings, SettingOfTheInstallation, Wish
from healthprotocol.foundation.config.runtime_rows import Choice, list_versions, load_current
from healthprotocol.foundation.config.setting import Setting
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.ids import INSTALLATION
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission


class Chosen(msgspec.Struct, frozen=True):
    """A setting as it stands in the database now; `revision` is its ETag."""

    effective: Effective
    revision: int


class History(msgspec.Struct, frozen=True):
    """The versions of a setting, newest first."""

    setting: Setting[Any]
    choices: list[Choice]


async def list_settings(tx: Transaction, actor: Actor) -> list[Effective]:
    """Return every setting that an organisation may choose, by name."""
    permissions.require(actor, Permission.SETTING_READ)
    settings = _settings(tx)
    own = await load_current(tx)
    return [settings.effective_with(one, own.get(name), now=tx.now) for name, one in _choosable(settings).items()]


async def get_setting(tx: Transaction, actor: Actor, name: str) -> Chosen:
    """Return one setting. Raises SettingUnknown."""
    permissions.require(actor, Permission.SETTING_READ)
    return await _get(tx, name)


async def change_setting(
    tx: Transaction, actor: Actor, name: str, wish: Wish, *, expected_version: int | None
) -> Chosen:
    """Choose for the organisation. Raises SettingUnknown, Invalid, PreconditionFailed."""
    permissions.require(actor, Permission.SETTING_WRITE)
    setting = _choosable_one(_settings(tx), name)

    choice = await runtime.choose(tx, setting, wish, expected_version=expected_version, by=actor.account_id)

    await _record(tx, actor, "setting.change", setting, choice)
    return await _get(tx, name)


async def roll_back_setting(
    tx: Transaction, actor: Actor, name: str, *, to_version: int, reason: str, expected_version: int | None
) -> Chosen:
    """Choose again what an earlier version said. Raises SettingUnknown, Invalid, PreconditionFailed."""
    permissions.require(actor, Permission.SETTING_WRITE)
    setting = _choosable_one(_settings(tx), name)

    choice = await runtime.roll_back(
        tx,
        setting,
        to_version=to_version,
        reason=reason,
        expected_version=expected_version,
        by=actor.account_id,
    )

    await _record(tx, actor, "setting.roll_back", setting, choice)
    return await _get(tx, name)


async def change_as_operator(tx: Transaction, name: str, wish: Wish) -> Choice | None:
    """
    Choose for the transaction's organisation, or for all in one of the installation, as whoever runs the platform.

    None when just that is chosen already: then nothing is written. Raises SettingUnknown, Invalid.
    """
    setting = _settings(tx).get(name)

    choice = await runtime.choose(tx, setting, wish, expected_version=None)

    await _record(tx, None, "setting.change", setting, choice)
    return choice


async def roll_back_as_operator(tx: Transaction, name: str, *, to_version: int, reason: str) -> Choice | None:
    """Choose again what an earlier version said, as `change_as_operator`. Raises SettingUnknown, Invalid."""
    setting = _settings(tx).get(name)

    choice = await runtime.roll_back(tx, setting, to_version=to_version, reason=reason, expected_version=None)

    await _record(tx, None, "setting.roll_back", setting, choice)
    return choice


async def list_history(tx: Transaction, actor: Actor, name: str) -> History:
    """Return the newest hundred versions of the organisation's own choice. Raises SettingUnknown."""
    permissions.require(actor, Permission.SETTING_READ)
    setting = _choosable_one(_settings(tx), name)
    return History(setting, await list_versions(tx, name))


async def _get(tx: Transaction, name: str) -> Chosen:
    settings = _settings(tx)
    setting = _choosable_one(settings, name)
    newest = await list_versions(tx, name, most=1)
    # As this transaction sees it, which memory may not know yet.
    found = settings.effective_with(setting, newest[0] if newest else None, now=tx.now)
    return Chosen(found, found.own.version if found.own else 0)


def _settings(tx: Transaction) -> RuntimeSettings:
    settings = tx.attached(RuntimeSettings)
    if settings is None:
        raise Unavailable(private="the process was assembled without settings")
    return settings


def _choosable(settings: RuntimeSettings) -> dict[str, Setting[Any]]:
    return {name: one for name, one in sorted(settings.registry.items()) if one.scope == "organisation"}


def _choosable_one(settings: RuntimeSettings, name: str) -> Setting[Any]:
    setting = settings.get(name)
    if setting.scope != "organisation":
        raise SettingOfTheInstallation
    return setting


async def _record(
    tx: Transaction, actor: Actor | None, action: str, setting: Setting[Any], choice: Choice | None
) -> None:
    if choice is None:
        # It held already: nothing was done that a log could tell of.
        return
    if tx.tenant == INSTALLATION:
        # It has no keys, so no log of its own: its versions, which the application may only add to, are the log.
        return
    said: dict[str, Any] = {"name": setting.name, "version": choice.version, "reason": choice.reason}
    if not setting.is_sensitive:
        said |= {"value": choice.value, "variation": msgspec.to_builtins(choice.variation)}
    await audit.record(tx, actor, action, None, detail=said)
