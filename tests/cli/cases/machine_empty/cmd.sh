# An empty machine file.
sproof analyze model.csv --machine ./machine.json -p 4x4
