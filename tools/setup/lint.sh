#!/bin/bash
# make lint: formatting, one-way includes, clang-tidy, cppcheck. usage: lint.sh CIVETWEB-DIR [FILE...]
# Files named on the command line are looked at alone (clang-format and clang-tidy).
set -uo pipefail
cd "$(dirname "$0")/../.."
civetweb=${1:?usage: lint.sh CIVETWEB-DIR [FILE...]}
shift
status=0

if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files -co --exclude-standard '*.c' '*.h'); fi
sources=()
for file in "${files[@]}"; do [[ $file == *.c ]] && sources+=("$file"); done

echo "clang-format: ${#files[@]} files"
printf '%s\0' "${files[@]}" | xargs -0 clang-format --dry-run -Werror || status=1

tools/setup/includes.sh || status=1

# the compiler sees what the Makefile gives it
packages="libssl jansson libcurl sqlite3 libpcsclite gtk+-3.0"
[ -f "$civetweb/include/civetweb.h" ] || tools/setup/civetweb.sh "$civetweb"
flags=(-std=c17 -I. -Iinclude -isystem "$civetweb/include" -D_GNU_SOURCE "-DOPENUKEY_VERSION=\"lint\"")
# shellcheck disable=SC2046,SC2086
flags+=($(pkg-config --cflags $packages | sed 's/-I/-isystem /g'))

echo "clang-tidy: ${#sources[@]} files"
tidy() {
    local out
    if ! out=$(clang-tidy --quiet --warnings-as-errors='*' "$1" -- "${@:2}" 2>/dev/null); then
        printf '%s\n%s\n' "$1" "$out"
        return 1
    fi
}
export -f tidy
printf '%s\0' "${sources[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'tidy "$@"' tidy {} "${flags[@]}" || status=1

if [ $# -eq 0 ]; then
    echo "cppcheck"
    cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -j "$(nproc)" \
        --suppress=missingIncludeSystem --suppress=preprocessorErrorDirective --library=gtk -I. -Iinclude \
        -D_GNU_SOURCE '-DOPENUKEY_VERSION="lint"' firmware-sim module agent tools || status=1
fi

[ $status = 0 ] && echo "lint: clean"
exit $status
