"""What enrichment promises of its speed, memory and quality; judged by what one run of the benchmark measured."""

from typing import Final

from tests.benchmarks.store.goals import Goal

ROWS: Final = 200_000
REGISTRY: Final = 1_000_000

SPEED: Final = Goal(
    "speed", "enrich", "records a second, from files to file, two cores, 200k of 1M", "least", 70_000.0, ""
)
IDENTIFIERS: Final = Goal(
    "identifiers", "enrich", "identifiers alone, records a second over those of scan and write", "least", 0.8, "x"
)
SAME: Final = Goal(
    "same", "enrich", "different files that chunk sizes and executors make of one input", "most", 1.0, ""
)
MEMORY: Final = Goal("memory", "enrich", "anonymous peak over memory_threshold_mb, where it fits", "most", 1.0, "x")
PRECISION: Final = Goal("precision", "enrich", "precision by name alone, real companies", "least", 0.99, "")
RECALL: Final = Goal("recall", "enrich", "recall by name alone, real companies", "least", 0.90, "")
GROWTH: Final = Goal("growth", "enrich", "peak memory at the most rows over that at the fewest", "most", 1.5, "x")
GOALS: Final = (SPEED, IDENTIFIERS, SAME, MEMORY, PRECISION, RECALL, GROWTH)
