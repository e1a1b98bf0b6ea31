#!/bin/bash
# Install what a role needs: build, demo (build and more) or check (demo and more). Says what it installs; a second run
# finds everything there and does nothing. Debian packages are listed in ROLE.apt, npm packages in tests/package.json.
set -euo pipefail
cd "$(dirname "$0")/../.."
role=${1:?usage: install.sh build|demo|check}
case $role in
    build) lists="build" ;;
    demo) lists="build demo" ;;
    check) lists="build demo check" ;;
    *) echo "install.sh: unknown role $role (build, demo or check)" >&2; exit 2 ;;
esac

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        echo "These packages are missing and need root (no sudo here): $missing" >&2
        echo "As root: apt-get install $missing" >&2
        exit 1
    fi
}

missing=
for list in $lists; do
    while read -r package rest; do
        case $package in '' | '#'*) continue ;; esac
        # "package unless command": a machine may have the command from elsewhere
        if [[ $rest == unless\ * ]] && command -v "${rest#unless }" >/dev/null; then continue; fi
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+="$package "
    done <"tools/setup/$list.apt"
done
if [ -n "$missing" ]; then
    echo "Installing for '$role': $missing"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if [ "$role" = check ] && ! cmp -s tests/package-lock.json tests/node_modules/.installed-lock; then
    echo "Installing for 'check': npm packages of tests/package.json"
    (cd tests && npm ci --no-audit --no-fund --loglevel=error)
    cp tests/package-lock.json tests/node_modules/.installed-lock
fi
