# Small products on a GPU: a call takes longer than what 2:4 saves.
sproof analyze model.csv --machine a100-sxm-40gb -p 2:4 --no-save
