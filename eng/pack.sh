#!/bin/bash
# Makes the NuGet packages: Ioasis.Client, .Devices, .Plugins, .Testing, .Analyzers and .Templates, with symbols.
# usage: eng/pack.sh [FOLDER]       default: artifacts/packages
# CHECK_API=1 also checks the declared public API. BASELINE=FOLDER has the packages of an earlier version: a package
# from which a public member is gone is refused (CP0002). PACK_BUILD=FOLDER: where the rooms are built (artifacts/pack).
# The rooms are built apart from artifacts/bin, as a build server does it: no path of this machine is in a file.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
out=$(mkdir -p "${1:-artifacts/packages}" && cd "${1:-artifacts/packages}" && pwd)
work=${PACK_BUILD:-$PWD/artifacts/pack}
rooms=(src/Ioasis.Testing analyzers/Ioasis.Analyzers)
common=(-c Release --nologo -v quiet --artifacts-path "$work" -p:ContinuousIntegrationBuild=true)
[[ -z ${PACK_BUILD-} ]] || common+=(-p:RunAnalyzers=false -p:IsRelease=true) # its maker has other rules
[[ -n ${CHECK_API-} ]] && common+=(-p:ChecksPublicApi=true)
for room in "${rooms[@]}"; do dotnet build "$room" "${common[@]}" -warnaserror </dev/null; done

# With Git its tags give the version (Directory.Build.targets); -t:MinVer is there only then.
version_of() {
  dotnet msbuild src/Ioasis.Client "$@" -getProperty:Version -p:ArtifactsPath="$work" </dev/null 2>/dev/null
}
version=$(version_of -t:MinVer || version_of)
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
url=$(git remote get-url origin 2>/dev/null || true)
[[ $url == https://* ]] || url=

# The templates' packages have the version of the templates.
templates=$work/templates
rm -rf "$templates" && cp -r eng/packages/templates "$templates"
find "$templates" -name '*.csproj' -exec sed -i "s/IOASIS_VERSION/$version/" {} +
# The device model is our example, under the names that dotnet new replaces.
try='ioasis run --plugin bin/Debug/net10.0/IoasisDevice.dll --device doubler -- PROGRAM'
sed -e 's/Ioasis\.Examples/IoasisDevice/' -e 's/\bDoublerDevice\b/IoasisDeviceModel/' \
  -e "s|docs/devices/your-own.md explains it.|Try it:\n/// $try|" \
  examples/DoublerDevice/DoublerDevice.cs >"$templates/ioasis-device/IoasisDeviceModel.cs"

rm -f "$out"/Ioasis.*.nupkg "$out"/Ioasis.*.snupkg
mkdir -p "$work/nuspec"
for spec in eng/packages/*.nuspec; do
  package=$(basename "$spec" .nuspec)
  cp "$spec" "$work/nuspec"
  # A package names its repository, when there is one.
  [[ -n $url ]] || sed -i '/<repository /d' "$work/nuspec/$package.nuspec"
  symbols=true
  case $package in Ioasis.Templates | Ioasis.Analyzers) symbols=false ;; esac
  baseline=
  [[ -z ${BASELINE-} ]] || baseline=$(compgen -G "$BASELINE/$package.[0-9]*.nupkg" || true)
  dotnet pack eng/packages/Pack.csproj --nologo -v quiet --artifacts-path "$work" -o "$out" -p:Package="$package" \
    -p:NuspecFile="$work/nuspec/$package.nuspec" \
    -p:PackageVersion="$version" -p:Commit="$commit" -p:RepositoryUrl="$url" -p:Rooms="$work/bin" \
    -p:Templates="$templates" -p:IncludeSymbols=$symbols \
    -p:PackageValidationBaselinePath="$baseline" </dev/null
done

# The packer names one file of each package at random, and gives entries the time of now.
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
dotnet msbuild eng/Ioasis.Release -restore -p:Configuration=Release -nologo -v:quiet </dev/null
for package in "$out"/Ioasis.*nupkg; do
  dotnet artifacts/bin/Ioasis.Release/release/Ioasis.Release.dll normalize "$package" "$time"
done
echo "$version"
