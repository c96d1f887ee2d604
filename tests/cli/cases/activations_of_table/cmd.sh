# What the table says of each layer, beside nothing skipped; only prunable layers skip.
sproof analyze model.csv -m machine.json -p csr -s 0.9 --activation-sparsity table,0 --no-save \
    --layers -f csv | awk -F, '{print $1, $3, $4, $9, $10, $11, $12, $NF}' # WIDE
sproof analyze model.csv -m machine.json -p csr -s 0.9 --activation-sparsity table,0 --no-save \
    -f csv | awk -F, '{print $1, $11, $NF}'
