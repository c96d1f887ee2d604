# No such machine file.
sproof analyze model.csv --machine ./absent.json
