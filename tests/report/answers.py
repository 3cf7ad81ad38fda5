"""Answers of the gate made by hand, so that every state and every hostile name can be told in every format."""

from ledger.report.ci import Place, Report
from ledger.service.gate.baseline_words import BaselineWords
from ledger.service.gate.regression import Answer
from ledger.stats import Assessment, Finding, Policy
from ledger.verdict import verdict_of

RUNS = tuple(f"{number:08x}-0000-4000-8000-000000000000" for number in range(5))

HOSTILE = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "comment": "--><b>out</b><!--",
    "markdown": "[a](http://evil.example) ![i](http://evil.example/i.png) **b** `c` _d_ ~~e~~ # f\n> g",
    "table": "a|b|c\\|d",
    "fence": "```\n# out of the block\n~~~~",
    "details": "</details></summary></table>",
    "mention": "@octo/team @octocat #123 GH-123 octo/repo#4 !5 $6 :tada:",
    "address": "http://evil.example www.evil.example a@evil.example mailto:a@evil.example xmpp:a@evil.example",
    "reference": "[1]: http://evil.example\n[^1]",
    "command": "::error::owned\n::set-output name=a::b",
    "old command": "##[error]owned ##vso[task.complete]",
    "percent": "%0A::error::%25%0D",
    "turned around": "invoice\u202egpj.exe",
    "control": "a\x00b\x01\x0b\x1b[31m\x7f\x85\ufffe\uffff",
    "half a character": "a\ud800b",
    "lines": "a\r\nb\u2028c\u2029d",
    "cdata": "<![CDATA[ ]]> ]]>",
    "entity": "&lt;&amp;&#64;&copy;",
    "quotes": "'\"`\\'\"",
    "shell": "$(touch owned); `touch owned` && rm -rf * # $HOME",
    "numbered": "1. one",
    "bullet": "- one\n+ two",
    "long": "x" * 10_000,
    "long and wide": "|<&" * 4_000,
    "label": 'a"} 1\nb{c="d#',
    "empty": "",
}


def finding(state="ok", **given):
    """Return a finding that a gate could give in that state."""
    worse = {"regressed": 0.39, "improved": -0.2, "ok": 0.003, "inconclusive": 0.08, "not_comparable": None}[state]
    told = {
        "regressed": ("worse by at least the limit of 10.0%; adjusted p is 2e-06",),
        "improved": ("better by more than 10.0%",),
        "ok": ("no worsening of 10.0%",),
        "inconclusive": ("neither a worsening of 10.0% nor its absence is shown",),
        "not_comparable": ("other machine: AMD EPYC 4 cores instead of 2 cores",),
    }[state]
    known = worse is not None
    fields = {
        "asset": "loaded",
        "partition": None,
        "metric": "duration_s",
        "kind": "time",
        "direction": "lower_is_better",
        "unit": "s",
        "required": False,
        "state": state,
        "severity": "critical" if state == "regressed" else None,
        "limit": 0.1,
        "estimate": worse,
        "interval": (worse - 0.05, worse + 0.05) if known else None,
        "upper_bound": worse + 0.04 if known else None,
        "raw_estimate": worse,
        "adjusted_p": 2e-6 if state == "regressed" else None,
        "n_baseline": 10,
        "n_candidate": 5 if known else 0,
        "baseline_value": 10.0,
        "candidate_value": 10.0 * (1.0 + worse) if known else None,
        "delta": 10.0 * worse if known else None,
        "reasons": told,
    }
    return Finding(**{**fields, **given})


def report(*findings, missing=(), job="enrich", places=None, shift=None, choice=("--job", "enrich"), **more):
    """Return the report of an answer with these findings."""
    assessment = Assessment(findings=findings, environment_shift=shift)
    answer = Answer(
        job=job,
        candidate_run_ids=RUNS,
        code_versions=("a1" * 20,),
        baseline=BaselineWords("ref", "origin/main"),
        baseline_where="the baseline files of origin/main:baselines",
        baseline_digest="0" * 64,
        comparisons=(),
        assessment=assessment,
        verdict=verdict_of(assessment, None, missing),
        policy=Policy(),
        **more,
    )
    return Report(answer=answer, places=places or {}, choice=choice)


def every_state(name="loaded"):
    """Return a report with a finding in each state, all of one name."""
    states = ("regressed", "improved", "ok", "inconclusive", "not_comparable")
    rows = [finding(state, asset=name, metric=f"{name}{state}", partition=name) for state in states]
    rows.append(finding("inconclusive", asset=name, metric="required", required=True, reasons=(name,)))
    places = {row.key: Place("baselines/small/loaded.json", 7) for row in rows}
    return report(
        *rows, missing=(f"{name} recall",), job=name, places=places, undeclared=(name,), choice=("--job", name)
    )


def realistic():
    """Return a report such as a large project gets: 300 metrics, two regressions, a few without an answer."""
    rows = [
        finding("regressed", asset="enriched_companies", baseline_value=10.05, candidate_value=13.98, estimate=0.391,
                interval=(0.340, 0.444), delta=3.93),
        finding("regressed", asset="name_matching", metric="match_rate", kind="quality", unit="ratio", severity="error",
                direction="higher_is_better", estimate=0.031, interval=(0.022, 0.040), baseline_value=0.9455,
                candidate_value=0.9145, delta=-0.031, reasons=("worse by at least the limit of 2.0 points",)),
        finding("improved", asset="companies", metric="peak_increase_bytes", kind="memory", unit="bytes",
                estimate=-0.31, interval=(-0.33, -0.29), baseline_value=3.4e8, candidate_value=2.35e8),
        finding("inconclusive", asset="registrants", estimate=0.11, needed_runs=4, baseline_value=1.2,
                candidate_value=1.33, reasons=("worse by the limit of 10.0% or more, but chance is not excluded",)),
        *(finding("inconclusive", asset=f"new_{number}", reasons=("too few runs for an interval",))
          for number in range(2)),
        *(finding("not_comparable", asset=f"nightly_{number}") for number in range(4)),
        *(finding("ok", asset=f"asset_{number:03}") for number in range(290)),
    ]  # fmt: skip
    return report(*rows, choice=("--job", "enrich", "--baseline", "ref:origin/main", "--commit", "HEAD"))
