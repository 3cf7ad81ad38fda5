#!/usr/bin/env bash
# Asks the gate, with every report that the other steps need; leaves with 0, the exit code of the gate is an output.
set -uo pipefail

directory="$RUNNER_TEMP/dagster-ledger-gate"
rm -rf "$directory"
mkdir -p "$directory" || exit 1

words=(gate)
[ -z "$BASE" ] || words+=(--base "$BASE")
[ -z "$JOB" ] || words+=(--job "$JOB")
[ -z "$LEDGER" ] || words+=(--ledger "$LEDGER")
while IFS= read -r word; do
  [ -z "$word" ] || words+=("$word")
done <<< "$ARGS"
for report in markdown=summary.md comment=comment.md github=annotations.txt junit=gate.xml sarif=gate.sarif json=gate.json
do
  words+=(--report "${report%%=*}=$directory/${report#*=}")
done
while IFS= read -r report; do
  [ -z "$report" ] || words+=(--report "$report")
done <<< "$REPORTS"

# What is printed holds names that others chose. The runner obeys no command until it reads a word nobody can guess.
resume=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
echo "::stop-commands::$resume"
"$PROGRAM" "${words[@]}" 2>&1
code=$?
echo "::$resume::"

outcome=""
if [ -f "$directory/gate.json" ]; then
  outcome=$(sed -n 's/^  "outcome": "\([A-Z]*\)",$/\1/p' "$directory/gate.json")
  cat "$directory/annotations.txt"
  cat "$directory/summary.md" >> "$GITHUB_STEP_SUMMARY"
fi
{
  echo "exit-code=$code"
  echo "outcome=$outcome"
  echo "directory=$directory"
} >> "$GITHUB_OUTPUT"
