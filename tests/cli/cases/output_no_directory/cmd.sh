# The record goes to a directory that is not there.
sproof analyze model.csv --machine machine.json -p 4x4 -o absent/record.json
