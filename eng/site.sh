#!/bin/bash
# Builds the documentation as a site, from the pages and from what was built last. A warning is a failure.
# usage: eng/site.sh [FOLDER]      where the site goes; artifacts/site otherwise
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
site=$(realpath -m "${1:-artifacts/site}")
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT

# Everything lies below one folder, because docfx takes no page from above its own.
sources() { # the files of the sources, without what was built
  find README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE action.yml docs examples include eng src tests \
    \( -name obj -o -name bin \) -prune -o -type f \( -name '*.md' -o -path 'docs/*' -o -path 'examples/*' \
    -o -path 'include/*' -o -path 'eng/*' -o -name LICENSE -o -name action.yml -o -path 'tests/Clients/*.c' \) \
    -print0 2>/dev/null || true # some of them need not be there
}
sources | xargs -0 cp --parents -t "$pages"
cp eng/site/docfx.json eng/site/toc.yml "$pages"
printf -- '---\nredirect_url: README.html\n---\n' >"$pages/index.md"
mkdir "$pages/assemblies" "$pages/references"
for name in Client Devices Machine Core Iommufd Memory Abi; do # those that programs use; the others are internal
  cp artifacts/bin/Ioasis.$name/release/Ioasis.$name.{dll,xml} "$pages/assemblies"
done
for name in PageTables Passthrough Units Linux; do # what those refer to
  cp artifacts/bin/Ioasis.$name/release/Ioasis.$name.dll "$pages/references"
done

# A folder or a file of the sources is no page of the site: such a link shows the text alone.
find "$pages" -name '*.md' -exec python3 eng/site/links.py "$pages" {} +

export DOTNET_NOLOGO=1
dotnet tool restore >/dev/null
rm -rf "$site"
dotnet docfx "$pages/docfx.json" --output "$site" --warningsAsErrors --logLevel warning
