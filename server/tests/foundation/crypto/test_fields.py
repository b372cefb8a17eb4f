import struct
from itertools import product
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.foundation.crypto.errors import DecryptionFailed
from healthprotocol.foundation.crypto.fields import (
    OVERHEAD_BYTES,
    FieldCipher,
    Padding,
    length_prefixed,
    padded,
    reference_of,
    unpadded,
)

KEY = bytes(range(32))
ORGANISATION = UUID("01900000-0000-7000-8000-000000000001")
KEY_ID = UUID("01900000-0000-7000-8000-00000000000a")
ROW = UUID("01900000-0000-7000-8000-0000000000ff")


def cipher(*, organisation_id: UUID = ORGANISATION, key_id: UUID = KEY_ID, version: int = 1) -> FieldCipher:
    return FieldCipher(organisation_id=organisation_id, key_id=key_id, version=version, key=KEY)


class TestTheFormat:
    def test_aes_256_gcm_answers_as_published(self) -> None:
        # The GCM specification (McGrew and Viega), appendix B, test case 16.
        key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
        nonce = bytes.fromhex("cafebabefacedbaddecaf888")
        plaintext = bytes.fromhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        )
        data = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")

        sealed = AESGCM(key).encrypt(nonce, plaintext, data)

        assert sealed.hex() == (
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            "76fc6ece0f4e1768cddf8853bb2d551b"
        )

    def test_a_cell_made_by_hand_from_the_description_opens(self) -> None:
        data = b"".join(
            struct.pack(">I", len(part)) + part
            for part in (b"hp/field/v1", ORGANISATION.bytes, b"river", b"depth", ROW.bytes, KEY_ID.bytes, b"\0\0\0\1")
        )
        nonce = bytes(12)
        body = AESGCM(KEY).encrypt(nonce, b"deep\x80" + bytes(59), data)
        cell = b"HP1" + b"\x01" + KEY_ID.bytes + b"\0\0\0\1" + nonce + body

        plaintext = cipher().decrypt(table="river", column="depth", row_id=ROW, ciphertext=cell)

        assert plaintext == b"deep"

    def test_a_cell_is_52_bytes_longer_than_its_padded_value(self) -> None:
        cell = cipher().encrypt(table="river", column="depth", row_id=ROW, plaintext=b"deep", pad=Padding.CODE)

        assert len(cell) == 64 + OVERHEAD_BYTES
        assert OVERHEAD_BYTES == 52

    def test_the_header_names_the_key_and_its_version(self) -> None:
        cell = cipher(version=7).encrypt(table="river", column="depth", row_id=ROW, plaintext=b"", pad=Padding.CODE)

        assert reference_of(cell) == KEY_ID.bytes + b"\0\0\0\x07"

    def test_equal_values_do_not_show_as_equal(self) -> None:
        cells = {
            cipher().encrypt(table="river", column="depth", row_id=ROW, plaintext=b"deep", pad=Padding.CODE)
            for _ in range(100)
        }

        assert len(cells) == 100

    @pytest.mark.parametrize("broken", [b"", b"HP1", b"HP2\x01" + bytes(100), b"HP1\x02" + bytes(100), b"x" * 52])
    def test_another_header_is_refused(self, broken: bytes) -> None:
        with pytest.raises(DecryptionFailed):
            reference_of(broken)


class TestBindingToThePlace:
    def test_no_cell_opens_in_another_place(self) -> None:
        organisations = (ORGANISATION, UUID(int=ORGANISATION.int + 1))
        keys = ((KEY_ID, 1), (KEY_ID, 2), (UUID(int=KEY_ID.int + 1), 1))
        # "ab" + "c" and "a" + "bc" must differ: hence the lengths in the additional data.
        names = (("ab", "c"), ("a", "bc"), ("river", "depth"))
        rows = (ROW, UUID(int=ROW.int + 1))
        places = list(product(organisations, keys, names, rows))
        cells = {
            place: cipher(organisation_id=place[0], key_id=place[1][0], version=place[1][1]).encrypt(
                table=place[2][0], column=place[2][1], row_id=place[3], plaintext=b"deep", pad=Padding.CODE
            )
            for place in places
        }

        opened = 0
        for (place, cell), (organisation, (key_id, version), (table, column), row) in product(cells.items(), places):
            there = cipher(organisation_id=organisation, key_id=key_id, version=version)
            try:
                assert there.decrypt(table=table, column=column, row_id=row, ciphertext=cell) == b"deep"
            except DecryptionFailed:
                assert place != (organisation, (key_id, version), (table, column), row)
            else:
                assert place == (organisation, (key_id, version), (table, column), row)
                opened += 1

        assert len(places) ** 2 == 1296
        assert opened == len(places)

    def test_no_flipped_bit_after_the_reference_goes_unseen(self) -> None:
        cell = cipher().encrypt(table="river", column="depth", row_id=ROW, plaintext=b"deep", pad=Padding.CODE)

        for position in range(24 * 8, len(cell) * 8):
            flipped = bytearray(cell)
            flipped[position // 8] ^= 1 << position % 8
            with pytest.raises(DecryptionFailed):
                cipher().decrypt(table="river", column="depth", row_id=ROW, ciphertext=bytes(flipped))

    @pytest.mark.parametrize("length", range(24, 116, 7))
    def test_a_cut_cell_does_not_open(self, length: int) -> None:
        cell = cipher().encrypt(table="river", column="depth", row_id=ROW, plaintext=b"deep", pad=Padding.CODE)

        with pytest.raises(DecryptionFailed):
            cipher().decrypt(table="river", column="depth", row_id=ROW, ciphertext=cell[:length])


class TestPadding:
    @given(st.binary(max_size=6000), st.sampled_from(Padding))
    def test_every_value_comes_back(self, value: bytes, padding: Padding) -> None:
        assert unpadded(padded(value, padding)) == value

    @given(st.binary(max_size=63))
    def test_codes_have_one_length(self, value: bytes) -> None:
        assert len(padded(value, Padding.CODE)) == 64

    @pytest.mark.parametrize(
        ("padding", "length", "size"),
        [
            (Padding.CODE, 0, 64),
            (Padding.CODE, 64, 128),
            (Padding.NAME, 31, 32),
            (Padding.NAME, 32, 64),
            (Padding.NAME, 64, 128),
            (Padding.NAME, 127, 128),
            (Padding.NAME, 128, 256),
            (Padding.TEXT, 0, 64),
            (Padding.TEXT, 64, 128),
            (Padding.TEXT, 4095, 4096),
            (Padding.TEXT, 4096, 5120),
            (Padding.EXACT, 9, 10),
        ],
    )
    def test_lengths_fall_into_classes(self, padding: Padding, length: int, size: int) -> None:
        assert len(padded(b"x" * length, padding)) == size

    @pytest.mark.parametrize("filled", [b"", bytes(64), b"deep"])
    def test_a_missing_mark_is_refused(self, filled: bytes) -> None:
        with pytest.raises(ValueError, match="mark"):
            unpadded(filled)


class TestLengthPrefixed:
    @given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
    def test_different_tuples_give_different_bytes(self, one: list[bytes], other: list[bytes]) -> None:
        assert (length_prefixed(*one) == length_prefixed(*other)) == (one == other)
