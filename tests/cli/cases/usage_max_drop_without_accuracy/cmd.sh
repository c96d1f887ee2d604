# A drop without any accuracy.
sproof analyze model.csv --machine machine.json --max-drop 1
