#!/bin/bash
# Check that folders depend one way only (docs/architecture.md). Prints each include that breaks a rule; fails if there is one.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0

# rule FOLDER ALLOWED-REGEX [FILES-TO-SKIP-REGEX]: every #include "..." in FOLDER starts with an allowed path
rule() {
    local found
    found=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' --include='*.[ch]' "$1" |
        grep -vE "#[[:space:]]*include[[:space:]]*\"($2)" || true)
    if [ -n "$found" ]; then
        echo "$1 may include only $2:"
        echo "$found" | sed 's/^/    /'
        bad=1
    fi
}
# nowhere REGEX FOLDER...: no file there includes it
nowhere() {
    local pattern=$1 found
    shift
    found=$(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[\"<]$pattern" --include='*.[ch]' "$@" || true)
    if [ -n "$found" ]; then
        echo "$pattern must not be included here:"
        echo "$found" | sed 's/^/    /'
        bad=1
    fi
}

rule include 'openukey/|pkcs11\.h'
rule firmware-sim 'firmware-sim/|openukey/'
rule module 'module/|openukey/|pkcs11\.h'
rule agent 'agent/|module/formats/|module/pinentry/|openukey/formats\.h|pkcs11\.h'
rule tools 'tools/|agent/|module/formats/|firmware-sim/|openukey/|pkcs11\.h'
nowhere 'openukey/(apdu|simlink)\.h' agent
nowhere '(openssl/|pkcs11\.h)' firmware-sim
nowhere 'mbedtls/' module agent
# plain_web.c is what agent/http is measured against
if found=$(grep -rnlE 'civetweb\.h' --include='*.[ch]' . --exclude-dir=build --exclude-dir=node_modules | grep -vE '^\./(agent/http/|tools/bench/plain_web\.c$)'); then
    echo "civetweb belongs to agent/http alone:"
    echo "$found" | sed 's/^/    /'
    bad=1
fi
[ $bad = 0 ] && echo "includes: one way"
exit $bad
