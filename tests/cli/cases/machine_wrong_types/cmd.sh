# A text where a number belongs.
sproof analyze model.csv --machine ./machine.json -p 4x4
