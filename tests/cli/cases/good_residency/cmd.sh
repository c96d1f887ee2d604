# Weights that stay in a cache.
sproof analyze model.csv --machine machine.json --residency network -p csr,4x4 -s 0.9
