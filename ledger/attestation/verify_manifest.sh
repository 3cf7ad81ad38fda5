#!/bin/sh
# Verifies a readiness manifest without dagster-ledger: with git, ssh-keygen, jq, and sha256sum.
#
#   verify_manifest.sh [-e ENVIRONMENT] [-r PROTECTED_REF] [-a ARTIFACT]... [-c CHECKPOINT_FILE] [MANIFEST]
#
# Run it in the repository, at the commit that is to be deployed. It makes sure of everything that needs no content of
# the ledger: envelope, spelling, trust root, signatures, approvals, artefacts, commit, environment, time, policy,
# checklist, baselines, and with -c that the manifest stands on that checkpoint. `dagster-ledger manifest verify` also
# verifies the ledger itself, and with --replay judges the checklist again.
#
# Exit codes: 0 it holds, 4 it is refused (the reason code is the first word after "refused"), 2 wrong usage.
# Raw Ed25519 signatures are passed over: approvals are the SSH signatures.
set -u
LC_ALL=C
export LC_ALL
for name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$name"; done
GIT_GRAFT_FILE=/dev/null
export GIT_GRAFT_FILE

NAMESPACE=dagster-ledger-manifest@v1
PAYLOAD_TYPE=application/vnd.in-toto+json
PREDICATE=urn:dagster-ledger:readiness:v1
LARGEST=4194304
SKEW=60

environment=prod ref='' checkpoint=''
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
: > "$work/artifacts"

refuse() { printf 'refused (%s): %s\n' "$1" "$2" >&2; exit 4; }
usage() { printf '%s\n' "$1" >&2; exit 2; }
git_() { git --no-optional-locks --no-replace-objects -c core.fsmonitor=false -c advice.graftFileDeprecated=false "$@"; }
# The same bytes whatever the settings of whoever asks.
archive_() {
  git_ -c tar.umask=0002 -c core.autocrlf=false -c core.eol=lf -c core.attributesFile=/dev/null archive --format=tar "$1"
}
sha256() { sha256sum "$1" | cut -d ' ' -f 1; }
named() { git_ rev-parse --verify --quiet --end-of-options "$1^{commit}"; }

while getopts e:r:a:c: option; do
  case $option in
    e) environment=$OPTARG ;;
    r) ref=$OPTARG ;;
    a) [ -r "$OPTARG" ] || usage "cannot read the artefact $OPTARG"
       sha256 "$OPTARG" >> "$work/artifacts" ;;
    c) checkpoint=$OPTARG ;;
    *) usage 'usage: verify_manifest.sh [-e ENVIRONMENT] [-r REF] [-a ARTIFACT]... [-c CHECKPOINT] [MANIFEST]' ;;
  esac
done
shift $((OPTIND - 1))
manifest=${1:-readiness-manifest.json}
for tool in git ssh-keygen jq sha256sum base64; do command -v $tool > /dev/null || usage "$tool is not installed"; done

# --- The file ---------------------------------------------------------------------------------------------------------
[ -r "$manifest" ] && [ -f "$manifest" ] || refuse manifest_missing "there is no manifest at $manifest"
[ "$(wc -c < "$manifest")" -le $LARGEST ] || refuse too_large "$manifest is larger than any manifest"
# What jq overlooks and other readers refuse: bytes that are not UTF-8, a byte order mark, control characters in texts.
strict() {
  jq -R -s -j . "$1" | cmp -s - "$1" || return 1
  [ "$(od -An -tx1 -N 3 "$1" | tr -d ' ')" != efbbbf ] || return 1
  awk 'BEGIN { RS = "\"" }
    { if (!inside) { inside = 1; next }
      if ($0 ~ /[\001-\037]/) wrong = 1
      if (!match($0, /\\+$/) || RLENGTH % 2 == 0) inside = 0 }
    END { exit wrong }' "$1"
}
jq -n '[inputs] | length' "$manifest" > "$work/documents" 2> /dev/null && strict "$manifest" ||
  refuse not_an_envelope "$manifest is no JSON"
