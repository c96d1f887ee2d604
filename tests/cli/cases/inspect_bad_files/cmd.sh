# One line each, naming file and place; nothing is written.
printf '' > empty.npy
printf '\200\002ccollections\n' > model.bin
printf '%%%%MatrixMarket matrix coordinate real general\n1000000000 1000000000 1000000000\n' > huge.mtx
printf '\377\377\377\377\377\377\377\177{}' > long.safetensors
printf 'hello' > text.txt
mkdir nothing
mkfifo pipe
python3 - <<'END'
import struct
h = b'{"a.weight":{"dtype":"F4","shape":[2,4],"data_offsets":[0,4]}}'
open("f4.safetensors", "wb").write(struct.pack("<Q", len(h)) + h + b"1234")
h = h.replace(b"F4", b"F32").replace(b"2,4]", b"2,2]").replace(b"0,4]", b"0,16]")
open("nan.safetensors", "wb").write(struct.pack("<Q", len(h)) + h + struct.pack("<4f", 1, float("nan"), 3, 4))
END
for file in empty.npy model.bin huge.mtx long.safetensors text.txt nothing missing.npy pipe f4.safetensors; do
    sproof inspect "$file" --tokens 1 -o out.csv
    echo "exit $?"
done
sproof inspect nan.safetensors --tokens 1 --prune csr@0.5 -o out.csv
echo "exit $?"
ls out.csv 2>/dev/null
exit 0
