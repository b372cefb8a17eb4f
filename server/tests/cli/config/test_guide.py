"""The guide lists every setting, with its unit, default and what it is for, as the code says it."""

import os
from pathlib import Path

import pytest

from healthprotocol.assembly import SETTINGS
from healthprotocol.foundation.config.layers import variable
from healthprotocol.foundation.config.settings import Settings, unit_of

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "guides" / "configuration.md"
REGENERATE = "HP_UPDATE_GUIDE"


def started() -> str:
    rows = [
        f"| `{variable(name)}` | {_default(field.default)} | {unit_of(name)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | unit | |", "|---|---|---|---|", *rows])


def chosen() -> str:
    rows = [
        f"| `{one.name}` | {one.title} | {one.default:g} | {one.least:g} to {one.most:g} {one.unit} "
        f"| {one.scope} | {one.description} |"
        for one in sorted(SETTINGS, key=lambda one: one.name)
    ]
    return "\n".join(["| setting | in words | default | range | chosen for | |", "|---|---|---|---|---|---|", *rows])


def _default(value: object) -> str:
    return "-" if value in (None, ()) else f"`{value}`"


def _parts(text: str, name: str) -> tuple[str, str, str]:
    before, _, rest = text.partition(f"<!-- {name} -->\n")
    inside, _, after = rest.partition(f"<!-- /{name} -->")
    return f"{before}<!-- {name} -->\n", inside, f"<!-- /{name} -->{after}"


class TestTheGuide:
    @pytest.mark.parametrize(("name", "table"), [("started", started()), ("chosen", chosen())])
    def test_lists_every_setting_as_the_code_says_it(self, name: str, table: str) -> None:
        before, inside, after = _parts(GUIDE.read_text(), name)
        if os.environ.get(REGENERATE):
            GUIDE.write_text(f"{before}{table}\n{after}")
            return

        # Run with HP_UPDATE_GUIDE=1 after a setting was added or changed.
        assert inside == f"{table}\n"

    def test_every_setting_says_what_it_is_for(self) -> None:
        silent = [name for name, field in Settings.model_fields.items() if not field.description]

        assert silent == []
