# An engine that accepts what nobody knows.
sproof analyze model.csv --machine ./machine.json -p 4x4
