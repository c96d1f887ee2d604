# A full disk behind standard output: the record is complete or not there.
sproof analyze model.csv --machine machine.json -p 4x4 --no-save >/dev/full
