# A full disk behind a record on standard output.
sproof analyze model.csv --machine machine.json -p csr --no-save --format json >/dev/full
