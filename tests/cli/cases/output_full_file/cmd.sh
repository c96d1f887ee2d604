# A full disk behind the record.
sproof analyze model.csv --machine machine.json -p 4x4 -o /dev/full
