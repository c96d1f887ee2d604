# A table with zeros of X that nobody asked to skip.
sproof analyze model.csv -m machine.json -p 16x1 -s 0.9 --no-save
