"""The rules that a field of a request can have to follow, such as a text of so many characters.

A scan code is as good as the customer's purse. So a problem tells the field, the rule and the length, never
the value.
"""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

MINUTE, HOUR, DAY = 60, 3_600, 86_400  # seconds, as are all durations here
LARGEST = 2**53 - 1  # the largest integer that every JSON reader can hold (RFC 8259 §6)
OURS = "pingpp_ingest_"  # metadata of our own: the attempt and the order
# Ping++ docs: 20 pairs, 1000 characters in all. Two pairs are ours, with an attempt's id of up to 40
# characters and an order_no of up to 64: 160 characters as JSON.
METADATA_PAIRS = 18
METADATA_LONGEST = 840


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a field."""

    field: str
    #: what its value must be, in English
    rule: str
    #: what it is: characters, or bytes or items where the rule counts those; None: the value has no length
    length: int | None = None


class Rule(Protocol):
    """Something that a value must be."""

    @property
    def words(self) -> str:
        """What a value must be, in English: for problems and for the docs."""
        ...

    def problems(self, field: str, value: Any) -> Iterator[Wrong]:
        """What is wrong with the value; nothing if it is right."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    shortest: int = 1
    longest: int | None = None
    pattern: str = r"(?s:.*)"
    #: what it is made of; "bytes": its length is counted in bytes
    of: str = "characters"
    #: takes the place of the words that would be made from the other fields
    said: str = ""

    @property
    def words(self) -> str:
        if self.longest is None:
            return self.said or ("a string that is not empty" if self.shortest else "a string")
        return self.said or f"a string of {self.shortest} to {self.longest} {self.of}"

    def problems(self, field: str, value: Any) -> Iterator[Wrong]:
        length = size(value)
        if isinstance(value, str) and self.of == "bytes":
            length = len(value.encode("utf-8", "surrogatepass"))
        right = isinstance(value, str) and length is not None and length >= self.shortest
        if self.longest is not None and right:
            right = length <= self.longest  # type: ignore[operator]  # no string is without a length
        if not right or not re.fullmatch(self.pattern, value):
            yield Wrong(field, self.words, length)
        elif as_json(value) is None:
            yield Wrong(field, "valid Unicode", length)


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer."""

    least: int = 0
    most: int = LARGEST
    #: also its digits as a string, as in some samples of Ping++
    digits_too: bool = False
    #: as in `Text`
    said: str = ""

    @property
    def words(self) -> str:
        digits = ", or its digits as a string" if self.digits_too else ""
        if self.most == LARGEST and self.digits_too:
            return self.said or f"an integer of {self.least} or more{digits}"
        return self.said or f"an integer from {self.least} to {self.most}{digits}"

    def problems(self, field: str, value: Any) -> Iterator[Wrong]:
        number = value
        if self.digits_too and isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value):
            number = int(value)
        if isinstance(number, bool) or not isinstance(number, int) or not self.least <= number <= self.most:
            yield Wrong(field, self.words, size(value))


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words."""

    allowed: tuple[str, ...]

    @property
    def words(self) -> str:
        return self.allowed[0] if len(self.allowed) == 1 else f"one of {', '.join(self.allowed)}"

    def problems(self, field: str, value: Any) -> Iterator[Wrong]:
        if value not in self.allowed:
            yield Wrong(field, self.words, size(value))


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 or IPv6 address."""

    words: str = "an IPv4 or IPv6 address"

    def problems(self, field: str, value: Any) -> Iterator[Wrong]:
        try:
            # Python would take an integer for an address, and the zone of a link after a percent sign.
            right = isinstance(value, str) and "%" not in value and bool(ipaddress.ip_address(value))
        except ValueError:
            right = False
        if not right:
            yield Wrong(field, self.words, size(value))


@dataclass(frozen=True, slots=True)
class Objects:
    """A list of objects; they may have other members beside `members`."""

    least: int = 0
    members: "tuple[Field, ...]" = ()
    #: characters of the list as compact JSON
    longest: int | None = None

    @property
    def words(self) -> str:
        least = f"a list of {self.least} or more objects" if self.least else "a list of objects"
        members = "".join(f", {one.name}: {one.rule.words}" for one in self.members)
        longest = "" if self.longest is None else f", as JSON at most {self.longest} characters"
        return least + members + longest

    def problems(self, field: str, value: Any) -> Iterator[Wrong]:
        if not isinstance(value, list) or len(value) < self.least:
            yield Wrong(field, self.words, size(value))
            return
        text = as_json(value)  # None: then the whole `extra` is refused
        if self.longest is not None and text is not None and len(text) > self.longest:
            yield Wrong(field, self.words, len(text))
        for i, one in enumerate(value):
            if isinstance(one, Mapping):
                for member in self.members:
                    yield from member.problems(f"{field}[{i}].", one)
            else:
                yield Wrong(f"{field}[{i}]", "an object", size(one))


@dataclass(frozen=True, slots=True)
class Field:
    """A member of an object and its rule; null is the same as left out."""

    name: str
    rule: Rule
    required: bool = False

    def problems(self, before: str, whole: Mapping[str, Any]) -> Iterator[Wrong]:
        """What is wrong with this member of the object `whole`; `before` is the path to that."""
        value = whole.get(self.name)
        if value is not None:
            yield from self.rule.problems(before + self.name, value)
        elif self.required:
            yield Wrong(before + self.name, f"required: {self.rule.words}")


def extra_problems(fields: tuple[Field, ...], extra: Any) -> Iterator[Wrong]:
    """What is wrong with `extra`. Members without a field here are left to Ping++, which adds new ones."""
    given = {} if extra is None else extra
    if not isinstance(given, Mapping) or as_json(given) is None:
        yield Wrong("extra", "an object, valid as JSON", size(extra))
        return
    for field in fields:
        yield from field.problems("extra.", given)


def metadata_problems(metadata: Any) -> Iterator[Wrong]:
    """What is wrong with the merchant's metadata, to which we add ours (Ping++ docs: create a Charge)."""
    text = as_json(metadata)
    if metadata is None:
        return
    if not isinstance(metadata, Mapping) or text is None:
        yield Wrong("metadata", "an object, valid as JSON", size(metadata))
        return
    if len(metadata) > METADATA_PAIRS:
        yield Wrong("metadata", f"at most {METADATA_PAIRS} pairs", len(metadata))
    if len(text) > METADATA_LONGEST:
        yield Wrong("metadata", f"as JSON at most {METADATA_LONGEST} characters", len(text))
    if any(str(key).startswith(OURS) for key in metadata):
        yield Wrong("metadata", f"no key that begins with {OURS}")


def size(value: Any) -> int | None:
    """The length of a string, list or object; None for any other value."""
    return len(value) if isinstance(value, str | list | Mapping) else None


def as_json(value: Any) -> str | None:
    """A value as compact JSON. None where it cannot be sent: half a surrogate pair, NaN, no JSON, nested too
    deep.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (ValueError, TypeError, RecursionError):
        return None
    return text
