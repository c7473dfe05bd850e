"""`PUT /charges/{charge_id}`: a charge that the merchant's own code made is put under our care."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ingest.api.answers import json_answer, location, logged
from ingest.api.fields import ORDER_NO, unknown
from ingest.api.problems import Problem, invalid, unavailable
from ingest.api.reading import query_of, read_object
from ingest.office import Office
from payments.books.attempts import NotPossible
from payments.books.join import Odd
from payments.books.view import merchant_json
from payments.channels import table
from payments.channels.rules import Field, Text, Whole, Wrong
from payments.pingpp.gateway import NotFound, Unanswered
from payments.pingpp.sighting import Malformed
from payments.taking.watch import Expected, Watched, watch

# The same rule as in `payments/pingpp/sighting.py`. An id of dots alone would make another path at Ping++.
CHARGE_ID = Text(1, 63, r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", said="the id of a charge")
_CHARGE = Field("charge_id", CHARGE_ID, required=True)
_EXPECTED = (ORDER_NO, Field("amount", Whole(1)), Field("currency", table.find("").currency))
WATCH_FIELDS = tuple(one.name for one in _EXPECTED)


def expected_in(content: dict[str, Any]) -> Expected:
    """What the merchant says of a charge. Raises Problem."""
    wrong = [*unknown(content, WATCH_FIELDS), *(one for f in _EXPECTED for one in f.problems("", content))]
    if wrong:
        raise invalid(wrong)
    return Expected(**content)


class Charges:
    """The calls on charges."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def watch(self, request: Request, charge_id: str) -> Response:
        with logged("watch asked for", charge_id=charge_id[:64]) as line:
            query_of(request)
            wrong = list(_CHARGE.problems("", {"charge_id": charge_id}))
            if wrong:
                raise invalid(wrong)
            watched = await self._watched(charge_id, expected_in(await read_object(request, or_nothing=True)))
            payment, status = watched.payment, 201 if watched.new else 200
            line.update(order_no=payment.order_no, app=payment.app, outcome=payment.status, status=status)
        headers = location(payment) if watched.new else {}
        return json_answer(merchant_json(payment, self._office.public_url), status, headers)

    async def _watched(self, charge_id: str, expected: Expected) -> Watched:
        desk = self._office.desk
        assert desk is not None  # noqa: S101  the API is not served without
        try:
            return await watch(desk, charge_id, expected, apps=self._office.apps)
        except NotFound:
            raise Problem("not_found", "Ping++ knows no such charge.") from None
        except (Unanswered, Malformed) as error:
            raise unavailable(f"{error}. Nothing was done.") from None
        except Odd as odd:  # another process works on the same charge, or Ping++ contradicts itself
            detail = f"What Ping++ says of it does not fit the books at the moment: {odd.code}."
            raise unavailable(detail) from None
        except NotPossible as no:
            if no.code == "not_ours":
                raise invalid([Wrong("charge_id", no.message)]) from None
            raise
