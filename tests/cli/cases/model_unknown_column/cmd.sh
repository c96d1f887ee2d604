# A misspelt column is named with the nearest known one; the analysis goes on.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9