[ "$(cat "$work/documents")" = 1 ] || refuse trailing_data "$manifest holds more than one JSON document"
# In the stream of a parser that keeps every member, each value comes once, and each list and object ends once.
twice() { jq -c --stream 'if length == 2 then .[0] else .[0][:-1] end' "$1" | sort | uniq -d | head -n 1; }
[ -z "$(twice "$manifest")" ] || refuse duplicate_key "$manifest has a key twice in one object"
jq -e 'type == "object" and (keys == ["payload", "payloadType", "signatures"])
  and (.payload | type == "string") and (.payloadType | type == "string") and (.signatures | type == "array")' \
  "$manifest" > /dev/null || refuse not_an_envelope "$manifest is no DSSE envelope"
[ "$(jq -r .payloadType "$manifest")" = $PAYLOAD_TYPE ] || refuse payload_type "the payload is of another type"
jq -e '.signatures | length > 0' "$manifest" > /dev/null || refuse unsigned "$manifest is not signed"
jq -e '.signatures | length <= 64 and all(type == "object" and (keys == ["keyid", "sig"])
  and (.keyid | type == "string") and (.sig | type == "string")) and (map(.keyid) | unique | length) == length' \
  "$manifest" > /dev/null || refuse not_an_envelope "a signature has another shape, or a key id comes twice"
jq -r '.payload, .signatures[].sig' "$manifest" > "$work/texts"
jq -e '[.payload, .signatures[].sig] | all(test("^[A-Za-z0-9+/]+={0,2}$") and (length % 4 == 0))' "$manifest" \
  > /dev/null || refuse base64 "base64 is not in its standard spelling"
while read -r text; do
  printf %s "$text" | base64 -d 2> /dev/null | base64 -w 0 > "$work/again"
  [ "$(cat "$work/again")" = "$text" ] || refuse base64 "base64 is not in its one spelling"
done < "$work/texts"
jq -j .payload "$manifest" | base64 -d > "$work/payload"

