# analyze with two models.
sproof analyze model.csv model.csv
