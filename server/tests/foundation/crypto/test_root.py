import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from healthprotocol.foundation.crypto.errors import DecryptionFailed, RootKeyRefused
from healthprotocol.foundation.crypto.root import LocalRootKey

KEY = bytes(range(32))
CONTEXT = {"organisation": "elbe", "purpose": "test"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "root.key"


def rewrite(path: Path, **members: str | None) -> None:
    """Edit a key file as somebody with an editor would."""
    content = json.loads(path.read_bytes()) | members
    path.unlink()
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    path.chmod(0o400)


class TestTheFile:
    def test_is_readable_by_its_owner_only(self, path: Path) -> None:
        LocalRootKey.create(path)

        assert path.stat().st_mode & 0o777 == 0o400
        assert [file.name for file in path.parent.iterdir()] == ["root.key"]

    @pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o420, 0o401])
    def test_is_refused_when_others_may_touch_it(self, path: Path, mode: int) -> None:
        LocalRootKey.create(path)
        path.chmod(mode)

        with pytest.raises(RootKeyRefused, match="chmod 0400"):
            LocalRootKey.load(path)

    def test_is_never_replaced(self, path: Path) -> None:
        LocalRootKey.create(path)
        before = path.read_bytes()

        with pytest.raises(FileExistsError):
            LocalRootKey.create(path)

        assert path.read_bytes() == before

    def test_is_refused_inside_a_checkout_unless_allowed(self, tmp_path: Path) -> None:
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        path = tmp_path / "var" / "root.key"
        LocalRootKey.create(path)

        with pytest.raises(RootKeyRefused, match="inside the checkout"):
            LocalRootKey.load(path)
        with pytest.raises(RootKeyRefused, match="inside the checkout"):
            LocalRootKey.load_or_create(tmp_path / "other.key")

        LocalRootKey.load(path, inside_checkout=True)

    def test_a_missing_one_is_said_so(self, path: Path) -> None:
        with pytest.raises(RootKeyRefused, match="there is no root key file"):
            LocalRootKey.load(path)

    def test_a_folder_is_not_a_key(self, tmp_path: Path) -> None:
        with pytest.raises(RootKeyRefused, match="plain file"):
            LocalRootKey.load(tmp_path)

    def test_a_link_into_a_checkout_is_refused_like_the_file(self, tmp_path: Path) -> None:
        subprocess.run(["git", "init", "-q", str(tmp_path / "checkout")], check=True)
        LocalRootKey.create(tmp_path / "checkout" / "root.key")
        (tmp_path / "link.key").symlink_to(tmp_path / "checkout" / "root.key")

        with pytest.raises(RootKeyRefused, match="inside the checkout"):
            LocalRootKey.load(tmp_path / "link.key")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"not json",
            b"{}",
            b'{"format":"healthprotocol-root-key/1","root_id":"a","current":1,"versions":{"1":"c2VjcmV0"},"derivation":"c2VjcmV0"}',
        ],
    )
    def test_a_broken_one_is_refused_without_a_word_of_its_content(self, path: Path, content: bytes) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        path.chmod(0o400)

        with pytest.raises(RootKeyRefused, match="restore it from its backup") as refused:
            LocalRootKey.load(path)

        assert "c2VjcmV0" not in repr(refused.value) + repr(refused.value.__cause__)

    def test_another_format_is_refused(self, path: Path) -> None:
        LocalRootKey.create(path)
        content = json.loads(path.read_bytes()) | {"format": "healthprotocol-root-key/9"}
        path.unlink()
        path.write_text(json.dumps(content))
        path.chmod(0o400)

        with pytest.raises(RootKeyRefused, match="another format"):
            LocalRootKey.load(path)

    @pytest.mark.parametrize("other", ["development", "test", "staging"])
    def test_made_for_one_environment_is_refused_in_another(self, path: Path, other: str) -> None:
        LocalRootKey.create(path, environment="production")

        with pytest.raises(RootKeyRefused, match=f"was made for production, and this is {other}: name"):
            LocalRootKey.load(path, environment=other)
        with pytest.raises(RootKeyRefused, match="start with HP_ENVIRONMENT=production"):
            LocalRootKey.load_or_create(path, environment=other)

        assert LocalRootKey.load(path, environment="production").environment == "production"

    def test_starting_many_at_once_ends_with_one_key(self, path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda _: LocalRootKey.load_or_create(path), range(32)))

        assert len({key.derive("same?") for key in keys}) == 1

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_belongs_to_who_runs_the_server_or_to_root(self, path: Path) -> None:
        LocalRootKey.create(path)
        os.chown(path, 65534, 65534)

        with pytest.raises(RootKeyRefused, match="another user"):
            LocalRootKey.load(path)


