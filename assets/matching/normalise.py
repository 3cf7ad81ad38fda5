"""Normalisers as DuckDB macros: names and identifiers in one spelling, or refused with a reason.

Rules:
- What is used more than once is a column of an inner query where it can be: a macro is written out each time.
- A name: accents folded, lower case, punctuation gone, pairs of single letters joined (``a. t. & t.`` and ``at&t`` are
  ``at t``), share classes and legal forms at the end removed, unless nothing would be left.
- An identifier is stripped of punctuation (``<kind>_raw``), and that becomes its canonical spelling, or null
  (``<kind>_of``). ``<kind>_problem`` says why it is null: ``missing``,
  ``malformed`` or ``placeholder``.
- CUSIP and ISIN: the CUSIP's check digit must hold (modulus 10 double-add-double, ANSI X9.6). DUNS: nine digits,
  punctuation removed, lost leading zeros restored. UEI: twelve letters and digits without I and O. CAGE: five.
"""

from typing import Final

import duckdb

_LEGAL_FORMS: Final = (
    "inc incorporated corp corporation co company companies cos ltd limited llc lp llp plc sa nv se ag spa ab asa"
    " oyj kgaa gmbh bv sab cv as kk adr ads sarl scs sca kg ord"
)
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#"

_NAMES: Final = f"""
CREATE OR REPLACE TEMP MACRO folded_name(s) AS
  translate(regexp_replace(
    replace(replace(replace(translate(strip_accents(lower(s)), 'øłđð', 'oldd'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'),
    '[/\\\\][a-z. ]{{2,5}}[/\\\\]?\\s*$|\\([^)]*\\)', ' ', 'g'), '.''\u2019`', '');
CREATE OR REPLACE TEMP MACRO words_of(s) AS
  trim(regexp_replace(regexp_replace(regexp_replace(folded_name(s), '[^\\p{{L}}\\p{{N}}]+', ' ', 'g'),
    '\\b(and|the)\\b', ' ', 'g'), ' +', ' ', 'g'));
CREATE OR REPLACE TEMP MACRO joined_letters(s) AS regexp_replace(s, '\\b([a-z]) ([a-z])\\b', '\\1\\2', 'g');
CREATE OR REPLACE TEMP MACRO spelled_name(s) AS joined_letters(words_of(s));
CREATE OR REPLACE TEMP MACRO without_form(n) AS
  regexp_replace(n, '( (class|series) [abc]| ({_LEGAL_FORMS.replace(" ", "|")}))+$', '');
CREATE OR REPLACE TEMP MACRO bare_name(n) AS CASE WHEN without_form(n) = '' THEN n ELSE without_form(n) END;
CREATE OR REPLACE TEMP MACRO normal_name(s) AS bare_name(spelled_name(s));
"""

_IDENTIFIERS: Final = f"""
CREATE OR REPLACE TEMP MACRO letters_of(s) AS upper(regexp_replace(coalesce(s, ''), '[^A-Za-z0-9*@#]', '', 'g'));
CREATE OR REPLACE TEMP MACRO character_value(s, i) AS strpos('{_ALPHABET}', substr(s, i, 1)) - 1;
CREATE OR REPLACE TEMP MACRO weighted_value(s, i) AS character_value(s, i) * (CASE WHEN i % 2 = 0 THEN 2 ELSE 1 END);
CREATE OR REPLACE TEMP MACRO cusip_check_digit(s) AS (10 - list_sum(list_transform(range(1, 9),
  lambda i: weighted_value(s, i) // 10 + weighted_value(s, i) % 10)) % 10) % 10;
CREATE OR REPLACE TEMP MACRO valid_cusip(s) AS
  CASE WHEN regexp_full_match(s, '[0-9A-Z*@#]{{8}}[0-9]') AND cusip_check_digit(s) = substr(s, 9, 1)::INTEGER
  THEN s END;
CREATE OR REPLACE TEMP MACRO repeated(s) AS length(replace(s, left(s, 1), '')) = 0;

CREATE OR REPLACE TEMP MACRO cusip_raw(s) AS letters_of(s);
CREATE OR REPLACE TEMP MACRO cusip_of(r) AS CASE WHEN NOT repeated(r) THEN valid_cusip(r) END;
CREATE OR REPLACE TEMP MACRO isin_raw(s) AS letters_of(s);
CREATE OR REPLACE TEMP MACRO isin_of(r) AS
  CASE WHEN regexp_full_match(r, '(US|CA)[0-9A-Z]{{10}}') THEN cusip_of(substr(r, 3, 9)) END;
CREATE OR REPLACE TEMP MACRO duns_raw(s) AS regexp_replace(letters_of(s), '[^0-9]', '', 'g');
CREATE OR REPLACE TEMP MACRO duns_of(r) AS
  CASE WHEN length(r) BETWEEN 7 AND 9 AND NOT repeated(lpad(r, 9, '0'))
       AND lpad(r, 9, '0') NOT IN ('123456789', '987654321') THEN lpad(r, 9, '0') END;
CREATE OR REPLACE TEMP MACRO uei_raw(s) AS letters_of(s);
CREATE OR REPLACE TEMP MACRO uei_of(r) AS
  CASE WHEN regexp_full_match(r, '[1-9A-HJ-NP-Z][0-9A-HJ-NP-Z]{{11}}') AND NOT repeated(r) THEN r END;
CREATE OR REPLACE TEMP MACRO cage_raw(s) AS letters_of(s);
CREATE OR REPLACE TEMP MACRO cage_of(r) AS
  CASE WHEN regexp_full_match(r, '[0-9A-HJ-NP-Z]{{5}}') AND NOT repeated(r) THEN r END;
CREATE OR REPLACE TEMP MACRO problem_of(raw, value) AS
  CASE WHEN value IS NOT NULL THEN NULL WHEN raw IS NULL OR raw = '' THEN 'missing'
       WHEN repeated(raw) OR raw IN ('123456789', '987654321') THEN 'placeholder' ELSE 'malformed' END;
"""


def install_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the normalisers in a connection; doing it again changes nothing."""
    connection.execute(_NAMES + _IDENTIFIERS)


def normal_names(connection: duckdb.DuckDBPyConnection, names: list[str]) -> list[str]:
    """Return names in their one spelling."""
    rows = connection.execute("SELECT normal_name(n) FROM (SELECT unnest(?) AS n)", [names]).fetchall()
    return [row[0] for row in rows]
