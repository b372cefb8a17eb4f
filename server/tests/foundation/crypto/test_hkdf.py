from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from healthprotocol.foundation.crypto.hkdf import Signer, derive

SECRET = bytes(range(32))


class TestDerive:
    def test_hkdf_answers_as_published(self) -> None:
        # RFC 5869, appendix A.3.
        okm = HKDF(algorithm=SHA256(), length=42, salt=None, info=b"").derive(b"\x0b" * 22)

        assert okm.hex() == ("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")

    def test_a_purpose_is_the_tuple_of_its_words(self) -> None:
        purposes = [("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c")]

        assert len({derive(SECRET, *purpose) for purpose in purposes}) == len(purposes)

    def test_the_same_purpose_gives_the_same_key(self) -> None:
        assert derive(SECRET, "river", length=16) == derive(SECRET, "river", length=16)


class TestSigner:
    def test_hmac_answers_as_published(self) -> None:
        # RFC 4231, test case 2.
        mark = Signer(b"Jefe").sign(b"what do ya want for nothing?")

        assert mark.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    def test_takes_back_what_it_signed_and_nothing_else(self) -> None:
        signer = Signer(SECRET)
        mark = signer.sign(b"page 2")

        assert signer.verify(b"page 2", mark)
        assert not signer.verify(b"page 3", mark)
        assert not Signer(b"other").verify(b"page 2", mark)
        assert not signer.verify(b"page 2", mark[:-1])