# --- Trust ------------------------------------------------------------------------------------------------------------
ref=${ref:-${DAGSTER_LEDGER_PROTECTED_REF:-}}
case $ref in
  refs/*) candidates=$ref ;;
  '') if [ -n "$(git_ remote)" ]; then
        candidates='refs/remotes/origin/HEAD refs/remotes/origin/main refs/remotes/origin/master'
      else
        candidates='refs/heads/main refs/heads/master'
      fi ;;
  *) candidates="refs/remotes/$ref refs/heads/$ref" ;;
esac
trust=''
for candidate in $candidates; do
  trust=$(named "$candidate") && break
done
[ -n "$trust" ] || usage "there is no protected ref ($candidates)"
prefix=$(git_ rev-parse --show-prefix)
# A regular file only: of a link, git would give where it leads to.
trusted_file() {
  object=$(git_ ls-tree "$trust" -- "config/trust/$1" | awk '$1 ~ /^100/ && $2 == "blob" { print $3 }')
  [ -n "$object" ] && git_ cat-file blob "$object"
}
trusted_file allowed_signers > "$work/signers" || refuse no_trust_root "the protected ref has no allowed_signers"
trusted_file policy.json > "$work/policy" || refuse no_trust_root "the protected ref has no policy.json"
trusted_file revoked_keys > "$work/revoked" || refuse no_trust_root "the protected ref has no revoked_keys"
{ jq -n '[inputs] | length' "$work/policy" 2> /dev/null || echo 0; } > "$work/documents"
[ "$(cat "$work/documents")" = 1 ] && strict "$work/policy" && [ -z "$(twice "$work/policy")" ] && jq -e '
  def members($names): type == "object" and keys == $names;
  def name: type == "string" and length <= 200 and test("^[A-Za-z0-9][A-Za-z0-9._%+@-]*$") and (contains("\n") | not);
  def names: type == "array" and all(name);
  def count($least; $most): type == "number" and floor == . and . >= $least and . <= $most;
  def map_of(f): type == "object" and (keys | all(name)) and all(.[]; f);
  members(["environments", "principals", "schema"]) and .schema == 1
  and (.principals | map_of(members(["roles"]) and (.roles | names)))
  and (.environments | length > 0 and map_of(members(["approvals", "jobs", "max_age_s", "required_items"])
    and (.approvals | length > 0 and length <= 10 and map_of(count(1; 20)))
    and (.jobs | names and length > 0) and (.required_items | names and length > 0)
    and (.max_age_s | count(60; 31622400))))' "$work/policy" > /dev/null 2>&1 ||
  refuse trust_root "policy.json is not what it must be"
jq -e --arg environment "$environment" '.environments[$environment]' "$work/policy" > "$work/demanded" ||
  refuse environment "the policy has no environment $environment"
# Each key on a line of its own: principal, namespaces, from, until, type, key, fingerprint.
: > "$work/keys"
grep -v -e '^[[:space:]]*#' -e '^[[:space:]]*$' "$work/signers" > "$work/lines" || :
# Exactly the lines that mean the same to everybody: one person, literally, options that are known, one key.
option='(namespaces="[A-Za-z0-9][A-Za-z0-9._@+/-]*(,[A-Za-z0-9][A-Za-z0-9._@+/-]*)*"'
option="$option|valid-(after|before)=\"[0-9]{8}([0-9]{4}([0-9]{2})?)?Z\")"
kinds='(ssh-ed25519|sk-ssh-ed25519@openssh\.com|ecdsa-sha2-nistp(256|384|521)|sk-ecdsa-sha2-nistp256@openssh\.com|ssh-rsa)'
! grep -q -v -E "^[[:blank:]]*[A-Za-z0-9][A-Za-z0-9._%+@-]* +$option(,$option)* +$kinds +[A-Za-z0-9+/]+={0,2}( .*)?$" \
  "$work/lines" && ! grep -q -E '(namespaces|valid-after|valid-before)=.*[,]\1=' "$work/lines" ||
  refuse trust_root "allowed_signers has a line that may mean more than one key of one person"
digits() { printf '%s00000000000000' "${1%Z}" | cut -c 1-14; }
while read -r principal rest; do
  options='' key=$rest
  case $rest in ssh-*|sk-*|ecdsa-*) ;; *) options=${rest%% *} key=${rest#* } ;; esac
  option() { printf '%s\n' "$options" | sed -n "s/.*$1=\"\([^\"]*\)\".*/\1/p"; }
  kind=${key%% *} blob=${key#* } blob=${blob%% *}
  print=$(printf '%s %s\n' "$kind" "$blob" | ssh-keygen -l -f - 2> /dev/null | cut -d ' ' -f 2)
  [ -n "$print" ] || refuse trust_root "allowed_signers has a line that holds no key"
  after=$(option valid-after) before=$(option valid-before)
  # From 1971 on, since OpenSSH keeps "no limit" as the first moment of 1970.
  jq -n -e --arg after "$(digits "${after:-19710101Z}")" --arg before "$(digits "${before:-99991231Z}")" '
    def real: . as $told | (try (strptime("%Y%m%d%H%M%S") | mktime | select(. >= 31536000) | strftime("%Y%m%d%H%M%S"))
      catch "") == $told;
    ($after | real) and ($before | real) and $after < $before' > /dev/null ||
    refuse trust_root "allowed_signers has a line with a time that is none"
  printf '%s|%s|%s|%s|%s|%s|%s\n' "$principal" "$(option namespaces)" "$after" "$before" "$kind" "$blob" "$print" \
    >> "$work/keys"
done < "$work/lines"
[ -z "$(cut -d '|' -f 7 "$work/keys" | sort | uniq -d)" ] || refuse trust_root "allowed_signers has a key twice"
grep -v -e '^[[:space:]]*#' -e '^[[:space:]]*$' "$work/revoked" > "$work/lines" || :
: > "$work/gone"
while read -r kind rest; do
  case $kind in
    SHA256:*) printf '%s\n' "$kind" ;;
    *) printf '%s %s\n' "$kind" "${rest%% *}" | ssh-keygen -l -f - 2> /dev/null | cut -d ' ' -f 2 ;;
  esac > "$work/one"
  grep -q -x -E 'SHA256:[A-Za-z0-9+/]{43}' "$work/one" || refuse trust_root "revoked_keys has a line that names no key"
  cat "$work/one" >> "$work/gone"
done < "$work/lines"

