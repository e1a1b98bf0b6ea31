#!/bin/bash
# Check the C sources: format, one-way includes, clang-tidy, cppcheck. usage: lint.sh CIVETWEB-FOLDER
# Prints one line per check and closes with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.."
civetweb=${1:-build/deps/civetweb}
mapfile -t sources < <(git ls-files -co --exclude-standard '*.c' | sort)
mapfile -t headers < <(git ls-files -co --exclude-standard '*.h' | sort)
passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

check() { # check NAME COMMAND...: passes when the command ends with 0
    local name=$1
    shift
    if "$@" >"$out" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $name"
    else
        failed=$((failed + 1))
        echo "FAILED  $name"
        tail -n 60 "$out"
    fi
}

# include <- firmware-sim;  include <- module <- agent <- tools <- tests
one_way() {
    local bad=0
    forbid() { # forbid FOLDER PATTERN: no file of FOLDER includes a header whose path matches
        if grep -nE "^ *# *include +\"($2)/" -r "$1" --include='*.c' --include='*.h'; then bad=1; fi
    }
    forbid include 'firmware-sim|module|agent|tools|tests'
    forbid firmware-sim 'module|agent|tools|tests'
    forbid module 'firmware-sim|agent|tools|tests'
    forbid agent 'firmware-sim|tools|tests'
    forbid tools 'tests'
    # civetweb's names appear only in agent/http
    if grep -rnE 'civetweb\.h|\bmg_[a-z_]+\(' --include='*.c' --include='*.h' module agent tools firmware-sim | grep -v '^agent/http/'; then bad=1; fi
    # nothing above module/ knows what an APDU is
    if grep -rnE 'openukey/(apdu|simlink)\.h' --include='*.c' --include='*.h' agent tools; then bad=1; fi
    return $bad
}

long_files() {
    local bad=0 file lines
    for file in "${sources[@]}"; do
        lines=$(wc -l <"$file")
        if [ "$lines" -gt 800 ]; then echo "$file: $lines lines: two rooms in one?"; bad=1; fi
    done
    return $bad
}

tidy() {
    printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 8 clang-tidy --quiet --warnings-as-errors='*' -- \
        -std=c17 -D_GNU_SOURCE -DOPENUKEY_VERSION='"lint"' -I. -Iinclude -isystem "$civetweb/include" \
        $(pkg-config --cflags gtk+-3.0 libpcsclite jansson | sed 's/-I/-isystem /g')
}

check format clang-format --dry-run -Werror "${sources[@]}" "${headers[@]}"
check "one-way includes" one_way
check "no file past 800 lines" long_files
check clang-tidy tidy
check cppcheck cppcheck -q -j "$(nproc)" --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem --suppress=unknownMacro -D_GNU_SOURCE -DOPENUKEY_VERSION='"lint"' -I. -Iinclude "${sources[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
