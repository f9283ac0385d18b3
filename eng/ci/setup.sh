#!/bin/bash
# Puts a released ioasis into a CI job: fetches the file, checks its checksum, asks whether it works here.
# usage: setup.sh FOLDER      IOASIS_RELEASE: address of a release's files, such as https://.../releases/download/v1.0.0
# Afterwards FOLDER/ioasis is there. Prints lines NAME=VALUE for the job's environment: IOASIS_CFLAGS.
# IOASIS_CFLAGS=no: without headers, for jobs that compile nothing. IOASIS_DOCTOR=no: goes on where run cannot work.
set -euo pipefail
(($# == 1)) || { sed -n '3,5s/^# //p' "$0" >&2; exit 2; }
release=${IOASIS_RELEASE:?the address of the files of a release}
mkdir -p "$1"
cd "$1"
for file in SHA256SUMS ioasis; do
  [[ -f $file && ${IOASIS_CACHED-} == yes ]] || curl -fsSL --retry 3 -o "$file" "$release/$file"
done
sum=$(awk '$2 == "ioasis" || $2 == "*ioasis" { print $1 }' SHA256SUMS)
[[ -n $sum ]] || { echo "setup.sh: $release/SHA256SUMS has no sum of ioasis" >&2; exit 1; }
echo "$sum  ioasis" | sha256sum --check --quiet || {
  echo "setup.sh: $release/ioasis is not the file that SHA256SUMS says" >&2
  exit 1
}
chmod +x ioasis
./ioasis doctor >&2 || [[ ${IOASIS_DOCTOR-} == no ]] || exit 1
if [[ ${IOASIS_CFLAGS-} != no ]]; then
  flags=$(./ioasis cflags)
  echo "IOASIS_CFLAGS=$flags"
fi
