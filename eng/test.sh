#!/bin/bash
# Everything that must hold, on this machine: build, format, every suite; the last line says what came of it.
# usage: eng/test.sh [--all | SUITE...]
# suites: build format unit conformance nodes bench end-to-end packages web release guests debian
# Without a word all of them but web, release, guests and debian; --all is with those four. They take root, and download
# parts of Debian the first time: a browser, what a release is installed on, machines to boot, and programs to run.
set -uo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DEBIAN_FRONTEND=noninteractive
suites=("$@")
((${#suites[@]})) || suites=(build format unit conformance nodes bench end-to-end packages)
if [[ ${suites[*]} == --all ]]; then
  suites=(build format unit conformance nodes bench end-to-end packages web release guests debian)
  export IOASIS_ALL=1 # what cannot be run fails, and is not skipped
fi
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

wanted() { [[ " ${suites[*]} " == *" $1 "* ]]; }

finish() {
  echo "$passed passed, $failed failed"
  exit $((failed > 0))
}

# step NAME COMMAND...: counts as one failure when it fails, and as nothing when not
step() {
  local name=$1
  shift
  echo "== $name"
  if ! "$@"; then
    echo "== $name: failed"
    failed=$((failed + 1))
    return 1
  fi
}

# suite NAME COMMAND...: an xunit v3 program; its own summary is what counts, and none at all is a failure
tally='s/.*Total: ([0-9]+), Errors: ([0-9]+), Failed: ([0-9]+), Skipped: ([0-9]+), Not Run: ([0-9]+).*/\1 \2 \3 \4 \5/p'
suite() {
  local name=$1 status summary total errors bad skipped idle
  shift
  echo "== $name"
  timeout -k 30 2400 "$@" 2>&1 </dev/null | tee "$log"
  status=${PIPESTATUS[0]}
  summary=$(sed -nE "$tally" "$log" | tail -n 1)
  read -r total errors bad skipped idle <<<"${summary:-0 0 0 0 0}"
  passed=$((passed + total - bad - skipped - idle))
  failed=$((failed + bad + errors))
  if ((total - skipped - idle == 0)); then
    echo "== $name: ran no tests (status $status)"
    failed=$((failed + 1))
  elif ((status != 0 && bad + errors == 0)); then
    echo "== $name: all passed, yet it ended with status $status"
    failed=$((failed + 1))
  fi
}

tools() {
  local missing=() guest_tools=() ci_tools=() web_tools=() pair
  # what docs/ci.md's recipes and reports are tried with
  wanted end-to-end && ci_tools=(prove:perl meson:meson ninja:ninja-build cmake:cmake cargo:cargo curl:curl npm:npm
    /usr/lib/python3/dist-packages/pytest:python3-pytest)
  if wanted release || wanted guests || wanted debian; then
    guest_tools=(/usr/sbin/debootstrap:debootstrap xz:xz-utils)
  fi
  wanted debian && guest_tools+=(go:golang-go rustc:rustc)
  wanted web && web_tools=(chromium:chromium /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core)
  # what shows that a package is there : the package
  for pair in gcc:gcc g++:g++ make:make setpriv:util-linux script:bsdutils python3:python3 udevadm:udev \
    bwrap:bubblewrap groff:groff-base mandoc:mandoc man:man-db zsh:zsh fish:fish \
    /usr/include/stdio.h:libc6-dev /usr/include/sys/capability.h:libcap-dev \
    /usr/include/uuid/uuid.h:uuid-dev /usr/lib/python3/dist-packages/pyudev:python3-pyudev \
    /usr/lib/x86_64-linux-gnu/libdw.so.1:libdw1 "${ci_tools[@]}" "${guest_tools[@]}" \
    "${web_tools[@]}"; do
    [[ -e ${pair%%:*} ]] || command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  ((${#missing[@]})) || return 0
  echo "missing: ${missing[*]}"
  if ((EUID != 0)); then
    echo "install them (apt-get install ${missing[*]}), or run this as root" >&2
    return 1
  fi
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# Linux's selftests of iommufd want 64 huge pages of 2 MiB; DPDK takes half of them.
huge_pages() {
  local pages=/proc/sys/vm/nr_hugepages
  (($(<"$pages") >= 64)) && return
  { echo 64 >"$pages"; } 2>/dev/null
  (($(<"$pages") >= 64)) || echo "tests of end-to-end and debian need 64 huge pages;" \
    "there are $(<"$pages") (as root: echo 64 > $pages)"
}

bin=artifacts/bin
step tools tools || finish
if wanted build; then
  mkdir -p artifacts && touch artifacts/started
  anew=()
  [[ ! -e artifacts/not-analyzed ]] || anew=(--no-incremental) # the first build of ./ioasis leaves the analyzers out
  step build dotnet build Ioasis.slnx -c Release -warnaserror --nologo -v quiet "${anew[@]}" </dev/null || finish
  rm -f artifacts/not-analyzed
  cp -p artifacts/started artifacts/built-web
  mv artifacts/started artifacts/built # ./ioasis need not build again
fi
if wanted format; then
  # CS0612: dotnet format mistakes what is experimental for obsolete, now and then; what is obsolete the build tells.
  step format dotnet format Ioasis.slnx --verify-no-changes --no-restore --exclude-diagnostics CS0612 </dev/null
fi
if wanted unit; then suite unit dotnet $bin/Ioasis.Tests/release/Ioasis.Tests.dll -noColor; fi
if wanted conformance; then suite conformance dotnet $bin/Ioasis.Conformance/release/Ioasis.Conformance.dll -noColor; fi
if wanted nodes; then
  suite "conformance through the nodes" env IOASIS_TARGET=nodes IOASIS_LOCK_ORDER=1 ./ioasis run \
    --device dmatest@1000:00:06.0,mdevs=1 --mdev dmatest-1ch@1000:00:06.0 --mdev edu-1@edus \
    --device virtio-net@n0,vdpa --device virtio-blk@b0,vdpa,size=1M,doorbells=on -- \
    dotnet $bin/Ioasis.Conformance/release/Ioasis.Conformance.dll -noColor
fi
if wanted bench; then suite "bench: ratios that are kept" dotnet $bin/Ioasis.Bench/release/Ioasis.Bench.dll --check; fi
if wanted end-to-end; then
  huge_pages
  suite end-to-end dotnet $bin/Ioasis.EndToEnd/release/Ioasis.EndToEnd.dll -noColor -showLiveOutput \
    -namespace- Ioasis.EndToEnd.Guests -namespace- Ioasis.EndToEnd.Debian -namespace- Ioasis.EndToEnd.Release
fi
if wanted packages; then
  suite packages dotnet $bin/Ioasis.EndToEnd/release/Ioasis.EndToEnd.dll -noColor -showLiveOutput \
    -namespace Ioasis.EndToEnd.Release
fi
if wanted web; then suite web dotnet $bin/Ioasis.WebTests/release/Ioasis.WebTests.dll -noColor -showLiveOutput; fi
if wanted release; then
  suite release dotnet $bin/Ioasis.Releases/release/Ioasis.Releases.dll -noColor -showLiveOutput
fi
if wanted guests; then
  suite guests dotnet $bin/Ioasis.EndToEnd/release/Ioasis.EndToEnd.dll -noColor -showLiveOutput \
    -namespace Ioasis.EndToEnd.Guests
fi
if wanted debian; then
  huge_pages
  suite debian dotnet $bin/Ioasis.EndToEnd/release/Ioasis.EndToEnd.dll -noColor -showLiveOutput \
    -namespace Ioasis.EndToEnd.Debian
fi
finish
