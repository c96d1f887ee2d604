KEEPS=1
sproof analyze model.csv --machine a100-sxm-40gb -p dense -q >/dev/null
sproof explain dense --measured dense=10ms,sparse=20ms -q | tail -3
