#!/bin/bash
# Fetch civetweb from Debian's source package and lay out its two folders. usage: civetweb.sh OUTDIR
# Debian's binary libcivetweb cannot work with OpenSSL 3 (docs/architecture.md), so we compile the source ourselves.
# The system's apt configuration is not touched: a private source list and list directory are used.
set -euo pipefail
out=${1:?usage: civetweb.sh OUTDIR}
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
echo "Fetching the civetweb source package from Debian"
apt-get "${opts[@]}" -qq update
(cd "$work" && apt-get "${opts[@]}" -qq source --download-only civetweb >/dev/null)
tar xf "$work"/civetweb_*.orig.tar.xz -C "$work"
rm -rf "$out/include" "$out/src"
cp -r "$work"/civetweb-*/src "$out/src"
cp -r "$work"/civetweb-*/include "$out/include"