class TestWrapping:
    async def test_a_wrapped_key_opens_in_its_context_only(self, path: Path) -> None:
        root = LocalRootKey.create(path)
        wrapped = await root.wrap(KEY, CONTEXT)

        assert await root.unwrap(wrapped, CONTEXT) == KEY
        assert KEY not in wrapped.wrapped
        for context in ({}, {"organisation": "oder", "purpose": "test"}, {"purpose": "test"}, {**CONTEXT, "more": ""}):
            with pytest.raises(DecryptionFailed):
                await root.unwrap(wrapped, context)

    async def test_another_root_does_not_open_it(self, path: Path, tmp_path: Path) -> None:
        wrapped = await LocalRootKey.create(path).wrap(KEY, CONTEXT)

        with pytest.raises(DecryptionFailed):
            await LocalRootKey.create(tmp_path / "other.key").unwrap(wrapped, CONTEXT)

    async def test_an_old_version_still_opens_and_the_new_wraps(self) -> None:
        old = LocalRootKey(root_id="r", versions={1: KEY}, current=1, derivation=KEY)
        new = LocalRootKey(root_id="r", versions={1: KEY, 2: KEY[::-1]}, current=2, derivation=KEY)
        wrapped = await old.wrap(KEY, CONTEXT)

        rewrapped = await new.wrap(await new.unwrap(wrapped, CONTEXT), CONTEXT)

        assert (rewrapped.root_version, await new.unwrap(rewrapped, CONTEXT)) == (2, KEY)
        assert old.derive("login") == new.derive("login")
        with pytest.raises(DecryptionFailed):
            await old.unwrap(rewrapped, CONTEXT)

    async def test_under_an_edited_environment_opens_nothing(self, path: Path) -> None:
        wrapped = await LocalRootKey.create(path, environment="production").wrap(KEY, CONTEXT)
        rewrite(path, environment="staging")

        edited = LocalRootKey.load(path, environment="staging")

        with pytest.raises(DecryptionFailed):
            await edited.unwrap(wrapped, CONTEXT)

    async def test_without_its_environment_opens_nothing(self, path: Path) -> None:
        wrapped = await LocalRootKey.create(path, environment="production").wrap(KEY, CONTEXT)
        rewrite(path, environment=None)

        edited = LocalRootKey.load(path, environment="staging")

        with pytest.raises(DecryptionFailed):
            await edited.unwrap(wrapped, CONTEXT)

    async def test_by_a_release_without_environments_still_opens(self, path: Path) -> None:
        wrapped = await LocalRootKey.create(path).wrap(KEY, CONTEXT)

        for environment in ("production", "development", None):
            assert await LocalRootKey.load(path, environment=environment).unwrap(wrapped, CONTEXT) == KEY

    def test_names_no_environment_where_none_was_said(self, path: Path) -> None:
        LocalRootKey.create(path)

        assert "environment" not in json.loads(path.read_bytes())

    async def test_the_local_one_is_always_well(self, path: Path) -> None:
        await LocalRootKey.create(path).health()