# What is signed: the pre-authentication encoding of DSSE.
{ printf 'DSSEv1 %d %s %d ' ${#PAYLOAD_TYPE} $PAYLOAD_TYPE "$(wc -c < "$work/payload")"; cat "$work/payload"; } \
  > "$work/signed"
now=$(date -u +%Y%m%d%H%M%S)
: > "$work/approved"
jq -r '.signatures[] | select(.keyid | startswith("ssh:") | not) | .keyid' "$manifest" > "$work/raw"
jq -r '.signatures[] | select(.keyid | startswith("ssh:")) | [.keyid[4:], .sig] | @tsv' "$manifest" > "$work/ssh"
known() {
  grep -q -x -F -e "$1" "$work/gone" && refuse revoked_key "a signature is by the revoked key $1"
  line=$(awk -F '|' -v name="$1" '$7 == name' "$work/keys")
  [ -n "$line" ] || refuse unknown_key "a signature is by the key $1, which the protected ref does not name"
  principal=$(printf %s "$line" | cut -d '|' -f 1) spaces=$(printf %s "$line" | cut -d '|' -f 2)
  after=$(printf %s "$line" | cut -d '|' -f 3) before=$(printf %s "$line" | cut -d '|' -f 4)
  kind=$(printf %s "$line" | cut -d '|' -f 5) blob=$(printf %s "$line" | cut -d '|' -f 6)
  case ",$spaces," in *",$NAMESPACE,"*) ;; *) refuse namespace "a key of $principal is not for $NAMESPACE" ;; esac
  [ -z "$after" ] || [ "$now" -ge "$(digits "$after")" ] || refuse expired_key "a key of $principal is not valid yet"
  [ -z "$before" ] || [ "$now" -lt "$(digits "$before")" ] || refuse expired_key "a key of $principal has ended"
}
tab=$(printf '\t')
while IFS=$tab read -r name sig; do
  known "$name"
  printf '%s' "$sig" | base64 -d > "$work/binary"
  { echo '-----BEGIN SSH SIGNATURE-----'; printf '%s\n' "$sig" | fold -w 70; echo '-----END SSH SIGNATURE-----'; } \
    > "$work/signature"
  # The namespace follows the key in the signature; one for another purpose is told as such.
  length=$(od -An -tu1 -j 10 -N 4 "$work/binary" | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }')
  size=$(od -An -tu1 -j $((14 + ${length:-0})) -N 4 "$work/binary" 2> /dev/null |
    awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }')
  if [ "${size:-0}" -gt 0 ] && [ "${size:-0}" -lt 200 ]; then
    space=$(dd if="$work/binary" bs=1 skip=$((18 + length)) count="$size" 2> /dev/null)
    [ "$(head -c 6 "$work/binary")" != SSHSIG ] || [ "$space" = $NAMESPACE ] ||
      refuse namespace "a signature was made for another purpose"
  fi
  printf '%s namespaces="%s" %s %s\n' "$principal" $NAMESPACE "$kind" "$blob" > "$work/signer"
  ssh-keygen -Y verify -f "$work/signer" -I "$principal" -n $NAMESPACE -s "$work/signature" < "$work/signed" \
    > /dev/null 2>&1 || refuse bad_signature "a signature in the name of $principal does not fit the payload"
  printf '%s\n' "$principal" >> "$work/approved"
done < "$work/ssh"
while read -r name; do
  known "$name"
  cut -f 1 "$work/ssh" | grep -q -x -F -e "$name" ||
    refuse bad_signature "a raw signature of $principal comes without the SSH signature"
