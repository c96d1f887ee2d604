# An engine for dense f32, none for the pattern.
sed 's/"any"/"dense"/' machine.json >dense.json
sproof analyze model.csv --machine dense.json --dtype f32 -p 4x4 --execution native
