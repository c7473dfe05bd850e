"""The payment document as it stands in Redis: a random token, then JSON."""

import msgspec

from payments.books.payment import Payment

SCHEMA = 1
TOKEN_BYTES = 16  # the random token before each document, see record.lua


class NewerSchema(RuntimeError):
    """The document was written by a later release: leave the work due for a worker that knows it."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Payment)


class _Schema(msgspec.Struct):
    schema: int


_schema_decoder = msgspec.json.Decoder(_Schema)


def encode(payment: Payment) -> bytes:
    """The JSON document as it stands in Redis behind its token."""
    return _encoder.encode(payment)


def decode(document: bytes) -> Payment:
    """Raises NewerSchema for a document of a later release, ValueError for what is no document at all."""
    try:
        payment = _decoder.decode(document)
    except msgspec.ValidationError as error:  # a later release may have given things another shape
        schema = _schema_decoder.decode(document).schema
        if schema > SCHEMA:
            raise _newer(schema) from error
        raise
    if payment.schema > SCHEMA:
        raise _newer(payment.schema)
    return payment


def _newer(schema: int) -> NewerSchema:
    return NewerSchema(f"its payment was written with schema {schema}, this release knows {SCHEMA}")
