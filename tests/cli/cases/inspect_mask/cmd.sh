WIDE=1
# A mask as a table, under patterns it fits and does not; the table is analysed.
printf '4, 8, 8\n0 2 4 6 8\n0 5 0 5 2 3 2 3\n' > fc.smtx
sproof inspect fc.smtx --tokens 16 --pattern csr,2x1,4x4,2:4,16x16 -o fc.csv
cat fc.csv
sproof inspect fc.smtx --format csv --pattern 2x1
sproof inspect fc.smtx --format json --pattern 2x1
sproof inspect fc.smtx --format jsonl --pattern 2x1
sproof inspect fc.smtx --format md

