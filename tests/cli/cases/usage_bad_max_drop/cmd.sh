# Drops that are none.
for drop in x -1 % nan; do
    sproof analyze model.csv --machine machine.json --max-drop=$drop
done
