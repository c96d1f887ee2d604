# A point that names a variant is that variant's alone: b stays without accuracy.
sproof analyze model.csv --accuracy accuracy.csv --machine a100-sxm-40gb --no-save -q --format csv |
    cut -d, -f1-7
