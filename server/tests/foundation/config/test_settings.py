"""Layers of settings: which goes first, where each value comes from, and everything that is wrong at once."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from healthprotocol.foundation.config.layers import Origin, variable
from healthprotocol.foundation.config.misfit import misfit
from healthprotocol.foundation.config.settings import Settings, SettingsRefused, read, unit_of


def faults(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsRefused) as caught:
        read(environment)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "healthprotocol.toml"
    path.write_text(
        'port = 1000\nworkers = 2\npublic_origins = ["https://care.example"]\n'
        "[staging]\nport = 2000\n[production]\nport = 3000\n"
    )
    return path


class TestLayers:
    def test_each_goes_before_the_one_below(self, file: Path, tmp_path: Path) -> None:
        secret = tmp_path / "port"
        secret.write_text("5000\n")
        below: dict[str, str] = {}
        seen = [read(below).settings.port]
        for more in (
            {"HP_CONFIG_FILE": str(file)},
            {"HP_ENVIRONMENT": "staging"},
            {"HP_PORT": "4000"},
            {"HP_PORT_FILE": str(secret)},
        ):
            below |= more
            seen.append(read(below).settings.port)

        assert seen == [8000, 1000, 2000, 4000, 5000]

    def test_keep_where_each_value_comes_from(self, file: Path) -> None:
        reading = read({"HP_CONFIG_FILE": str(file), "HP_ENVIRONMENT": "staging", "HP_HOST": "0.0.0.0"})

        assert reading.origin("port") == Origin("file", f"{file} [staging]")
        assert reading.origin("workers") == Origin("file", str(file))
        assert reading.origin("host") == Origin("environment", "HP_HOST")
        assert reading.origin("log_level") == Origin("default")

    def test_take_lists_with_commas_and_as_json(self) -> None:
        expected = ("https://a.example", "https://b.example")

        assert read({"HP_PUBLIC_ORIGINS": "https://a.example, https://b.example"}).settings.public_origins == expected
        assert read({"HP_PUBLIC_ORIGINS": json.dumps(expected)}).settings.public_origins == expected

    @pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.default == ()])
    def test_take_every_list_from_a_variable(self, name: str) -> None:
        given = "10.0.0.0/8, 192.168.0.0/16"

        assert getattr(read({variable(name): given}).settings, name) == ("10.0.0.0/8", "192.168.0.0/16")

    def test_are_what_settings_are_made_of(self, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
        monkeypatch.setenv("HP_CONFIG_FILE", str(file))

        assert (Settings().port, Settings(port=7).port) == (1000, 7)

    def test_name_unknown_variables_with_what_was_meant(self) -> None:
        [fault] = read({"HP_PROT": "1", "HP_PORT": "1", "PATH": ""}).layers.unknown

        assert str(fault) == "HP_PROT is no setting: did you mean HP_PORT?"

    def test_say_the_unit(self) -> None:
        assert (unit_of("pool_wait_seconds"), unit_of("host")) == ("seconds", "")


class TestRefusal:
    def test_tells_all_that_is_wrong_at_once_and_no_value(self, tmp_path: Path) -> None:
        path = tmp_path / "bad.toml"
        path.write_text('pord = 1\nlog_level = "loud-hunter2"\n[prodction]\nport = 1\n')

        said = faults(
            {
                "HP_CONFIG_FILE": str(path),
                "HP_WORKERS": "hunter2",
                "HP_DATABASE_URL_FILE": str(tmp_path / "absent"),
                "HP_TRUSTED_PROXIES": "everywhere",
            }
        )

        for part in (
            "sets pord, which is no setting: did you mean port?",
            "section [prodction]: did you mean production?",
            "HP_WORKERS, from the environment, is not a whole number: write a whole number from 1 to 64",
            f"HP_LOG_LEVEL, from the file {path}, is not one of debug, info, warning, error: write one of",
            "HP_DATABASE_URL_FILE names",
            "HP_TRUSTED_PROXIES, from the environment, cannot be used: write a list with commas between, such as 10.0",
        ):
            assert part in said
        assert "hunter2" not in said

    def test_has_words_for_every_setting(self) -> None:
        for name, field in Settings.model_fields.items():
            said = str(misfit(name, field, Origin("environment"), fault_type="int_parsing"))

            assert said.startswith(f"{variable(name)}, from the environment, is not "), said

    def test_of_a_number_out_of_range_says_the_range(self) -> None:
        assert "HP_PORT, from the environment, is out of range: write a whole number from 1 to 65535" in faults(
            {"HP_PORT": "65536"}
        )

    def test_of_a_broken_file_says_where(self, tmp_path: Path) -> None:
        path = tmp_path / "broken.toml"
        path.write_text("port = \n")

        assert "is no TOML (at line 1" in faults({"HP_CONFIG_FILE": str(path)})


class FakeVault:
    """A KV version 2 engine with one secret; answers as it is told to before it answers well."""

    def __init__(self) -> None:
        self.first: list[int] = []
        self.asked: list[str] = []
        vault = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
                """Say nothing."""

            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
                vault.asked.append(self.path)
                if sent == {"role_id": "hp", "secret_id": "s3cret"}:
                    self.answer(200, {"auth": {"client_token": "t0ken"}})
                else:
                    self.answer(400, {"errors": ["invalid secret id"]})

            def do_GET(self) -> None:
                vault.asked.append(self.path)
                if vault.first:
                    self.answer(vault.first.pop(0), {"errors": []})
                elif self.headers["x-vault-token"] != "t0ken":
                    self.answer(403, {"errors": ["permission denied"]})
                elif self.path == "/v1/secret/data/hp/prod":
                    self.answer(200, {"data": {"data": {"database_url": "postgresql://kept@db/hp", "port": 7}}})
                else:
                    self.answer(404, {"errors": []})

            def answer(self, status: int, body: Any) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    fake = FakeVault()
    yield fake
    fake.close()


def refers(vault: FakeVault, reference: str = "vault:hp/prod#database_url", **more: str) -> dict[str, str]:
    return {"HP_VAULT_ADDRESS": vault.address, "HP_VAULT_TOKEN": "t0ken", "HP_DATABASE_URL": reference} | more


class TestVault:
    def test_gives_what_a_reference_stands_for(self, vault: FakeVault) -> None:
        reading = read(refers(vault))

        assert reading.settings.database_url == "postgresql://kept@db/hp"
        assert reading.origin("database_url") == Origin("vault", "hp/prod#database_url")

    def test_takes_a_role_and_asks_once_for_a_path(self, vault: FakeVault, tmp_path: Path) -> None:
        secret = tmp_path / "secret-id"
        secret.write_text("s3cret")
        environment = refers(vault, HP_REDIS_URL="vault:hp/prod#database_url", HP_VAULT_ROLE_ID="hp")
        del environment["HP_VAULT_TOKEN"]

        reading = read(environment | {"HP_VAULT_SECRET_ID_FILE": str(secret)})

        assert reading.settings.redis_url == "postgresql://kept@db/hp"
        assert vault.asked == ["/v1/auth/approle/login", "/v1/secret/data/hp/prod"]

    def test_is_asked_again_while_it_is_busy(self, vault: FakeVault) -> None:
        vault.first = [503, 429]

        assert read(refers(vault)).settings.database_url == "postgresql://kept@db/hp"

    def test_that_stays_sealed_is_a_refusal_and_no_default(self, vault: FakeVault) -> None:
        vault.first = [503] * 9

        said = faults(refers(vault))

        assert "HP_DATABASE_URL: the vault does not answer (status 503): start or unseal it" in said
        assert len(vault.asked) == 3

    def test_that_is_not_there_is_a_refusal(self, vault: FakeVault) -> None:
        vault.close()

        assert "the vault does not answer (ConnectError)" in faults(
            refers(vault, HP_VAULT_TIMEOUT_SECONDS="0.2") | {"HP_VAULT_ADDRESS": "http://127.0.0.1:9"}
        )

    @pytest.mark.parametrize(
        ("reference", "said"),
        [
            ("vault:hp/absent#x", "the vault has no secret hp/absent"),
            ("vault:hp/prod#absent", "has no text in absent"),
            ("vault:hp/prod", "is no reference"),
        ],
    )
    def test_names_what_it_does_not_have(self, vault: FakeVault, reference: str, said: str) -> None:
        assert said in faults(refers(vault, reference))

    def test_that_refuses_the_token_says_what_to_mend(self, vault: FakeVault) -> None:
        said = faults(refers(vault, HP_VAULT_TOKEN="wr0ng"))

        assert "the vault refuses to read hp/prod (status 403): mend HP_VAULT_TOKEN" in said
        assert "wr0ng" not in said

    def test_cannot_hold_the_way_to_itself(self, vault: FakeVault) -> None:
        assert "HP_VAULT_TOKEN refers to the vault" in faults(refers(vault, HP_VAULT_TOKEN="vault:hp/prod#token"))

    def test_without_an_address_is_a_refusal(self) -> None:
        assert "set HP_VAULT_ADDRESS" in faults({"HP_DATABASE_URL": "vault:hp/prod#x"})


class TestMountedSecrets:
    @pytest.fixture
    def mounted(self, tmp_path: Path) -> Path:
        # As Kubernetes does it: what is there now is behind a link, and swapped by it.
        folder = tmp_path / "mounted secrets"
        now = folder / "..2026" / "prod"
        now.mkdir(parents=True)
        (folder / "hp").symlink_to("..2026")
        (now / "database_url").write_text("postgresql://kept@db/hp\n")
        (now / "database_url").chmod(0o440)
        return folder

    def refers(self, mounted: Path, reference: str = "vault:hp/prod#database_url") -> dict[str, str]:
        return {"HP_VAULT_ADDRESS": mounted.as_uri(), "HP_DATABASE_URL": reference}

    def test_give_what_a_reference_stands_for(self, mounted: Path) -> None:
        reading = read(self.refers(mounted))

        assert reading.settings.database_url == "postgresql://kept@db/hp"
        assert reading.origin("database_url") == Origin("vault", "hp/prod#database_url")

    @pytest.mark.parametrize(
        ("reference", "said"),
        [
            (
                "vault:hp/prod#absent",
                "has no hp/prod/absent that can be read (No such file or directory): have it written",
            ),
            ("vault:hp#prod", "has no hp/prod that can be read (Is a directory)"),
            ("vault:../outside#key", "../outside/key lies outside the folder of secrets: mend the reference"),
            ("vault:hp/prod#away", "hp/prod/away lies outside the folder of secrets"),
            ("vault:hp/prod#open", "the secret hp/prod/open can be read by everybody"),
            ("vault:hp/prod#large", "the secret hp/prod/large has more than 64 KiB"),
            ("vault:hp/prod#binary", "the secret hp/prod/binary is not UTF-8 text"),
        ],
    )
    def test_that_cannot_be_had_are_refusals(self, mounted: Path, reference: str, said: str) -> None:
        inside, outside = mounted / "hp" / "prod", mounted.parent / "outside"
        outside.mkdir()
        (outside / "key").write_text("hunter2")
        (inside / "away").symlink_to(outside / "key")
        for name, content in (("open", b"hunter2"), ("large", b"x" * 65_537), ("binary", b"\xff\xfe")):
            (inside / name).write_bytes(content)
            (inside / name).chmod(0o444 if name == "open" else 0o400)

        told = faults(self.refers(mounted, reference))

        assert said in told
        assert "hunter2" not in told


class TestCost:
    def test_nobody_without_a_vault_loads_its_client(self) -> None:
        code = (
            "import sys; from healthprotocol.foundation.config.settings import Settings; Settings(); "
            "print('httpx2' in sys.modules, 'tomllib' in sys.modules)"
        )
        # Who measures coverage in every process loads more than the settings do.
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("HP_", "COV"))}

        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean)

        assert done.stdout.split() == ["False", "False"]
