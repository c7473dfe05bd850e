"""Who may speak, and in which shapes keys are read."""

import base64
import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from payments.pingpp.signature import (
    KeyRing,
    UnreadableKey,
    read_private_key,
    read_public_key,
    read_ring,
    sign_request,
)
from tests.flow.signer import Signer

BODY = '{"id": "evt_1", "subject": "简米"}'.encode()


def shapes(pem: bytes) -> dict[str, bytes]:
    """One key in the shapes that are found in the wild."""
    lines = pem.decode().strip().splitlines()
    return {
        "plain": pem,
        "crlf": "\r\n".join(lines).encode() + b"\r\n",
        "cr": "\r".join(lines).encode(),
        "bom": b"\xef\xbb\xbf" + pem,
        "no final newline": pem.rstrip(),
        "literal newlines": "\\n".join(lines).encode(),
        "literal crlf": "\\r\\n".join(lines).encode(),
        "bare base64": "".join(lines[1:-1]).encode(),
        "bare base64 in lines": "\n".join(lines[1:-1]).encode(),
        "blank around": b"\n\n  " + pem + b"  \n",
    }


@pytest.mark.parametrize("shape", shapes(b"a\nb\nc"))
def test_a_public_key_is_read_in_every_shape(signer: Signer, shape: str) -> None:
    key = read_public_key(shapes(signer.public)[shape])
    assert key.public_numbers() == signer.key.public_key().public_numbers()


@pytest.mark.parametrize("shape", shapes(b"a\nb\nc"))
@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_a_private_key_is_read_in_every_shape(
    signer: Signer, shape: str, form: serialization.PrivateFormat
) -> None:
    pem = signer.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    if shape.startswith("bare") and form is serialization.PrivateFormat.TraditionalOpenSSL:
        pytest.skip("bare base64 does not say that it is PKCS#1; ours is read as PKCS#8")
    assert read_private_key(shapes(pem)[shape]).private_numbers() == signer.key.private_numbers()


@pytest.mark.parametrize(
    "content", [b"", b"  \n", b"\xef\xbb\xbf", b"hello", b"-----BEGIN PUBLIC KEY-----\nAA==\n"]
)
def test_what_is_no_key_is_refused_without_being_shown(content: bytes) -> None:
    for read in (read_public_key, read_private_key):
        with pytest.raises(UnreadableKey) as error:
            read(content)
        assert "hello" not in str(error.value)


def test_a_key_of_another_kind_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(UnreadableKey, match="RSA"):
        read_public_key(public)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(UnreadableKey, match="RSA"):
        read_private_key(private)


def test_a_ring_names_the_file_that_cannot_be_read_and_is_never_empty(signer: Signer) -> None:
    with pytest.raises(UnreadableKey, match=r"^second\.pem: "):
        read_ring([("first.pem", signer.public), ("second.pem", b"nonsense")])
    with pytest.raises(UnreadableKey):
        read_ring([])


def test_each_key_of_a_ring_counts_and_the_one_in_use_comes_first(signer: Signer) -> None:
    old, new = Signer(), signer
    ring = read_ring([("old", old.public), ("new", new.public)])
    assert ring.verify(BODY, new.sign(BODY).encode())
    assert ring.keys[0].public_numbers() == new.key.public_key().public_numbers()
    assert ring.verify(BODY, old.sign(BODY).encode())


def test_a_file_may_hold_several_keys(signer: Signer) -> None:
    other = Signer()
    for between in (b"", b"\n", b"\r\n# the next one\r\n"):
        ring = read_ring([("both.pem", signer.public + between + other.public)])
        assert len(ring.keys) == 2
        assert ring.verify(BODY, signer.sign(BODY).encode())
        assert ring.verify(BODY, other.sign(BODY).encode())
    literal = (signer.public + other.public).replace(b"\n", b"\\n")
    assert len(read_ring([("literal", literal)]).keys) == 2
    with pytest.raises(UnreadableKey):
        read_ring([("half", signer.public + other.public[:200])])


def malformed(good: str) -> list[str | None]:
    return [
        None,
        "",
        " ",
        good[:-1],
        good + "=",
        good + "\n",
        " " + good,
        good.replace("=", ""),
        good.replace("+", "-").replace("/", "_") + "-",
        good[:100] + "\n" + good[100:],
        good[:100] + "é" + good[101:],
        good[::-1],
        "A" * 344,
        good[:-2] + "===",
        good.replace("==", "==="),
        "+/9+===",
        "not base64!",
        base64.b64encode(b"short").decode(),
        good + good,
    ]


