# Layers a/b and a_b would have one mask file: nothing is written, nothing is read.
if ! command -v python3 >/dev/null; then
    echo "no python3" >&2
    exit 77
fi
export SPROOF_PROBE=off
python3 - <<'END'
import json, struct
header, data = {}, b""
for name in ("a/b", "a_b"):
    header[name + ".weight"] = {"dtype": "F32", "shape": [4, 8],
                                "data_offsets": [len(data), len(data) + 128]}
    data += struct.pack("<32f", *range(1, 33))
text = json.dumps(header).encode()
open("w.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
END
sproof inspect w.safetensors --tokens 2 --prune csr@0.5 --masks masks >/dev/null
echo "exit $?"
ls masks 2>/dev/null
mkdir given
printf '4, 8, 2\n0 1 2 2 2\n0 1\n' >given/a_b.smtx
printf 'layer,m,k,n\na/b,4,8,2\na_b,4,8,2\n' >net.csv
sproof validate net.csv --mask-dir given --pattern csr --threads 1 --no-save
echo "exit $?"
rm -f w.safetensors
