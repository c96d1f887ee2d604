# One line each, naming file and place; nothing is written.
printf '' > empty.npy
printf '\200\002ccollections\n' > model.bin
printf '%%%%MatrixMarket matrix coordinate real general\n1000000000 1000000000 1000000000\n' > huge.mtx
printf '\377\377\377\377\377\377\377\177{}' > long.safetensors
printf 'hello' > text.txt
mkdir nothing
for file in empty.npy model.bin huge.mtx long.safetensors text.txt nothing missing.npy; do
    sproof inspect "$file" --tokens 1 -o out.csv
    echo "exit $?"
done
ls out.csv 2>/dev/null
exit 0