@pytest.mark.parametrize("position", range(19))
def test_anything_malformed_is_a_bad_signature_and_not_an_error(signer: Signer, position: int) -> None:
    ring = read_ring([("key", signer.public)])
    signature = malformed(signer.sign(BODY))[position]
    assert ring.verify(BODY, None if signature is None else signature.encode()) is False


def test_a_signature_holds_for_these_very_bytes(signer: Signer) -> None:
    ring = read_ring([("key", signer.public)])
    signature = signer.sign(BODY).encode()
    assert ring.verify(BODY, signature)
    for position in range(len(BODY)):
        changed = BODY[:position] + bytes([BODY[position] ^ 1]) + BODY[position + 1 :]
        assert not ring.verify(changed, signature)
    assert not ring.verify(BODY + b"\n", signature)
    assert not ring.verify(BODY.replace(b": ", b":"), signature)
    assert not KeyRing([]).verify(BODY, signature)


SHA256 = hashlib.sha256(BODY).digest()
INFO = bytes.fromhex("3031300d060960864801650304020105000420") + SHA256


def padded(data: bytes, *, kind: bytes = b"\x01", fill: bytes = b"\xff") -> bytes:
    return b"\x00" + kind + fill * (253 - len(data)) + b"\x00" + data


FORGED: dict[str, bytes] = {
    # what a signature may contain that is not the one encoding of RFC 8017, 9.2
    "the digest alone": padded(SHA256),
    "no NULL for the parameters": padded(bytes.fromhex("302f300b06096086480165030402010420") + SHA256),
    "a longer form of the length": padded(b"\x30\x81" + INFO[1:]),
    "something after the digest": (padded(INFO)[:10] + b"\x00" + INFO).ljust(256, b"x"),
    "less padding": (padded(INFO)[:10] + b"\x00" + INFO).rjust(256, b"\x00"),
    "padding of encryption": padded(INFO, kind=b"\x02"),
    "padding of zeros": padded(INFO, kind=b"\x00", fill=b"\x00"),
    "SHA-1": padded(
        bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(BODY, usedforsecurity=False).digest()
    ),
    "SHA-512": padded(
        bytes.fromhex("3051300d060960864801650304020305000440") + hashlib.sha512(BODY).digest()
    ),
    "nothing": padded(b""),
    "zero": bytes(256),
}


@pytest.mark.parametrize("what", [*FORGED, "the right one"])
def test_what_is_signed_is_compared_whole(signer: Signer, what: str) -> None:
    """Also made with the right key: nothing but the one encoding holds, just as `cryptography` itself judges."""
    numbers = signer.key.private_numbers()
    content = int.from_bytes(FORGED.get(what, padded(INFO)), "big")
    signature = pow(content, numbers.d, numbers.public_numbers.n).to_bytes(256, "big")
    genuine = read_ring([("key", signer.public)]).verify(BODY, base64.b64encode(signature))
    assert genuine == (what not in FORGED)
    try:
        signer.key.public_key().verify(signature, BODY, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        assert not genuine
    else:
        assert genuine


def test_a_signature_is_a_number_below_the_modulus_in_the_length_of_the_key(signer: Signer) -> None:
    ring = read_ring([("key", signer.public)])
    modulus = signer.key.public_key().public_numbers().n
    good = base64.b64decode(signer.sign(BODY))
    number = int.from_bytes(good, "big")
    for other in (
        (number + modulus).to_bytes(257, "big"),
        b"\x00" + good,
        good[1:],
        (modulus - number).to_bytes(256, "big"),
        modulus.to_bytes(256, "big"),
        b"\xff" * 256,
    ):
        assert not ring.verify(BODY, base64.b64encode(other))
    assert ring.verify(BODY, base64.b64encode(good))


def test_a_request_is_signed_over_body_uri_and_timestamp(signer: Signer) -> None:
    signature = base64.b64decode(sign_request(signer.key, b'{"a":1}', "/v1/charges?limit=3", 1_700_000_000))
    signed = b'{"a":1}/v1/charges?limit=31700000000'
    signer.key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
