#!/bin/bash
# One shard of a fuzzing campaign, or the joining of all shards' results, as a job runner starts it.
# usage: eng/campaign.sh shard    plays the shard of this process, and writes its result into RESULTS
#        eng/campaign.sh merge    joins the results in RESULTS; the exit code is 1 if one is missing or has a failure
# SHARDS is how many shards there are, SHARD which one this is, from 0; a Kubernetes indexed Job says the latter by
# JOB_COMPLETION_INDEX. SECONDS_EACH (600) is how long a shard goes on, FIRST_SEED (1) the first seed of all shards.
# RESULTS (.) is a folder that all shards write to, IOASIS (ioasis in the source tree) the program.
set -euo pipefail
[[ $# -eq 1 && ($1 == shard || $1 == merge) ]] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
ioasis=${IOASIS:-$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../ioasis}
results=${RESULTS:-.}
mkdir -p "$results"
if [[ $1 == merge ]]; then
  exec "$ioasis" fuzz merge -o "$results/campaign.json" "$results"/shard-*.json
fi
shard=${SHARD:-${JOB_COMPLETION_INDEX:?SHARD or JOB_COMPLETION_INDEX says which shard this is}}
status=0
"$ioasis" fuzz --shard "$shard/${SHARDS:?SHARDS says how many shards there are}" \
  --seconds "${SECONDS_EACH:-600}" --seed "${FIRST_SEED:-1}" -o "$results/shard-$shard.json" || status=$?
# A failure that was found is a result, and no reason to play the shard again. The merge says it.
[[ $status == 1 ]] && exit 0
exit "$status"
