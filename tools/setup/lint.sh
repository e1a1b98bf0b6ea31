#!/bin/bash
# Check the C sources: format, one-way includes, file length, clang-tidy, cppcheck. usage: lint.sh CIVETWEB-FOLDER
# Prints one line per check and closes with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.."
civetweb=${1:-build/deps/civetweb}
mapfile -t sources < <(git ls-files -co --exclude-standard '*.c' | sort)
mapfile -t headers < <(git ls-files -co --exclude-standard '*.h' | sort)
[ -f "$civetweb/include/civetweb.h" ] || tools/setup/civetweb.sh "$civetweb"
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
        tail -n 200 "$out"
    fi
}

long_files() {
    local bad=0 file lines
    for file in "${sources[@]}"; do
        lines=$(wc -l <"$file")
        if [ "$lines" -gt 800 ]; then
            echo "$file: $lines lines: two rooms in one?"
            bad=1
        fi
    done
    return $bad
}

# the compiler's own flags, as the Makefile has them
mapfile -t flags < <(
    printf '%s\n' -std=c17 -D_GNU_SOURCE '-DOPENUKEY_VERSION="lint"' -DOPENUKEY_QEMU_ONLY -I. -Iinclude -isystem "$civetweb/include" -isystem "$civetweb/src"
    pkg-config --cflags gtk+-3.0 libpcsclite jansson libcurl sqlite3 libpq umockdev-1.0 | sed 's/-I/-isystem /g' | xargs -n 1
)

tidy_one() { # quiet unless something is wrong
    local said
    if ! said=$(clang-tidy --quiet --warnings-as-errors='*' "$1" -- "${@:2}" 2>&1); then
        printf '%s\n' "$said" | grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter'
        return 1
    fi
}
export -f tidy_one
tidy() {
    printf '%s\0' "${sources[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'tidy_one "$@"' tidy {} "${flags[@]}"
}

check format clang-format --dry-run -Werror "${sources[@]}" "${headers[@]}"
check "one-way includes" tools/setup/includes.sh
check "no file past 800 lines" long_files
check clang-tidy tidy
check cppcheck cppcheck -q -j "$(nproc)" --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=preprocessorErrorDirective -D_GNU_SOURCE '-DOPENUKEY_VERSION="lint"' -DOPENUKEY_QEMU_ONLY -I. -Iinclude "${sources[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
