# What is left out is named: in the first line, in the table and in what is made of it; --strict refuses. WIDE: tables are
python3 - <<'END'
import json, struct
def write(path, tensors):
    header, at = {}, 0
    for name, shape in tensors.items():
        size = 4
        for s in shape:
            size *= s
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + b"\1" * at)
layers = {"fc.weight": [32, 64], "fc.bias": [32], "tok_emb.weight": [10, 64]}
write("conv.safetensors", {"patch_embed.proj.weight": [8, 3, 4, 4], "stem.conv.weight": [8, 3, 3, 3], **layers})
write("strange.safetensors", {"thing": [3, 4, 50], **layers})
write("little.safetensors", {"thing": [1, 3, 5, 1], "stem.conv.weight": [1, 1, 2, 3], **layers})
END
for file in conv strange little; do
    sproof inspect $file.safetensors --tokens 3 --pattern csr -o $file.csv | head -12
    head -2 $file.csv
    sproof inspect $file.safetensors --strict --tokens 3 --pattern csr -o other.csv > /dev/null
    echo "exit $?"
done
ls other.csv
sproof analyze conv.csv -m a100-pcie-80gb --no-save | head -1
sproof inspect conv.safetensors --tokens 3 --image 16 --pattern csr -f json | grep -v '^  {"layer"'
sproof analyze conv.csv -m a100-pcie-80gb -p csr -s 0.9 -q -o net.json > /dev/null
sproof explain csr@0.9 -i net.json | head -1
