"""Matches a range of rows: identifiers in order, then the exact name, then the most similar name.

Rules:
- A pure function of the range: the results of ranges that tile the source, put together, are the result of the whole.
- Every tie is broken, by score and then by key, and scores are whole numbers until the very end.
- Similarity is the Dice coefficient of two names' words (Dice 1945), each word weighted by its inverse document
  frequency (Sparck Jones 1972): sharing ``apple`` says much, sharing ``trust`` little, and a word that only one of the
  names has speaks against them. That is what keeps Apple Hospitality REIT apart from Apple Inc.
- Two names at the same similarity under different keys are ambiguous, and link nothing.
- A word proposes companies only where the known words from it on, rarest first, weigh enough for a link by them alone.
  With ``s`` the weight that two names share, ``2s / (wanted + entry)`` reaches the threshold ``t`` only where ``s``
  reaches ``t * wanted / (2 - t)``, since an entry weighs at least ``s``. That changes no link (prefix filter:
  Chaudhuri, Ganti and Kaushik 2006), and keeps common words from proposing thousands of companies in vain.
"""

from typing import Final

import duckdb
import pyarrow as pa

from assets.matching.spec import MatchSpec

MATCH_SCHEMA: Final = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("key", pa.string()),
        pa.field("method", pa.string()),
        pa.field("confidence", pa.float64()),
        pa.field("identifier_type", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("refused", pa.string()),
    ]
)
"""``key`` is null where nothing was found; ``reason`` says why; ``refused`` lists ``column:problem`` of identifiers."""

IDENTIFIER_CONFIDENCE: Final = 0.99
"""An identifier can be assigned wrongly upstream, so a link by one is not certain."""

EXACT_NAME_CONFIDENCE: Final = 0.98


def match_range(
    connection: duckdb.DuckDBPyConnection, source: pa.Table, start: int, stop: int, spec: MatchSpec
) -> pa.Table:
    """Return one row per source row of the range, in order, in ``MATCH_SCHEMA``.

    Args:
        connection: With a registry prepared by ``prepare_registry``.
        source: The column ``row`` (from 0, ascending), the name column where there is one, and the
            identifier columns; left untouched.
        start: First row.
        stop: Row after the last one.
        spec: How to match.
    """
    connection.register("given_source", source.slice(start, max(stop - start, 0)))
    connection.execute(_by_identifier(spec))
    connection.execute(_by_name(spec))
    found = connection.sql(_COMBINED).to_arrow_table()
    connection.unregister("given_source")
    return found.select(MATCH_SCHEMA.names).cast(MATCH_SCHEMA)


