"""Prepares a registry once: names, identifiers, and how telling each word is. What is fitted here is then frozen.

Rules:
- Word weights are inverse document frequencies as whole millionths, so that sums are exact and do not depend on the
  order in which threads add them.
- An entry without a key can be linked to by nobody, and is left out.
- An identifier that belongs to more than one key is ambiguous: it links nothing, and its use is counted.
"""

import duckdb
import pyarrow as pa

from assets.matching.normalise import install_macros

_UNKNOWN_WORD_ROWS = 1
"""A word the registry has never seen weighs as much as one that it has seen once."""


def prepare_registry(
    connection: duckdb.DuckDBPyConnection, names: pa.Table | None, identifiers: pa.Table | None = None
) -> None:
    """Fill the tables ``match_range`` reads.

    Args:
        connection: Where to: in memory, or a file that is to be kept.
        names: ``key`` (text) and ``name``; a key may have several names; ``None`` where none are matched.
        identifiers: ``kind``, ``value`` (raw) and ``key``; ``None`` for a registry without identifiers.
    """
    install_macros(connection)
    connection.register("given_names", _empty("key", "name") if names is None else names)
    connection.register("given_identifiers", _empty("kind", "value", "key") if identifiers is None else identifiers)
    connection.execute(f"""
        CREATE OR REPLACE TABLE registry_identifiers AS
        SELECT kind, value, min(key) AS key, min(key) <> max(key) AS ambiguous
        FROM (SELECT kind, key, CASE kind WHEN 'cusip' THEN cusip_of(raw) WHEN 'duns' THEN duns_of(raw)
                     WHEN 'uei' THEN uei_of(raw) WHEN 'cage' THEN cage_of(raw) END AS value
              FROM (SELECT kind, key, CASE kind WHEN 'duns' THEN duns_raw(value) ELSE letters_of(value) END AS raw
                    FROM given_identifiers WHERE value IS NOT NULL AND key IS NOT NULL))
        WHERE value IS NOT NULL GROUP BY kind, value ORDER BY kind, value;
        CREATE OR REPLACE TEMP TABLE spelled_names AS
        SELECT key, spelled_name(name) AS name FROM given_names WHERE name IS NOT NULL AND key IS NOT NULL;
        CREATE OR REPLACE TEMP TABLE entries AS
        SELECT row_number() OVER (ORDER BY key, name) AS entry, key, name
        FROM (SELECT DISTINCT key, bare_name(name) AS name FROM spelled_names) WHERE name <> '';
        DROP TABLE spelled_names;
        CREATE OR REPLACE TABLE registry_exact AS
        SELECT name, min(key) AS key, min(key) <> max(key) AS ambiguous FROM entries GROUP BY name;
        CREATE OR REPLACE TEMP TABLE spelled_words AS
        SELECT DISTINCT entry, unnest(string_split(name, ' ')) AS word FROM entries;
        CREATE OR REPLACE TABLE word_weights AS
        SELECT row_number() OVER (ORDER BY word)::INTEGER AS id, word, count(*) AS entries,
               round(1e6 * ln(1 + (SELECT count(*) FROM entries) / count(*)))::BIGINT AS weight
        FROM spelled_words GROUP BY word;
        CREATE OR REPLACE TABLE registry_words AS
        SELECT entry, id FROM spelled_words JOIN word_weights USING (word) ORDER BY id, entry;
        DROP TABLE spelled_words;
        CREATE OR REPLACE TABLE unknown_weight AS
        SELECT round(1e6 * ln(1 + count(*) / {_UNKNOWN_WORD_ROWS}))::BIGINT AS weight FROM entries;
        CREATE OR REPLACE TABLE registry_names AS
        SELECT entry, key, weight FROM entries
        JOIN (SELECT entry, sum(weight)::BIGINT AS weight FROM registry_words JOIN word_weights USING (id)
              GROUP BY entry) USING (entry) ORDER BY entry;
        DROP TABLE entries;
    """)  # noqa: S608 - a constant of this module
    connection.unregister("given_names")
    connection.unregister("given_identifiers")


def _empty(*columns: str) -> pa.Table:
    return pa.table({column: pa.array([], pa.string()) for column in columns})
