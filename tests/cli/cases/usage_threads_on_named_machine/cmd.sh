# Threads belong to the host.
sproof analyze model.csv --machine machine.json --threads 4
