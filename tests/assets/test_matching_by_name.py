"""What the matcher finds without looking at all is what looking at every pair finds."""

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.matching.match import match_range
from assets.matching.registry import prepare_registry
from assets.matching.spec import MatchSpec

WORDS = ("acme", "apex", "atlas", "steel", "data", "labs", "works", "trust")
NAMES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6, unique=True).map(" ".join)
COMPANIES = st.lists(st.tuples(st.sampled_from("123456"), NAMES), min_size=1, max_size=25)


class AllPairs:
    """Scores every entry of a registry, one by one."""

    def __init__(self, connection, companies):
        self.companies = companies
        self.weights = dict(connection.sql("SELECT word, weight FROM word_weights").fetchall())
        ((self.unknown,),) = connection.sql("SELECT weight FROM unknown_weight").fetchall()

    def weigh(self, words):
        return sum(self.weights.get(word, self.unknown) for word in words)

    def scores(self, name):
        """Return the best score of each key, in millionths."""
        found = {}
        words = set(name.split())
        for key, other in self.companies:
            others = set(other.split())
            score = 2_000_000 * self.weigh(words & others) // (self.weigh(words) + self.weigh(others))
            found[key] = max(score, found.get(key, 0))
        return found

    def best(self, name, least):
        """Return the key of the one most similar name, with its confidence in millionths."""
        exact = {key for key, other in self.companies if other == name}
        if exact:
            return (exact.pop(), 980_000) if len(exact) == 1 else (None, None)
        scores = {key: score for key, score in self.scores(name).items() if score >= least}
        best = [key for key, score in scores.items() if score == max(scores.values())]
        return (best[0], scores[best[0]]) if len(best) == 1 else (None, None)


@settings(max_examples=25, deadline=None)
@given(companies=COMPANIES, rows=st.lists(NAMES, min_size=1, max_size=4), data=st.data())
def test_the_best_name_is_that_of_all_pairs_also_right_at_the_threshold(companies, rows, data):
    registry = pa.table({"key": [key for key, _ in companies], "name": [name for _, name in companies]})
    rows = [*rows, *(f"{name} unheard of" for name in rows)]
    source = pa.table({"row": range(len(rows)), "name": rows})
    with duckdb.connect() as connection:
        prepare_registry(connection, registry)
        pairs = AllPairs(connection, companies)
        attained = sorted({score for name in rows for score in pairs.scores(name).values() if score})
        for least in data.draw(st.lists(st.sampled_from(attained or [500_000]), min_size=1, max_size=4, unique=True)):
            spec = MatchSpec((), low_confidence_threshold=least / 1e6, proposing_tokens=len(WORDS))
            found = match_range(connection, source, 0, len(rows), spec).to_pylist()
            told = [(row["key"], row["confidence"] and round(row["confidence"] * 1e6)) for row in found]
            assert told == [pairs.best(name, least) for name in rows]
