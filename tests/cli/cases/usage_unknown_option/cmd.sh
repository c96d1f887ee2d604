# An option with a typing mistake.
sproof analyze model.csv --machien reference
