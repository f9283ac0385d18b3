#!/bin/bash
# Makes all that is released, into artifacts/release/: the one file, the .NET tool, the NuGet packages, the Debian
# package, the container image, the bill of materials, and the checksums. Two runs on one commit give equal bytes, in
# whatever folder.
# usage: eng/release.sh [FOLDER]      Takes gcc and Debian's apt and dpkg; root only where apt's lists are old.
# IOASIS_RELEASE_DOWNLOADS: where the Debian packages of the image lie, or are put (artifacts/release-downloads).
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
out=$(mkdir -p "${1:-$root/artifacts/release}" && cd "${1:-$root/artifacts/release}" && pwd)
downloads=${IOASIS_RELEASE_DOWNLOADS:-$root/artifacts/release-downloads}
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 LC_ALL=C TZ=UTC
umask 022
cd "$root"
licences=src/Ioasis.Web/wwwroot/vendor/LICENSES.txt # a line names each library of the page, and its licence

# A tree without Git is as old as its CHANGELOG.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH
work=$root/artifacts/release-build # what is compiled for a release names no folder: eng/release.sh has its own
rm -rf "${out:?}"/*
mkdir -p "$work" "$downloads"
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT

dotnet_() { # what analyzers say is said when the tests build
  dotnet "$@" -c Release --artifacts-path "$work" --nologo -v quiet -p:RunAnalyzers=false -p:IsRelease=true </dev/null
}

echo "one file"
dotnet_ publish src/Ioasis.Cli
install -m 755 "$work/publish/Ioasis.Cli/release_linux-x64/ioasis" "$out/ioasis"
eng/release/starter.sh "$out/ioasis"
dotnet_ publish src/Ioasis.Web # the page's program, which lies beside it
install -m 755 "$work/publish/Ioasis.Web/release_linux-x64/ioasis-web" "$out/ioasis-web"
cp "$work/obj/Ioasis.Web/project.assets.json" "$staged/page.json"
cp "$work/obj/Ioasis.Cli/project.assets.json" "$staged/assets.json" # packing writes it again
version=$("$out/ioasis" --version | sed -n '1s/^ioasis //p')
version=${version%%+*}

echo "tools of the release"
dotnet msbuild eng/Ioasis.Release -restore -p:Configuration=Release -nologo -v:quiet </dev/null
release() { dotnet "$root/artifacts/bin/Ioasis.Release/release/Ioasis.Release.dll" "$@"; }
release notices "$staged/assets.json,$staged/page.json" "$out/LICENSES.txt" LICENSE "$licences"

echo ".NET tool"
dotnet_ pack src/Ioasis.Cli -o "$out" # the package of linux-x64, and the one that leads to it
for package in "$out"/*.nupkg; do release normalize "$package" "$SOURCE_DATE_EPOCH"; done

echo "NuGet packages"
PACK_BUILD=$work eng/pack.sh "$staged/packages" >/dev/null
cp "$staged"/packages/Ioasis.*nupkg "$out"

# What every installation has beside the program: header, schema, licence; manual page and completions.
install_tree() {
  local tree=$1
  install -D -m 755 -t "$tree/usr/bin" "$out/ioasis" "$out/ioasis-web"
  install -D -m 644 include/ioasis.h "$tree/usr/include/ioasis.h"
  install -D -m 644 -t "$tree/usr/share/ioasis" docs/*.schema.json
  install -D -m 644 "$out/LICENSES.txt" "$tree/usr/share/doc/ioasis/copyright"
  if "$out/ioasis" man >"$staged/ioasis.1" 2>/dev/null; then
    gzip -9n <"$staged/ioasis.1" | install -D -m 644 /dev/stdin "$tree/usr/share/man/man1/ioasis.1.gz"
  fi
  local shell file
  for shell in bash:bash-completion/completions/ioasis zsh:zsh/vendor-completions/_ioasis \
    fish:fish/vendor_completions.d/ioasis.fish; do
    file=$tree/usr/share/${shell#*:}
    if "$out/ioasis" completion "${shell%%:*}" >"$staged/completion" 2>/dev/null; then
      install -D -m 644 "$staged/completion" "$file"
    fi
  done
}

echo "Debian package"
deb=$staged/deb
install_tree "$deb"
gzip -9n <CHANGELOG.md | install -D -m 644 /dev/stdin "$deb/usr/share/doc/ioasis/changelog.gz"
debian_version=${version/-/\~} # 1.0.0~rc.1 is older than 1.0.0
mkdir "$deb/DEBIAN"
cat >"$deb/DEBIAN/control" <<CONTROL
Package: ioasis
Version: $debian_version
Architecture: amd64
Maintainer: The Ioasis authors <ioasis@localhost>
Installed-Size: $(du -sk --apparent-size "$deb/usr" | cut -f 1)
Depends: libc6 (>= 2.27), libgcc-s1, libstdc++6
Section: devel
Priority: optional
Description: IOMMU in user space
 Ioasis serves /dev/iommu, /dev/vfio and their sysfs to unmodified programs.
 A software IOMMU translates every DMA of its devices. It needs no hardware,
 no root and no kernel module.
CONTROL
(cd "$deb" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
find "$deb" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zgzip -z6 --build "$deb" "$out/ioasis_${debian_version}_amd64.deb" >/dev/null

# The program needs the C and C++ libraries. A shell and the small tools of busybox are there for the person who looks.
echo "container image"
fetch() { # an old list of packages names files that the archive no longer has
  cd "$downloads"
  apt-get download -qq "$1" 2>/dev/null || { apt-get update -qq && apt-get download -qq "$1"; }
  cd "$root"
}
gcc_base=$(apt-cache depends --important libgcc-s1 | sed -n 's/.*Depends: \(gcc-[0-9]*-base\)$/\1/p')
packages=(base-files libc6 libgcc-s1 "${gcc_base:-gcc-12-base}" libstdc++6 busybox-static)
image=$staged/image
mkdir -p "$image"/{usr/{bin,sbin,lib,lib64},etc,proc,sys,dev,run,root}
install -d -m 1777 "$image/tmp"
for each in bin sbin lib lib64; do ln -s "usr/$each" "$image/$each"; done
found=()
for package in "${packages[@]}"; do
  compgen -G "$downloads/${package}_*.deb" >/dev/null || fetch "$package"
  file=$(compgen -G "$downloads/${package}_*.deb" | head -n 1)
  dpkg-deb --fsys-tarfile "$file" |
    tar -x -C "$image" --keep-directory-symlink --no-same-owner --exclude './usr/share/doc/*/changelog*' \
      --exclude './usr/lib/x86_64-linux-gnu/gconv/*'
  found+=("$(dpkg-deb --field "$file" Package)_$(dpkg-deb --field "$file" Version)")
done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$image/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$image/etc/group"
[[ -e $image/usr/bin/sh ]] || ln -s busybox "$image/usr/bin/sh"
install_tree "$image"
release image "$image" "$version" "$SOURCE_DATE_EPOCH" "$out/ioasis-$version-oci.tar"

echo "bill of materials and checksums"
mapfile -t libraries < <(sed -nE -e 's/^([a-z]+) ([0-9.]+) \(.*Apache License 2\.0:$/npm:\1_\2_Apache-2.0/p' \
  -e 's/^([a-z]+) ([0-9.]+) \(.*the following licence\.$/npm:\1_\2_MIT/p' "$licences")
release sbom "$staged/assets.json,$staged/page.json" "$version" "$SOURCE_DATE_EPOCH" \
  "$out/ioasis-$version.cdx.json" "${found[@]}" "${libraries[@]}"
install -m 644 include/ioasis.h docs/machine.schema.json "$out"
install -m 755 eng/ci/setup.sh "$out"
(cd "$out" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS)
echo "$out: Ioasis $version"
