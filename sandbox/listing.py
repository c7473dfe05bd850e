"""Reads the query of a list call. Ping++ docs: newest first, 10 objects a page, at most 100."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.refusals import Object, invalid

MONTH = 30 * 86_400
_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True)
class Filter:
    column: str
    operator: str
    value: Any


@dataclass(frozen=True)
class Page:
    limit: int = 10
    starting_after: str | None = None
    ending_before: str | None = None


def page(query: Mapping[str, str]) -> Page:
    limit = query.get("limit", "10")
    if not _is_number(limit) or not 1 <= int(limit) <= 100:
        raise invalid("limit", "limit must be a number from 1 to 100")
    after, before = query.get("starting_after") or None, query.get("ending_before") or None
    if after and before:
        raise invalid("ending_before", "starting_after and ending_before exclude each other")
    return Page(int(limit), after, before)


def charge_filters(query: Mapping[str, str], *, livemode: bool, now: float) -> list[Filter]:
    filters = [Filter("livemode", "=", livemode)]
    # Ping++ docs: app[id] is required. The guide's older samples leave it out, and must work here too.
    if "app[id]" in query:
        if not query["app[id]"]:
            raise invalid("app[id]", "app[id] must name an app")
        filters.append(Filter("app", "=", query["app[id]"]))
    created = [
        Filter("created", operator, _unix(f"created[{name}]", query[f"created[{name}]"]))
        for name, operator in _OPERATORS.items()
        if f"created[{name}]" in query
    ]
    # Ping++ docs: without `created` only the last month is listed.
    filters += created or [Filter("created", ">=", int(now) - MONTH)]
    if query.get("channel"):
        filters.append(Filter("channel", "=", query["channel"]))
    filters += [
        Filter(flag, "=", _boolean(flag, query[flag]))
        for flag in ("paid", "refunded", "reversed")
        if flag in query
    ]
    return filters


def as_list(url: str, found: tuple[list[Object], bool] | None) -> Object:
    if found is None:
        raise invalid("starting_after", "starting_after or ending_before names nothing that exists")
    data, has_more = found
    return {"object": "list", "url": url, "has_more": has_more, "data": data}


def _unix(name: str, value: str) -> int:
    if not _is_number(value):
        raise invalid(name, f"{name} must be Unix seconds")
    return int(value)


def _boolean(name: str, value: str) -> bool:
    # The official Python SDK writes True and False.
    if value.lower() not in {"true", "false", "1", "0"}:
        raise invalid(name, f"{name} must be true or false")
    return value.lower() in {"true", "1"}


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 12
