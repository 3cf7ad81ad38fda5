"""The regression gate of a pull request: held against what was accepted before it, and against its own baselines.

Rules:
- Judged are runs of the head's commit, without uncommitted changes, with the settings of the merge base.
- Each metric gets the graver of two answers: on the baseline of the merge base, and on the pull request's own.
- The merge base's does not count where the pull request changes the metric's baseline and may: what it gives up is
  waived, or it was measured under other circumstances and gives nothing up. Then its own is what is held against.
- An asset that the merge base has no baseline of is held against the pull request's own. One that it has a baseline of
  for other machines only is not comparable, unless nothing but baselines was changed, so that the code is the same.
- What the merge base has accepted and the candidates did not measure is missing, and fails: what is made no more is
  retired.
- A refused change of a baseline fails the gate, whatever was measured.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ledger.baselines.names import relative_path
from ledger.errors import ConfigurationError
from ledger.metrics import with_declared
from ledger.service.baselines.accepted import AcceptedBaselines
from ledger.service.baselines.review import Review
from ledger.service.gate.baseline_words import BaselineWords
from ledger.service.gate.regression import PAIR, Answer, Question, ask
from ledger.stats.records import Assessment, Comparison, Finding
from ledger.store.protocol import LedgerView
from ledger.verdict import Verdict, name_of, verdict_of

_GRAVITY = ("regressed", "inconclusive", "not_comparable", "improved", "ok")
_Pair = tuple[Comparison, Finding]


def ask_pull_request(view: LedgerView, question: Question, review: Review, project: Path) -> Answer:
    """Return the answer of the gate on a pull request.

    Args:
        view: The ledger.
        question: What is asked; its candidates are narrowed to those of the head, its baseline is not looked at.
        review: What the pull request changes about baselines.
        project: Directory of the project.

    Raises:
        ConfigurationError: No runs of the head fit, or a name is wrong.
    """
    request, settings = review.request, review.settings
    registry = with_declared(settings.declared_metrics())
    asked = replace(
        question,
        candidate=replace(question.candidate, commit=request.head),
        baseline=BaselineWords("ref", request.head),
    )
    own = ask(view, asked, settings.regression, registry, project, files=review.after)
    without, dropped = _still_held(review)
    narrowed = replace(
        asked,
        baseline=BaselineWords("ref", request.base),
        require=tuple(pair for pair in asked.require if tuple(pair.rpartition(PAIR)[::2]) not in dropped),
    )
    former = ask(view, narrowed, settings.regression, registry, project, files=without)
    return _joined(former, own, review)


def _still_held(review: Review) -> tuple[AcceptedBaselines, set[tuple[str, str]]]:
    """Return the merge base's baselines without the metrics that the head changes and may, and these by name."""
    allowed = {one.given_up.subject for one in review.allowed}
    gone = {
        one.subject
        for one in review.changes
        if one.subject in allowed or (one.is_rebased and not one.loosenings and not _is_refused(one.subject, review))
    }
    kept = {}
    for baseline in review.before.all():
        metrics = tuple(
            entry
            for entry in baseline.metrics
            if (baseline.profile, baseline.asset, baseline.partition, entry.metric) not in gone
        )
        kept[relative_path(baseline.asset, baseline.profile, baseline.partition)] = replace(baseline, metrics=metrics)
    held = AcceptedBaselines(review.before.where, review.before.content, kept)
    return held, {(asset, metric) for _, asset, _, metric in gone}


def _is_refused(subject: tuple[str, str, str | None, str], review: Review) -> bool:
    """Return whether anything is refused about the metric of an asset."""
    return any(one.about.startswith(f"{subject[3]} of {subject[1]}") for one in review.refused)


def _joined(former: Answer, own: Answer, review: Review) -> Answer:
    """Return one answer of the two."""
    held, mine = _pairs(former), _pairs(own)
    pairs = [_graver(held.get(key), mine.get(key), review) for key in sorted({*held, *mine})]
    assessment = Assessment(
        findings=tuple(finding for _, finding in pairs),
        environment_shift=former.assessment.environment_shift or own.assessment.environment_shift,
    )
    missing = tuple(dict.fromkeys((*former.verdict.missing, *own.verdict.missing, *_vanished(former))))
    digests = f"{former.baseline_digest} {own.baseline_digest}"
    return replace(
        own,
        baseline=BaselineWords("ref", review.request.base),
        baseline_where=_where(review),
        baseline_digest=hashlib.sha256(digests.encode()).hexdigest(),
        comparisons=tuple(comparison for comparison, _ in pairs),
        assessment=assessment,
        verdict=_with_refused(verdict_of(assessment, own.policy, missing), review),
        undeclared=tuple(sorted({*former.undeclared, *own.undeclared})),
    )


def _vanished(former: Answer) -> list[str]:
    """Return what the merge base has accepted and the candidates did not measure, by name."""
    return [
        name_of(finding)
        for comparison, finding in zip(former.comparisons, former.assessment.findings, strict=True)
        if comparison.baseline.values and not comparison.candidate.values
    ]


def _pairs(answer: Answer) -> Mapping[tuple[str, str, str], _Pair]:
    return {
        comparison.key: (comparison, finding)
        for comparison, finding in zip(answer.comparisons, answer.assessment.findings, strict=True)
    }


def _graver(held: _Pair | None, mine: _Pair | None, review: Review) -> _Pair:
    """Return the answer that counts for a metric; that on the merge base where both are the same."""
    if held is None or mine is None:
        found = held or mine
        if found is None:
            message = "a metric is in neither answer; report this with the command"
            raise ConfigurationError(message)
        return found
    if held[1].state == "not_comparable" and _is_new(held[0], review):
        return mine
    return min((held, mine), key=lambda pair: (_GRAVITY.index(pair[1].state), -(pair[1].estimate or 0.0)))


def _is_new(comparison: Comparison, review: Review) -> bool:
    """Return whether the merge base could have no answer on what is compared, and nothing can be hidden by it."""
    accepted = review.before.elsewhere((comparison.asset, comparison.partition))
    if accepted is None or accepted.metric(comparison.metric) is None:
        return True
    return review.changes_only_baselines


def _where(review: Review) -> str:
    request = review.request
    people = sorted({f"{one.signer} until {one.expires:%Y-%m-%d}" for one in review.allowed})
    waivers = f"; waived by {', '.join(people)}" if people else ""
    return f"the baseline files of {request.base_shown} and of {request.head_shown}{waivers}"


def _with_refused(verdict: Verdict, review: Review) -> Verdict:
    """Return the verdict with what is refused about baselines, which fails it."""
    if not review.refused:
        return verdict
    causes = tuple(f"{one.about}: {one.sentence} ({one.reason})" for one in review.refused)
    count = len(causes)
    return replace(
        verdict,
        outcome="FAIL",
        sentence=f"{verdict.sentence}; {count} change{'s' * (count != 1)} of baselines refused",
        causes=(*causes, *verdict.causes),
    )
