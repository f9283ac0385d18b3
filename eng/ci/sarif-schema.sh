#!/bin/bash
# Puts the JSON schema of SARIF 2.1.0 into artifacts/sarif/, once, and prints its path. It takes npm.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
schema=$root/artifacts/sarif/sarif-2.1.0.json
if [[ ! -f $schema ]]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && npm pack --silent @microsoft/jest-sarif@1.0.0-beta.0 >/dev/null && tar -xzf ./*.tgz)
  mkdir -p "${schema%/*}"
  mv "$work/package/lib/schemas/sarif-2.1.0-rtm.5.json" "$schema"
fi
echo "$schema"
