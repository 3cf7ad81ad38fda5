#!/usr/bin/env bash
# Writes the one comment of a gate on a pull request, or replaces it. Only a comment of the token's own login is replaced,
# so that nobody lends it one of theirs. A token that may not comment, as for a fork, is told and fails nothing.
set -euo pipefail

MARKER=$(head -n 1 "$BODY")
export MARKER AUTHOR
case "$MARKER" in
  '<!-- dagster-ledger gate '*' -->') ;;
  *)
    echo "::error::$BODY is no comment of the gate"
    exit 1
    ;;
esac

comments="repos/$GITHUB_REPOSITORY/issues/$PULL/comments"
mine='.[] | select(.user.login == env.AUTHOR) | select(.body | startswith(env.MARKER)) | .id'
if ! found=$(gh api --paginate "$comments?per_page=100" --jq "$mine"); then
  echo "::warning::the comments of the pull request cannot be read, so none was written"
  exit 0
fi
id=$(head -n 1 <<< "$found")
if [ -n "$id" ]; then
  gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" -F "body=@$BODY" && exit 0
else
  gh api --silent --method POST "$comments" -F "body=@$BODY" && exit 0
fi
echo "::warning::the comment could not be written; the token needs the permission pull-requests: write"
