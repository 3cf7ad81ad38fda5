"""What the regression gate tolerates, and what it looks at unless it is told otherwise.

Rules:
- The defaults are those of ``ledger.stats.Policy``; a test holds the two together.
- Limits are relative, that of quality is an absolute drop; floors are in the metric's base unit.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

Ratio = Annotated[float, Field(gt=0.0, le=100.0)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]


class KindLimits(BaseModel):
    """Largest tolerated worsening of each kind of metric."""

    model_config = _STRICT

    time: Annotated[Ratio, Field(description="Largest tolerated growth of a time: 0.1 is ten per cent.")] = 0.10
    memory: Annotated[Ratio, Field(description="Largest tolerated growth of memory.")] = 0.20
    rate: Annotated[Ratio, Field(description="Largest tolerated growth of the time per row, for rates.")] = 0.10
    quality: Annotated[Ratio, Field(description="Largest tolerated drop of a ratio; 0.02 is two points.")] = 0.02
    count: Annotated[Ratio, Field(description="Largest tolerated growth of a count.")] = 0.10


class KindFloors(BaseModel):
    """Smallest absolute change that is called one, for each kind of metric."""

    model_config = _STRICT

    time: Annotated[float, Field(ge=0.0, description="Seconds below which no change of a time is told.")] = 0.1
    memory: Annotated[float, Field(ge=0.0, description="Bytes below which no change of memory is told.")] = 16777216.0


class RegressionSettings(BaseModel):
    """The regression gate's settings."""

    model_config = _STRICT

    baseline: Annotated[
        str,
        Field(min_length=1, description="What runs are held against: files, ref:REF, last:N, commit:ID, window:A..B."),
    ] = "files"
    candidate_runs: Annotated[
        int, Field(ge=1, le=1000, description="How many of the newest runs are judged where none are named.")
    ] = 5
    baseline_runs: Annotated[
        int, Field(ge=3, le=1000, description="How many runs `baseline propose` takes, and `last` without a number.")
    ] = 20
    min_baseline_runs: Annotated[
        int, Field(ge=1, le=1000, description="Fewest runs that `baseline propose` accepts unless it is told to.")
    ] = 5
    max_baseline_cv: Annotated[
        Ratio,
        Field(description="Largest spread of a baseline: standard deviation by mean, where it is beyond the floor."),
    ] = 0.3
    drift_budget: Annotated[
        Ratio, Field(description="Multiple of its limit by which a baseline may be worse than its anchor.")
    ] = 1.0
    max_waiver_days: Annotated[int, Field(ge=1, le=366, description="Longest time that a waiver may be valid.")] = 30
    confirm_runs: Annotated[
        int, Field(ge=2, le=100, description="How many fresh runs `confirm` makes of what regressed.")
    ] = 5
    limits: Annotated[
        KindLimits, Field(default_factory=KindLimits, description="Largest tolerated worsening, by kind of metric.")
    ]
    floors: Annotated[
        KindFloors, Field(default_factory=KindFloors, description="Changes too small to be told, by kind of metric.")
    ]
    alpha: Annotated[Share, Field(description="Share of clean gates in which a regression may be told.")] = 0.05
    confidence: Annotated[Share, Field(description="Confidence of intervals, and of a certified metric.")] = 0.95
    error_from: Annotated[
        Ratio, Field(description="Multiple of the limit that the lower bound must reach for an error.")
    ] = 1.0
    critical_from: Annotated[Ratio, Field(description="The same for critical.")] = 2.5
    min_judged_ratio: Annotated[
        float, Field(ge=0.0, le=1.0, description="Share of the comparisons that must be judged.")
    ] = 0.5
    ignore_packages: Annotated[
        bool, Field(description="Compare runs although versions of installed packages differ.")
    ] = False
    require: Annotated[
        list[str], Field(default_factory=list, description="asset:metric pairs that must be judged for a pass.")
    ]
    check_severity: Annotated[
        Literal["warning", "error"],
        Field(description="How the asset check no_regression fails: a warning, or an error that can block."),
    ] = "error"
    check_inconclusive: Annotated[
        Literal["warning", "error"],
        Field(description="How the asset check fails where nothing could be judged."),
    ] = "warning"

    @model_validator(mode="after")
    def _bands_ascend(self) -> Self:
        if self.critical_from < self.error_from:
            message = "regression.critical_from must not be below regression.error_from"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        for pair in self.require:
            asset, colon, metric = pair.rpartition(":")
            if not colon or not asset or not metric:
                message = f"{pair!r} in regression.require is no asset:metric"
                raise ValueError(message)
        return self
