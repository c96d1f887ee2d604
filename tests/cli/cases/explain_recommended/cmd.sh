# Why not more: the recommended variant.
sproof analyze model.csv --machine machine.json -q >/dev/null
sproof explain
