"""The profiles that docs/tuning.md advises, as settings of the pipeline; its tables and its test measure them."""

from collections.abc import Mapping
from typing import Final

DEFAULT: Final = "as shipped"
MEMORY: Final = "memory-constrained"
SPEED: Final = "performance-optimised"
PROFILES: Final[Mapping[str, Mapping[str, int]]] = {
    DEFAULT: {},
    MEMORY: {"memory_threshold_mb": 384},
    SPEED: {"chunk_size": 100_000, "memory_threshold_mb": 8_192},
}
