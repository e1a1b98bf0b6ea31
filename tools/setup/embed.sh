#!/bin/bash
# Print a C file that embeds files with .incbin: `const struct http_asset NAME_assets[]`, ended by a NULL path.
# usage: embed.sh NAME FILE...        The path of an asset is "/" and its base name.
set -euo pipefail
name=$1
shift
echo '#include "agent/http/asset.h"'
rows=
i=0
for file; do
    symbol=${name//-/_}_asset_$i
    i=$((i + 1))
    case $file in
        *.html) type='text/html; charset=utf-8' ;;
        *.js | *.mjs) type='text/javascript; charset=utf-8' ;;
        *.css) type='text/css; charset=utf-8' ;;
        *.json) type='application/json' ;;
        *.svg) type='image/svg+xml' ;;
        *.png) type='image/png' ;;
        *.yaml) type='application/yaml' ;;
        *.sql | *.txt) type='text/plain; charset=utf-8' ;;
        *) type='application/octet-stream' ;;
    esac
    printf '__asm__(".section .rodata\\n.balign 16\\n.global %s\\n%s:\\n.incbin \\"%s\\"\\n%s_end:\\n.global %s_end\\n.byte 0\\n.previous\\n");\n' \
        "$symbol" "$symbol" "$file" "$symbol" "$symbol"
    printf 'extern const unsigned char %s[], %s_end[];\n' "$symbol" "$symbol"
    rows+="    {\"/${file##*/}\", \"$type\", $symbol, ${symbol}_end},"$'\n'
done
printf 'const struct http_asset %s_assets[] = {\n%s    {0, 0, 0, 0},\n};\n' "${name//-/_}" "$rows"
