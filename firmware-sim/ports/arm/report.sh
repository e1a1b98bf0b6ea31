#!/bin/bash
# Print what images take of the budget (the linker script holds it; an image over it does not link), the largest objects in
# RAM and the deepest stack frames. usage: report.sh IMAGE.elf...
set -euo pipefail
for image; do
    arm-none-eabi-size -A -d "$image" | awk -v image="${image##*/}" '
        $1 == ".text" || $1 == ".ARM.exidx" || $1 == ".data" { flash += $2 }
        $1 == ".data" || $1 == ".bss" || $1 == ".stack" { ram += $2 }
        END { printf "%s: flash %.1f of 192 KiB, RAM %.1f of 48 KiB (the least stack counted)\n", image, flash / 1024, ram / 1024 }'
done
echo "largest in RAM:"
arm-none-eabi-nm -S --size-sort "$1" | awk '$1 ~ /^200/ && $3 ~ /^[bBdD]$/' | tail -6 | tac | while read -r _ size _ name; do
    printf '    %6d  %s\n' "$((16#$size))" "$name"
done
echo "deepest stack frames:"
find "$(dirname "$1")/obj/firmware-sim" -name '*.su' -exec cat {} + | sort -t "$(printf '\t')" -k2 -rn |
    awk -F '\t' 'NR <= 6 { sub(/^.*\//, "", $1); split($1, at, ":"); printf "    %6d  %s %s\n", $2, at[1], at[4] }'
