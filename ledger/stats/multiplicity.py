"""The correction for asking many questions at once.

Source: Benjamini & Hochberg 1995, step-up. Where nothing at all is wrong it holds the chance of any false alarm; where
much is wrong it holds the share of false alarms among the alarms.
"""

from collections.abc import Sequence


def adjusted(p_values: Sequence[float], tests: int | None = None) -> list[float]:
    """Return Benjamini-Hochberg adjusted p-values, in the order of the input.

    Args:
        p_values: In (0, 1].
        tests: Number of tests, where more were made than are given; at least as many as given.

    Returns:
        Each in (0, 1], not below its p.
    """
    total = max(len(p_values), tests or 0)
    order = sorted(range(len(p_values)), key=lambda index: p_values[index], reverse=True)
    result = [1.0] * len(p_values)
    smallest = 1.0
    for place, index in enumerate(order):
        rank = len(p_values) - place
        smallest = min(smallest, p_values[index] * total / rank)
        result[index] = smallest
    return result
