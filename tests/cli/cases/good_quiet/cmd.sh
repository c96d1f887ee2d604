# Nothing on standard error.
sproof analyze model.csv --machine a100-sxm-40gb -q -p 2:4 --no-save
ls
