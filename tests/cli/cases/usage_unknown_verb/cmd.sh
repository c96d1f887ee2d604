# A verb with a typing mistake.
sproof analyse model.csv
