"""The payment document as it stands in Redis: a random token, then JSON."""

import msgspec

from payments.books.payment import Payment

SCHEMA = 1
TOKEN_BYTES = 16  # the random token before each document, see record.lua


class NewerSchema(RuntimeError):
    """A later release wrote the document: the work stays due for a worker of that release."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Payment)


class _Schema(msgspec.Struct):
    schema: int


_schema_decoder = msgspec.json.Decoder(_Schema)


def encode(payment: Payment) -> bytes:
    """The JSON document, without the token that stands before it in Redis."""
    return _encoder.encode(payment)


def decode(document: bytes) -> Payment:
    """The payment in a document. Raises NewerSchema for one of a later release, ValueError for anything else."""
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
