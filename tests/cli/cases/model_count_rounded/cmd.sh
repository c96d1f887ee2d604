# An exact count beside a sparsity of four digits is no contradiction; too many weights are.
sproof analyze model.csv --machine a100-sxm-40gb --no-save -q --format csv | cut -d, -f1-4
sproof analyze wrong.csv --machine a100-sxm-40gb
