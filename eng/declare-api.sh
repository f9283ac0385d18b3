#!/bin/bash
# Declares the public API of the rooms in PublicAPI.Unshipped.txt: what is new is added, what is gone is dropped.
# usage: eng/declare-api.sh
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for room in src/*/PublicAPI.Unshipped.txt; do echo '#nullable enable' >"$room"; done
# --no-incremental: a room that is up to date says nothing.
dotnet build src/Ioasis.Testing -c Release --nologo -v quiet --no-incremental --artifacts-path "$PWD/artifacts/pack" \
  -p:ContinuousIntegrationBuild=true -p:ChecksPublicApi=true -p:TreatWarningsAsErrors=false </dev/null >"$log"
sed -nE "s#^.*/(src/[^/]+)/.*warning RS0016: Symbol '(.*)' is not part of the declared.*#\1\t\2#p" "$log" |
  LC_ALL=C sort -u | while IFS=$'\t' read -r room symbol; do echo "$symbol" >>"$room/PublicAPI.Unshipped.txt"; done
