"""The real companies, registrants and answers, as the pipeline's assets make them, once for all tests."""

from dataclasses import dataclass

import dagster as dg
import pyarrow as pa
import pytest

from assets.defs import companies as pipeline
from assets.enrich import enrich
from assets.matching.spec import Identifier, MatchSpec
from assets.sources import DATA, read_table


@dataclass(frozen=True)
class RealInput:
    """What the matcher gets, and the answers it never sees."""

    companies: pa.Table
    names: pa.Table
    identifiers: pa.Table
    answers: pa.Table


@pytest.fixture(scope="session")
def real(tmp_path_factory) -> RealInput:
    place = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_LEDGER_URI", str(place / "ledger"))
        patch.setenv("DAGSTER_LEDGER_OUTPUT_DIR", str(place / "output"))
        result = dg.materialize([pipeline.companies, pipeline.registrants, pipeline.registrant_identifiers])
        companies, registrants, identifiers = (
            result.output_for_node(name) for name in ("companies", "registrants", "registrant_identifiers")
        )
    truth = read_table(str(DATA / "truth.parquet"), ("company_id", "cik"))
    joined = companies.select(["row", "company_id"]).join(truth, keys="company_id", join_type="inner")
    return RealInput(
        companies,
        registrants.select(["cik", "name"]).rename_columns(["key", "name"]),
        identifiers,
        joined.select(["row", "cik"]).rename_columns(["row", "key"]),
    )


@pytest.fixture(scope="session")
def by_name(real) -> pa.Table:
    """The links that names alone find."""
    return link(real.companies, real.names, None, MatchSpec(()))


@pytest.fixture(scope="session")
def by_cascade(real) -> pa.Table:
    """The links of the whole cascade."""
    return link(real.companies, real.names, real.identifiers, MatchSpec((Identifier("isin", "isin"),)))


def link(source, names, identifiers, spec, chunk_size=25_000) -> pa.Table:
    return enrich(source, names, identifiers, spec, chunk_size=chunk_size, progress=lambda *_: None)
