# The answer for people.
sproof analyze model.csv --machine machine.json
