# A machine name with a typing mistake.
sproof analyze model.csv --machine a100-smx-40gb
