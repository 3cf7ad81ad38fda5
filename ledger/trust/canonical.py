"""The one spelling of what is signed: JSON after RFC 8785, without the parts of JSON that readers disagree about.

Rules:
- No fractions: a decimal is a text. No number beyond 2^53, which JavaScript and jq would round.
- Keys are printable ASCII, so that every order of keys is one. Texts hold no control characters.
- Reading is strict: one document, no key twice, and exactly the bytes that writing it gives.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import rfc8785

from ledger.errors import ConfigurationError
from ledger.trust.refusal import RefusedError

Plain: TypeAlias = "bool | int | str | Sequence[Plain] | Mapping[str, Plain] | None"
"""A value that has one spelling."""

LARGEST: Final = 2**53 - 1
_DEEPEST: Final = 32
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of surrogate pairs."""


def encode(value: Plain) -> bytes:
    """Return the one spelling of a value, UTF-8.

    Raises:
        ConfigurationError: The value holds something that has none: a fraction, a control character, a strange key.
    """
    problem = _problem(value, 0)
    if problem:
        message = f"it cannot be signed: {problem}"
        raise ConfigurationError(message)
    return rfc8785.dumps(_listed(value))


def decode(data: bytes, where: str) -> Any:  # noqa: ANN401 - whoever asks looks at its shape
    """Return the value that ``encode`` made these bytes of.

    Args:
        data: The bytes.
        where: Where they are from, for the message.

    Raises:
        RefusedError: ``duplicate_key``, ``trailing_data`` or ``not_canonical``.
    """
    value = parse(data, where, "not_canonical")
    if _problem(value, 0) or encode(value) != data:
        message = f"{where} is not in the one spelling that is signed (RFC 8785); it was changed after it was written"
        raise RefusedError(message, "not_canonical")
    return value


def parse(data: bytes, where: str, reason: str) -> Any:  # noqa: ANN401 - a JSON document, as json.loads has it
    """Return a JSON document, in any spelling, that has no key twice and nothing after it.

    Args:
        data: UTF-8.
        where: Where it is from, for the message.
        reason: Code of the refusal where it is no JSON at all.

    Raises:
        RefusedError: It is no such document.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except _TwiceError as error:
        message = f"{where} has the key {error.args[0]!r} twice in one object; no reader may choose between them"
        raise RefusedError(message, "duplicate_key") from error
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            message = f"{where} goes on after its JSON document (line {error.lineno}); nothing may follow it"
            raise RefusedError(message, "trailing_data") from error
        message = f"{where} is no JSON ({error.msg}, line {error.lineno}, column {error.colno})"
        raise RefusedError(message, reason) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        message = f"{where} is no JSON that can be read ({' '.join(str(error).split())[:80]})"
        raise RefusedError(message, reason) from error


class _TwiceError(ValueError):
    """A key came twice."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(name)
        found[name] = value
    return found


def _no_constant(word: str) -> object:
    message = f"{word} is no JSON"
    raise ValueError(message)


def _problem(value: object, depth: int) -> str | None:
    """Return what keeps a value from having one spelling, ``None`` where nothing does."""
    found = None
    if depth > _DEEPEST:
        found = "it is nested too deeply"
    elif isinstance(value, str):
        found = f"{value[:40]!r} holds control characters" if _CONTROLS.search(value) else None
    elif isinstance(value, int):  # Booleans are integers here, and small ones.
        found = f"{value} is too large a number" if abs(value) > LARGEST else None
    elif isinstance(value, Mapping):
        strange = [name for name in value if not (isinstance(name, str) and name.isascii() and name.isprintable())]
        parts = (_problem(part, depth + 1) for part in value.values())
        found = f"{str(strange[0])[:40]!r} is no key of printable ASCII" if strange else next(filter(None, parts), None)
    elif isinstance(value, list | tuple):
        found = next(filter(None, (_problem(part, depth + 1) for part in value)), None)
    elif value is not None:
        found = f"{type(value).__name__} has no one spelling"
    return found


def _listed(value: object) -> Any:  # noqa: ANN401 - what rfc8785 takes
    """Return a value with lists and dictionaries in place of other sequences and mappings."""
    if isinstance(value, Mapping):
        return {name: _listed(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_listed(part) for part in value]
    return value
