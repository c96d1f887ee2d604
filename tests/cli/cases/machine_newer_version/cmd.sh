# A machine of a later schema.
sproof analyze model.csv --machine ./machine.json -p 4x4
