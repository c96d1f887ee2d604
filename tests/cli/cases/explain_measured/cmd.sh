# Measured times beside the bound. KEEPS
sproof analyze model.csv --machine machine.json -q >/dev/null
sproof explain csr@0.9 --measured dense=1ms,sparse=0.98ms
sproof explain csr@0.9 --measured dense=1
