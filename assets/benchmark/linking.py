"""Finds the company behind each award: cleans, dedupes, joins by identifier, and matches what is left by name."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.benchmark.engine import steady_connection
from assets.enrich import ranges
from assets.generate import draw
from assets.matching.match import IDENTIFIER_CONFIDENCE, MATCH_SCHEMA, match_range
from assets.matching.normalise import install_macros
from assets.matching.registry import prepare_registry
from assets.matching.spec import MatchSpec

_PLACEHOLDERS: Final = frozenset({"000000000", "123456789", "999999999"})
_IDENTIFIERS: Final = ("uei", "duns", "cage")
_NOISE: Final = re.compile(r"[^0-9A-Z]")
_BY_NAME: Final = MatchSpec((), proposing_tokens=2)
_CHUNK: Final = 2_000
_LENGTHS: Final = {"uei": 12, "duns": 9, "cage": 5}


def normalise_names(awards: pa.Table) -> pa.Table:
    """Return ``row``, ``normal_name`` and ``sorted_name`` (its distinct words in order) of each award, in order."""
    with steady_connection() as connection:
        install_macros(connection)
        connection.register("awards", awards.select(["row", "name"]))
        return connection.sql("""
            SELECT row, normal_name,
                   array_to_string(list_sort(list_distinct(string_split(normal_name, ' '))), ' ') AS sorted_name
            FROM (SELECT row, normal_name(name) AS normal_name FROM awards) ORDER BY row
        """).to_arrow_table()


def with_normal_names(registry: pa.Table) -> pa.Table:
    """Return a registry with the column ``normal_name``."""
    with steady_connection() as connection:
        install_macros(connection)
        connection.register("registry", registry)
        return connection.sql("SELECT *, normal_name(name) AS normal_name FROM registry ORDER BY key").to_arrow_table()


def unique_awards(awards: pa.Table, names: pa.Table) -> pa.Table:
    """Return the awards with their normal names, repetitions of an earlier one left out.

    A repetition has the same identifiers, and a name of the same words in any order or of the same pairs of letters.

    Args:
        awards: As ``reading.parse_awards`` gives them.
        names: As ``normalise_names`` gives them, of the same awards in the same order.
    """
    identifiers = ([_clean(name, value) or "" for value in awards.column(name).to_pylist()] for name in _IDENTIFIERS)
    seen: set[bytes] = set()
    kept = []
    for words, *values in zip(names.column("sorted_name").to_pylist(), *identifiers, strict=True):
        spellings = [_digest(spelling, *values) for spelling in (f"words {words}", f"pairs {_pairs(words or '')}")]
        kept.append(all(spelling not in seen for spelling in spellings))
        seen.update(spellings)
    told = awards.append_column("normal_name", names.column("normal_name"))
    return told.filter(pa.array(kept, pa.bool_()))


def identified_awards(awards: pa.Table, registry: pa.Table) -> pa.Table:
    """Return ``row``, ``key`` and ``method`` of each award: linked by its first sound identifier, else null.

    Args:
        awards: With the identifier columns.
        registry: ``key`` and the identifier columns.
    """
    keys = registry.column("key").to_pylist()
    known = {name: dict(zip(registry.column(name).to_pylist(), keys, strict=True)) for name in _IDENTIFIERS}
    columns = [[_clean(name, value) for value in awards.column(name).to_pylist()] for name in _IDENTIFIERS]
    found: list[str | None] = []
    methods: list[str | None] = []
    for values in zip(*columns, strict=True):
        hits = ((known[name].get(value), name) for name, value in zip(_IDENTIFIERS, values, strict=True) if value)
        key, method = next((hit for hit in hits if hit[0] is not None), (None, None))
        found.append(key)
        methods.append(method)
    return pa.table(
        {"row": awards.column("row"), "key": pa.array(found, pa.string()), "method": pa.array(methods, pa.string())}
    )


def unlinked(awards: pa.Table, identified: pa.Table) -> pa.Table:
    """Return the awards that no identifier links; both tables hold the same rows in the same order."""
    return awards.filter(pc.is_null(identified.column("key")))


@contextmanager
def prepared(registry: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection that knows the names of a registry (``key``, ``name``)."""
    with steady_connection() as connection:
        prepare_registry(connection, registry.select(["key", "name"]))
        yield connection


