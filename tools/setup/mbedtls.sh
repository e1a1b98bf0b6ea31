#!/bin/bash
# Fetch mbedTLS from Debian's source package and lay out its two folders. usage: mbedtls.sh OUTDIR
# The firmware build compiles it with its own configuration: Debian's binary is for this machine, and lacks
# MEMORY_BUFFER_ALLOC_C. The same version as libmbedtls-dev, so that host and firmware run the same arithmetic.
# The system's apt configuration is not touched: a private source list and list directory are used.
set -euo pipefail
out=${1:?usage: mbedtls.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial"
if [ -f /etc/apt/sources.list.d/debian.sources ]; then
    sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$work/src.sources"
else
    sed -n 's/^deb\(-src\)\? /deb-src /p' /etc/apt/sources.list | sort -u >"$work/src.list"
fi
list=$(echo "$work"/src.*)
opts=(-o Dir::Etc::SourceParts=/dev/null -o "Dir::Etc::sourcelist=$list" -o "Dir::State::Lists=$work/lists" -o APT::Sandbox::User=)
echo "Fetching the mbedtls source package from Debian"
apt-get "${opts[@]}" -qq update
(cd "$work" && apt-get "${opts[@]}" -qq source --download-only mbedtls >/dev/null)
mkdir "$work/source"
tar xf "$work"/mbedtls_*.orig.tar.* -C "$work/source" --strip-components=1
rm -rf "$out/include" "$out/library"
cp -r "$work/source/library" "$out/library"
cp -r "$work/source/include" "$out/include"
