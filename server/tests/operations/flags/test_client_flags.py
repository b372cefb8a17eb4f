"""The flags that browsers may see are those that the web app asks for."""

import re
from pathlib import Path

from healthprotocol.assembly import FLAGS

WEB = Path(__file__).resolve().parents[4] / "web" / "src"
ASKED = re.compile(r"""useFeature\("([^"]+)", (true|false)\)""")


def asked() -> dict[str, bool]:
    """Return what the web app asks for, and what it does while nobody can say."""
    texts = [path.read_text() for path in WEB.rglob("*.tsx")]
    return {key: otherwise == "true" for text in texts for key, otherwise in ASKED.findall(text)}


class TestTheWebApp:
    def test_asks_for_the_flags_of_clients_and_for_all_of_them(self) -> None:
        assert set(asked()) == {flag.key for flag in FLAGS if flag.for_client}

    def test_does_what_is_declared_while_nobody_can_say(self) -> None:
        declared = {flag.key: flag.variants[flag.default] for flag in FLAGS if flag.for_client}

        assert asked() == declared