def _quoted(name: str) -> str:
    """Return a column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _by_identifier(spec: MatchSpec) -> str:
    """Return the SQL that links rows by the first identifier that is sound, known and unambiguous."""
    columns = [f"{_quoted(spec.name_column)} AS name" if spec.name_column is not None else "NULL::VARCHAR AS name"]
    values, joins, keys, methods, refusals = ["name"], [], [], [], []
    for number, identifier in enumerate(spec.identifiers):
        columns.append(f"{identifier.kind}_raw({_quoted(identifier.column)}) AS s{number}")
        values += [f"s{number}", f"{identifier.kind}_of(s{number}) AS v{number}"]
        joins.append(
            f"LEFT JOIN registry_identifiers r{number}"
            f" ON r{number}.kind = '{identifier.registry_kind}' AND r{number}.value = v{number}"
        )
        sound = f"r{number}.key IS NOT NULL AND NOT r{number}.ambiguous"
        keys.append(f"WHEN {sound} THEN r{number}.key")
        methods.append(f"WHEN {sound} THEN '{identifier.registry_kind}'")
        problem = f"nullif(problem_of(s{number}, v{number}), 'missing')"
        refusals.append(f"'{identifier.kind}:' || CASE WHEN r{number}.ambiguous THEN 'ambiguous' ELSE {problem} END")
    return f"""
        CREATE OR REPLACE TEMP TABLE identified AS
        SELECT "row", name, {_case(keys)} AS key, {_case(methods)} AS method,
               nullif(concat_ws(' ', {", ".join(refusals) or "NULL::VARCHAR"}), '') AS refused
        FROM (SELECT "row", {", ".join(values)} FROM (SELECT "row", {", ".join(columns)} FROM given_source))
        {" ".join(joins)};
    """  # noqa: S608 - kinds come from a closed list, columns are quoted


def _case(branches: list[str]) -> str:
    """Return a CASE over branches, null without any."""
    return f"CASE {' '.join(branches)} END" if branches else "NULL::VARCHAR"


def _by_name(spec: MatchSpec) -> str:
    """Return the SQL that finds the best name for every row no identifier linked."""
    least = round(spec.low_confidence_threshold * 1_000_000)
    return f"""
        CREATE OR REPLACE TEMP TABLE unlinked AS
        SELECT "row", normal_name(name) AS name FROM identified WHERE key IS NULL AND name IS NOT NULL;
        CREATE OR REPLACE TEMP TABLE exact AS
        SELECT "row", registry_exact.key, registry_exact.ambiguous FROM unlinked JOIN registry_exact USING (name);
        CREATE OR REPLACE TEMP TABLE words AS
        SELECT *, row_number() OVER rarest AS place, sum(weight) OVER (PARTITION BY "row")::BIGINT AS wanted,
               sum(weight) FILTER (entries IS NOT NULL) OVER onwards::BIGINT AS reach
        FROM (SELECT "row", word, w.id, coalesce(w.weight, (SELECT weight FROM unknown_weight)) AS weight, w.entries
              FROM (SELECT DISTINCT "row", unnest(string_split(name, ' ')) AS word
                    FROM unlinked ANTI JOIN exact USING ("row") WHERE name <> '') LEFT JOIN word_weights w USING (word))
        WINDOW rarest AS (PARTITION BY "row" ORDER BY coalesce(entries, 1000000000), word),
               onwards AS (PARTITION BY "row" ORDER BY coalesce(entries, 1000000000), word
                           ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING);
        CREATE OR REPLACE TEMP TABLE candidates AS
        SELECT DISTINCT "row", entry FROM words JOIN registry_words USING (id)
        WHERE place <= {spec.proposing_tokens} AND entries <= {spec.common_token_rows}
          AND {2_000_000 - least}::HUGEINT * reach >= {least}::HUGEINT * wanted;
        CREATE OR REPLACE TEMP TABLE scored AS
        WITH shared AS (
          SELECT c."row", c.entry, any_value(w.wanted) AS wanted, sum(w.weight)::BIGINT AS weight
          FROM candidates c JOIN words w USING ("row")
          JOIN registry_words r ON r.entry = c.entry AND r.id = w.id GROUP BY c."row", c.entry),
        best_of_key AS (
          SELECT s."row", n.key, max((2000000::HUGEINT * s.weight) // (s.wanted + n.weight))::BIGINT AS millionths
          FROM shared s JOIN registry_names n USING (entry)
          WHERE 2000000::HUGEINT * s.weight >= {least}::HUGEINT * (s.wanted + n.weight) GROUP BY s."row", n.key)
        SELECT "row", key, millionths,
               row_number() OVER (PARTITION BY "row" ORDER BY millionths DESC, key) AS place,
               count(*) OVER (PARTITION BY "row", millionths) AS equals
        FROM best_of_key;
    """  # noqa: S608 - whole numbers only


_COMBINED: Final = f"""
    SELECT i."row",
           CASE WHEN i.key IS NOT NULL THEN i.key
                WHEN NOT e.ambiguous THEN e.key
                WHEN s.equals = 1 THEN s.key END AS key,
           CASE WHEN i.key IS NOT NULL THEN i.method
                WHEN NOT e.ambiguous THEN 'name_exact'
                WHEN s.equals = 1 THEN 'name_similar' ELSE 'unmatched' END AS method,
           CASE WHEN i.key IS NOT NULL THEN {IDENTIFIER_CONFIDENCE}::DOUBLE
                WHEN NOT e.ambiguous THEN {EXACT_NAME_CONFIDENCE}::DOUBLE
                WHEN s.equals = 1 THEN s.millionths / 1e6 END AS confidence,
           CASE WHEN i.key IS NOT NULL THEN i.method
                WHEN NOT e.ambiguous OR s.equals = 1 THEN 'name' ELSE 'none' END AS identifier_type,
           CASE WHEN i.key IS NOT NULL OR NOT e.ambiguous OR s.equals = 1 THEN NULL
                WHEN e.ambiguous OR s.equals > 1 THEN 'ambiguous name'
                WHEN i.name IS NULL OR trim(i.name) = '' THEN 'no name' ELSE 'no similar name' END AS reason,
           i.refused
    FROM identified i LEFT JOIN exact e USING ("row") LEFT JOIN (SELECT * FROM scored WHERE place = 1) s USING ("row")
    ORDER BY i."row"
"""  # noqa: S608 - constants of this module
