# JSON, but no machine.
sproof analyze model.csv --machine ./machine.json -p 4x4