done < "$work/raw"
# Each person meets one approval; all ways to give them out are tried.
sort -u "$work/approved" | jq -R . | jq -s . > "$work/people"
jq -e --slurpfile people "$work/people" --slurpfile policy "$work/policy" '
  def met($slots; $left):
    if $slots == [] then true
    else any($left[]; . as $one | ((($policy[0].principals[$one].roles) // []) | index($slots[0])) != null
      and met($slots[1:]; $left - [$one])) end;
  [.approvals | to_entries[] | .key as $role | range(.value) | $role] as $slots | met($slots; $people[0])' \
  "$work/demanded" > /dev/null || refuse threshold "too few people have approved"

# --- What it is about -------------------------------------------------------------------------------------------------
jq -n '[inputs] | length' "$work/payload" > "$work/documents" 2> /dev/null && strict "$work/payload" ||
  refuse not_canonical "the payload is no JSON"
[ "$(cat "$work/documents")" = 1 ] || refuse trailing_data "the payload holds more than one JSON document"
[ -z "$(twice "$work/payload")" ] || refuse duplicate_key "the payload has a key twice in one object"
jq -c -S -j . "$work/payload" > "$work/canonical"
cmp -s "$work/payload" "$work/canonical" || refuse not_canonical "the payload is not in its one spelling"
jq -e '[.. | numbers] | all(. == floor and . <= 9007199254740991 and . >= -9007199254740991 and tostring != "-0")' \
  "$work/payload" > /dev/null || refuse not_canonical "the payload has a number that readers may disagree about"
jq -e '([.. | objects | keys[] | explode[]] | all(. >= 32 and . < 127))
  and ([.. | strings | explode[]] | all(. >= 32 and (. < 127 or . > 159)))
  and ([paths | length] + [0] | max) <= 32' "$work/payload" > /dev/null ||
  refuse not_canonical "the payload has a letter, or a depth, that readers may disagree about"
said() { jq -r "$1" "$work/payload"; }
is() {
  jq -e '
    def members($names): type == "object" and keys == $names;
    def text: type == "string";
    def truth: type == "boolean";
    def sha256: text and test("^[0-9a-f]{64}$");
    def digest: members(["sha256"]) and (.sha256 | sha256);
    def ledger: members(["origin", "root", "size"]) and (.origin | text) and (.root | sha256)
      and (.size | type == "number" and . >= 0);
    def moment: text and test("^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")
      and (. as $told | (try (fromdate | todate) catch "") == $told);
    def item: members(["critical", "evidence", "holds", "name", "sentence"]) and (.name | text) and (.sentence | text)
      and (.critical | truth) and (.holds | truth) and (.evidence | type == "object");'" $1" "$work/payload" > /dev/null 2>&1
}
is 'members(["_type", "predicate", "predicateType", "subject"]) and ._type == "https://in-toto.io/Statement/v1"
  and (.predicateType | text) and (.predicate | type == "object")
  and (.subject | type == "array" and length > 0
    and all(members(["digest", "name"]) and (.name | text and length > 0) and (.digest | digest)))' ||
  refuse statement "the payload is no in-toto statement"
[ "$(said .predicateType)" = $PREDICATE ] || refuse predicate_type "the statement is of another kind"
is '.predicate | members(["baselines", "checklist", "commit", "environment", "expires", "inputAttestations", "ledger",
    "policy", "previous", "resourceUri", "timeVerified", "verificationResult", "verifier"])
  and (.verifier | members(["id", "version"]) and (.id | text)
    and (.version | type == "object" and all(.[]; text)))
  and (.policy | members(["digest", "uri"]) and (.uri | text) and (.digest | digest))
  and (.timeVerified | moment) and (.expires | moment) and (.environment | text)
  and (.verificationResult | . == "PASSED" or . == "FAILED")
  and (.commit | text and test("^([0-9a-f]{40}|[0-9a-f]{64})$"))
  and .inputAttestations == [] and .resourceUri == "git:" + .commit
  and (.checklist | type == "array" and all(item))
  and (.baselines | type == "object" and all(.[]; sha256))
  and (.ledger | ledger)
  and (.previous | . == null or (members(["ledger", "sha256"]) and (.sha256 | sha256) and (.ledger | ledger)))' ||
  refuse statement "the predicate is not of the form of a readiness statement"
is '.subject | (map(.name) | unique | length) == length' || refuse statement "the statement names an artefact twice"
commit=$(named HEAD) || usage 'no commit is checked out'
[ -s "$work/artifacts" ] || archive_ "$commit" | sha256sum | cut -d ' ' -f 1 > "$work/artifacts"
[ "$(said '.subject[].digest.sha256' | sort)" = "$(sort "$work/artifacts")" ] ||
  refuse subjects "it is about other artefacts"
[ "$(said .predicate.commit)" = "$commit" ] || refuse commit "it is about another commit than $commit"
[ "$(said .predicate.environment)" = "$environment" ] || refuse environment "it is not for $environment"
jq -e --argjson skew $SKEW '(.predicate.timeVerified | fromdate) <= now + $skew' "$work/payload" > /dev/null ||
  refuse from_the_future "it was judged at a time that has not come yet"
jq -e '(.predicate.expires | fromdate) > now' "$work/payload" > /dev/null || refuse expired "it has expired"
jq -e --argjson longest "$(jq .max_age_s "$work/demanded")" \
  '(.predicate.expires | fromdate) - (.predicate.timeVerified | fromdate) <= $longest' "$work/payload" > /dev/null ||
  refuse validity "it would be valid for longer than the policy allows"
[ "$(said .predicate.policy.digest.sha256)" = "$(sha256 "$work/policy")" ] ||
  refuse policy "it was judged by another policy"