def similar_awards(connection: duckdb.DuckDBPyConnection, awards: pa.Table) -> pa.Table:
    """Return the matches by name of awards, in ``MATCH_SCHEMA`` with the awards' own rows."""
    source = pa.table({"row": pa.array(range(awards.num_rows), pa.int64()), "name": awards.column("name")})
    parts = [match_range(connection, source, start, stop, _BY_NAME) for start, stop in ranges(source.num_rows, _CHUNK)]
    return pa.concat_tables([MATCH_SCHEMA.empty_table(), *parts]).set_column(0, "row", awards.column("row"))


def linked_awards(awards: pa.Table, links: pa.Table, registry: pa.Table) -> pa.Table:
    """Return the links with ``agreement``: the share of words (Dice 1945) that both names have, null without a link.

    Args:
        awards: With ``row`` and ``normal_name``.
        links: In ``MATCH_SCHEMA``, of the same rows in the same order.
        registry: ``key`` and ``normal_name``.
    """
    names = dict(zip(registry.column("key").to_pylist(), registry.column("normal_name").to_pylist(), strict=True))
    pairs = zip(awards.column("normal_name").to_pylist(), links.column("key").to_pylist(), strict=True)
    agreement = [None if key is None else _agreement(name or "", names[key]) for name, key in pairs]
    return links.append_column("agreement", pa.array(agreement, pa.float64()))


def merged_links(identified: pa.Table, similar: pa.Table) -> pa.Table:
    """Return the links of both ways in ``MATCH_SCHEMA``, ordered by row: by name where there is no identifier's."""
    by_identifier = pa.table(
        {
            "row": identified.column("row"),
            "key": identified.column("key"),
            "method": identified.column("method"),
            "confidence": pa.array(np.full(identified.num_rows, IDENTIFIER_CONFIDENCE)),
            "identifier_type": identified.column("method"),
            "reason": pa.nulls(identified.num_rows, pa.string()),
            "refused": pa.nulls(identified.num_rows, pa.string()),
        },
        schema=MATCH_SCHEMA,
    ).filter(pc.is_valid(identified.column("key")))
    return pa.concat_tables([by_identifier, similar]).sort_by("row")


def without_links(links: pa.Table, dropped: int, seed: int) -> pa.Table:
    """Return the links with so many of them taken away, chosen by row number: no match is what is left there."""
    rows = links.column("row").to_numpy().astype(np.uint64)
    linked = pc.is_valid(links.column("key")).to_numpy()
    order = np.lexsort((draw(rows, seed, 108), ~linked))
    kept = np.ones(links.num_rows, dtype=bool)
    kept[order[: min(dropped, int(linked.sum()))]] = False
    mask = pa.array(kept)
    empty = {"key": None, "method": "unmatched", "confidence": None, "identifier_type": "none", "reason": "dropped"}
    for name, value in empty.items():
        place = links.schema.get_field_index(name)
        links = links.set_column(
            place, name, pc.if_else(mask, links.column(name), pa.scalar(value, MATCH_SCHEMA.field(name).type))
        )
    return links


def _pairs(name: str) -> str:
    """Return the distinct pairs of neighbouring letters of a name, sorted, blanks left out."""
    letters = name.replace(" ", "")
    return "".join(sorted({letters[place : place + 2] for place in range(len(letters) - 1)}))


def _digest(*texts: str) -> bytes:
    """Return a digest of texts, whose boundaries count."""
    return hashlib.blake2b("\x1f".join(texts).encode(), digest_size=16).digest()


def _agreement(name: str, other: str) -> float:
    """Return twice the words that both names have over the words of each."""
    words, others = name.split(), other.split()
    both = Counter(words) & Counter(others)
    return 2.0 * both.total() / max(len(words) + len(others), 1)


def _clean(kind: str, value: str | None) -> str | None:
    """Return an identifier in its one spelling, ``None`` where it cannot be one."""
    if value is None:
        return None
    bare = _NOISE.sub("", unicodedata.normalize("NFKC", value).upper())
    if kind == "duns":
        bare = bare.zfill(_LENGTHS[kind])
    return bare if len(bare) == _LENGTHS[kind] and bare not in _PLACEHOLDERS else None
