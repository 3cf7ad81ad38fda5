"""Finds the reasons behind one finding of an answer."""

from ledger.errors import ConfigurationError
from ledger.names import no_such
from ledger.report.explanation import Explanation
from ledger.service.gate.regression import Answer


def explain(answer: Answer, asset: str, metric: str, partition: str | None = None) -> Explanation:
    """Return everything that led to a finding.

    Args:
        answer: What the gate said.
        asset: Asset key.
        metric: Metric name.
        partition: Partition; may be left out where the asset has one finding on the metric.

    Raises:
        ConfigurationError: The gate has no such finding, or several.
    """
    pairs = list(zip(answer.comparisons, answer.assessment.findings, strict=True))
    of_asset = [pair for pair in pairs if pair[0].asset == asset]
    if not of_asset:
        raise ConfigurationError(no_such("asset", asset, {one.asset for one, _ in pairs}, "among the findings"))
    of_metric = [pair for pair in of_asset if pair[0].metric == metric]
    if not of_metric:
        where = f"among the findings on {asset}"
        raise ConfigurationError(no_such("metric", metric, {one.metric for one, _ in of_asset}, where))
    fitting = [pair for pair in of_metric if partition in {None, pair[0].partition}]
    if len(fitting) != 1:
        known = {one.partition or "" for one, _ in of_metric}
        if fitting:
            message = f"{asset} has findings on {metric} in {len(fitting)} partitions; name one with --partition"
            raise ConfigurationError(message)
        raise ConfigurationError(no_such("partition", partition or "", known))
    comparison, finding = fitting[0]
    tests = sum(one.p is not None for one in answer.assessment.findings)
    return Explanation(comparison, finding, answer.policy, tests, answer.baseline_where, answer.job)
