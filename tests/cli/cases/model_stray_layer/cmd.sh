sproof analyze model.csv --machine a100-sxm-40gb
