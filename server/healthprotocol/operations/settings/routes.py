"""Settings of one's organisation over HTTP."""

from healthprotocol.api.gate import Gate
from healthprotocol.api.paging import Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.operations.settings import schemas, service
from healthprotocol.operations.settings.service import Chosen, History
from healthprotocol.trust.permissions.model import Permission

declare = Declare("settings")
_SETTINGS = "/api/v1/settings"
_SETTING = f"{_SETTINGS}/{{name:str}}"


@declare.get(
    _SETTINGS,
    policy=Permission.SETTING_READ,
    returns=Page[schemas.SettingOut],
    summary="List the settings of one's organisation, all on one page",
)
async def list_settings(gate: Gate) -> Answer:
    return await gate.read(
        lambda tx: service.list_settings(tx, gate.actor), lambda found: Page([schemas.setting(one) for one in found])
    )


@declare.get(_SETTING, policy=Permission.SETTING_READ, returns=schemas.SettingOut, summary="Read a setting")
async def read_setting(gate: Gate, name: str) -> Answer:
    return await gate.read(lambda tx: service.get_setting(tx, gate.actor, name), _shape)


@declare.patch(
    _SETTING,
    policy=Permission.SETTING_WRITE,
    body=schemas.ChangeSetting,
    returns=schemas.SettingOut,
    summary="Choose a setting for one's organisation; every node knows within a second",
)
async def change_setting(gate: Gate, name: str) -> Answer:
    expected = gate.expected_revision()
    change = await gate.body(schemas.ChangeSetting)
    return await gate.write(
        lambda tx: service.change_setting(tx, gate.actor, name, change.wish(), expected_version=expected), _shape
    )


@declare.get(
    f"{_SETTING}/history",
    policy=Permission.SETTING_READ,
    returns=Page[schemas.SettingVersionOut],
    summary="List the newest hundred versions of a setting: who, when, why",
)
async def list_setting_history(gate: Gate, name: str) -> Answer:
    return await gate.read(lambda tx: service.list_history(tx, gate.actor, name), _history)


@declare.post(
    f"{_SETTING}/rollback",
    policy=Permission.SETTING_WRITE,
    body=schemas.RollBackSetting,
    returns=schemas.SettingOut,
    summary="Choose again what an earlier version of a setting said",
    needs_match=True,
)
async def roll_back_setting(gate: Gate, name: str) -> Answer:
    expected = gate.expected_revision()
    wish = await gate.body(schemas.RollBackSetting)
    return await gate.write(
        lambda tx: service.roll_back_setting(
            tx, gate.actor, name, to_version=wish.version, reason=wish.reason, expected_version=expected
        ),
        _shape,
    )


def _shape(chosen: Chosen) -> schemas.SettingOut:
    return schemas.setting(chosen.effective)


def _history(found: History) -> Page[schemas.SettingVersionOut]:
    return Page([schemas.version(choice, hide=found.setting.is_sensitive) for choice in found.choices])


ROUTES = [list_settings, read_setting, change_setting, list_setting_history, roll_back_setting]
