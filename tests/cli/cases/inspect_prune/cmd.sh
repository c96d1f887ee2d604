WIDE=1
# Pruned to a pattern: the table's variant, the masks, weights that stay sparse are refused.
KEEPS=1
printf '%%%%MatrixMarket matrix array real general\n4 4\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n' > w.mtx
sproof inspect w.mtx --tokens 8 --prune 2x2@0.5 --masks masks -o w.csv
cat w.csv masks/w.smtx
sproof inspect w.mtx --tokens 8 --prune csr@0.75 --scope global --format csv --pattern csr
sproof inspect w.mtx --tokens 8 --prune comp:2@0.5 --pattern csr
sproof inspect w.mtx --tokens 8 --prune comp:2 --format json | grep -A 3 energy_kept_by
sproof inspect w.mtx --tokens 8 --prune 2:4 --write out.safetensors

