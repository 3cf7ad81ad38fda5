#!/usr/bin/env bash
# Proposes baselines for what the gate calls improved, and for nothing else: a median that is better by luck would tighten
# a little every week until nobody passes. What `baseline propose` refuses is told and left as it is.
#
#   tighten.sh PROGRAM JOB RUNS REASON    runs in the directory of the project; needs jq
#
# RUNS is at least the number that is accepted: fewer runs would be a loosening, and are refused.
set -euo pipefail
program="$1" job="$2" runs="$3" reason="$4"

found=$(mktemp)
trap 'rm -f "$found"' EXIT
"$program" gate --job "$job" --last "$runs" --exit-zero --brief --report "json=$found"
while IFS=$'\t' read -r asset metric; do
  "$program" baseline propose --job "$job" --last "$runs" --asset "$asset" --metric "$metric" --reason "$reason" --write \
    || [ "$?" = 2 ]
done < <(jq -r '.findings[] | select(.state == "improved") | [.asset, .metric] | @tsv' "$found" | sort -u)
