"""Work on inputs larger than memory: in chunks, resumable, under a memory limit, published as a whole or not at all."""

from ledger.chunks.estimate import RateEstimator
from ledger.chunks.executors import Executor, InProcess
from ledger.chunks.options import ChunkOptions
from ledger.chunks.parts import PLACE_SETTING, Death, Part, Parts
from ledger.chunks.plan import InputChangedError, Plan, PlanChangedError, WatchedFile
from ledger.chunks.publishing import ROWS_PER_GROUP, ParquetWriting, PublishedVersion, publish, regrouped
from ledger.chunks.runner import ChunkListener, ChunksFailedError, Finished, run
from ledger.chunks.sizing import Adaptation, Sizer
from ledger.chunks.work import ChunkFunction, FailedChunk, FoundChunk, Maker, Resources, WorkedChunk

__all__ = [
    "PLACE_SETTING",
    "ROWS_PER_GROUP",
    "Adaptation",
    "ChunkFunction",
    "ChunkListener",
    "ChunkOptions",
    "ChunksFailedError",
    "Death",
    "Executor",
    "FailedChunk",
    "Finished",
    "FoundChunk",
    "InProcess",
    "InputChangedError",
    "Maker",
    "ParquetWriting",
    "Part",
    "Parts",
    "Plan",
    "PlanChangedError",
    "PublishedVersion",
    "RateEstimator",
    "Resources",
    "Sizer",
    "WatchedFile",
    "WorkedChunk",
    "publish",
    "regrouped",
    "run",
]
