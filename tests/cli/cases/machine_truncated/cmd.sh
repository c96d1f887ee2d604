# A machine file cut short.
sproof analyze model.csv --machine ./machine.json -p 4x4
