# An option without its value.
sproof analyze model.csv --machine