# --- What it says -----------------------------------------------------------------------------------------------------
[ "$(said .predicate.verificationResult)" = PASSED ] || refuse failed "it says that the commit is not ready"
jq -e '.predicate.checklist | (map(.name) | unique | length) == length' "$work/payload" > /dev/null ||
  refuse items "it tells an item twice"
jq -e --slurpfile demanded "$work/demanded" \
  '($demanded[0].required_items - [.predicate.checklist[].name]) == []' "$work/payload" > /dev/null ||
  refuse items "it does not tell a required item"
jq -e --slurpfile demanded "$work/demanded" '[.predicate.checklist[] | . as $item
  | ($demanded[0].required_items | index($item.name) != null) as $required
  | if $required then $item.critical == true and $item.holds == true else $item.critical != true or $item.holds == true end]
  | all' "$work/payload" > /dev/null || refuse critical_item "a critical item does not hold"

# --- What it rests on -------------------------------------------------------------------------------------------------
[ -z "$(git_ status --porcelain --untracked-files=no)" ] || refuse dirty "files differ from the commit"
# An index of its own: flags in that of the repository may hide a file that differs.
own() { (GIT_INDEX_FILE=$work/index && export GIT_INDEX_FILE && git_ "$@"); }
own read-tree "$commit" && { own update-index -q --really-refresh > /dev/null; [ -z "$(own diff-files --name-only)" ]; } ||
  altered=yes
jq -e '.predicate.baselines | keys | all((startswith("/") | not) and (contains("\\") | not)
  and (split("/") | all(. != "" and . != "." and . != "..")))' "$work/payload" > /dev/null ||
  refuse baseline_path "a baseline is named that lies elsewhere"
git_ ls-tree -r "$commit" -- baselines > "$work/listed"
awk '$1 ~ /^100/' "$work/listed" | sed 's/^[^ ]* blob \([0-9a-f]*\)\t/\1 /' > "$work/tree"
while read -r blob path; do
  case ${path#baselines/} in */*/*) continue ;; */*.json) ;; *) continue ;; esac
  digest=$(git_ cat-file blob "$blob" | sha256sum | cut -d ' ' -f 1)
  printf '%s %s\n' "$digest" "${path#baselines/}"
  [ ! -L "$path" ] && [ "$(sha256 "$path" 2> /dev/null)" = "$digest" ] || printf '%s\n' "$path" >> "$work/altered"
done < "$work/tree" | sort > "$work/committed"
said '.predicate.baselines | to_entries[] | .value + " " + .key' | sort > "$work/told"
cmp -s "$work/committed" "$work/told" || refuse baselines "the baselines are not those of the commit"
[ -z "$(awk '$1 !~ /^100/' "$work/listed")" ] && [ -z "$(find baselines -type l 2> /dev/null)" ] ||
  refuse baselines "baselines/ holds something that is no file of its own"
find baselines -mindepth 2 -maxdepth 2 -name '*.json' 2> /dev/null | sed 's#^baselines/##' | sort > "$work/there"
said '.predicate.baselines | keys[]' | sort | cmp -s - "$work/there" || altered=yes
[ ! -s "$work/altered" ] && [ -z "${altered:-}" ] || refuse dirty "a file of the work tree is not that of the commit"
# What was accepted last is kept beside the keys; the ledger only grows.
if trusted_file "accepted/$environment.json" > "$work/accepted"; then
  jq -r .payload "$work/accepted" | base64 -d > "$work/before" 2> /dev/null
  jq -e --slurpfile before "$work/before" '.predicate.ledger as $now | $before[0].predicate.ledger
    | .origin == $now.origin and (.size < $now.size or . == $now)' "$work/payload" > /dev/null 2>&1 ||
    refuse previous "it does not continue from the manifest that was accepted last"
fi
if [ -n "$checkpoint" ]; then
  { said .predicate.ledger.origin; said .predicate.ledger.size
    said .predicate.ledger.root | tr 'a-f' 'A-F' | basenc --base16 -d | base64; } > "$work/stood"
  head -n 3 "$checkpoint" | cmp -s - "$work/stood" ||
    refuse checkpoint "it stands on another checkpoint of the ledger"
fi
printf 'commit %s may be deployed to %s until %s; approved by %s\n' "$commit" "$environment" \
  "$(said .predicate.expires)" "$(sort -u "$work/approved" | paste -s -d ' ' -)"
