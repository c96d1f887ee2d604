# Masks are measured under the pattern of the table's variants.
printf '4, 4, 8\n0 2 4 6 8\n0 1 0 1 2 3 2 3\n' > fc.smtx
sproof inspect fc.smtx --tokens 16 -o fc.csv >/dev/null
tail -1 fc.csv
SPROOF_PROBE=off sproof validate fc.csv --mask-dir . -q --budget 1 --format csv 2>/dev/null | cut -d, -f1,7 | head -3
