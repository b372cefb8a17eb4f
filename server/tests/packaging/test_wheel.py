"""The wheel alone: an empty environment, no Node, no checkout, and it serves the web app and the demo."""

import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.support.launched import SERVER, Launched

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (SERVER / "healthprotocol" / "web" / "pack.json").is_file(), reason="the web app is not built: make web"
    ),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(SERVER)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("healthprotocol-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the command of an environment that holds the wheel and its pinned requirements, and nothing else."""
    venv = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "-r", str(SERVER / "requirements" / "base.txt")], check=True)
    subprocess.run([*pip, "--no-index", str(wheel)], check=True)
    return venv / "bin" / "healthprotocol"


class TestWheel:
    def test_carries_the_web_app_the_migrations_and_the_demo(self, wheel: Path) -> None:
        names = zipfile.ZipFile(wheel).namelist()

        migrations = {path.name for path in (SERVER / "migrations").iterdir()}
        assert migrations == {Path(name).name for name in names if name.startswith("healthprotocol/migrations/")}
        assert "healthprotocol/web/pack.json" in names
        assert any(re.fullmatch(r"healthprotocol/cli/demo/.*\.yaml", name) for name in names)

    def test_carries_no_tests_and_no_leftovers(self, wheel: Path) -> None:
        names = zipfile.ZipFile(wheel).namelist()

        assert not [name for name in names if "tests/" in name or "__pycache__" in name]

    def test_names_no_machine(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as opened:
            content = b"".join(opened.read(name) for name in opened.namelist() if name.endswith((".py", "METADATA")))

        assert str(SERVER.parent).encode() not in content


class TestInstalled:
    def test_serves_the_web_app_and_the_demo_without_node(self, installed: Path, tmp_path: Path) -> None:
        nothing = tmp_path / "bin"
        nothing.mkdir()
        command = [str(installed), "up", "--json"]

        with Launched(tmp_path / "data", command=command, PATH=str(nothing), PYTHONPATH="") as launched:
            page = read(f"{launched.address}/")

            assert launched.answers("/livez")
            assert "<html" in page
            script = re.search(r'src="(/assets/[^"]+\.js)"', page)
            assert script is not None
            assert launched.answers(script[1])
            assert (launched.data_dir / "demo.loaded").exists()

    def test_says_its_version(self, installed: Path) -> None:
        said = subprocess.run([str(installed), "--version"], check=True, capture_output=True, text=True, env=no_path())

        assert re.fullmatch(r"\d+\.\d+\.\d+\n", said.stdout)


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
        return text


def no_path() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"PATH", "PYTHONPATH"}}
