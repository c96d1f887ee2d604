# Symbolic dimensions of an ONNX file: what is asked for, and that it works; an operator that is not known.
python3 - <<'END'
import struct
def field(number, body):
    def varint(value):
        out = b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])
    if isinstance(body, int):
        return varint(number << 3) + varint(body)
    body = body.encode() if isinstance(body, str) else body
    return varint(number << 3 | 2) + varint(len(body)) + body
def info(name, *shape):
    dims = b"".join(field(1, field(1 if isinstance(d, int) else 2, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))
def node(op, inputs, output, domain=""):
    return b"".join(field(1, i) for i in inputs) + field(2, output) + field(3, output) + field(4, op) + field(7, domain)
def weights(name, *shape):
    count = 1
    for s in shape:
        count *= s
    data = struct.pack("<%df" % count, *[i % 2 for i in range(count)])
    return b"".join(field(1, s) for s in shape) + field(2, 1) + field(8, name) + field(9, data)
def write(path, nodes, constants, *inputs):
    graph = b"".join(field(1, n) for n in nodes) + b"".join(field(5, c) for c in constants)
    open(path, "wb").write(field(1, 8) + field(7, graph + b"".join(field(11, i) for i in inputs)))
conv = node("Conv", ["x", "w"], "conv")
pool = [node("GlobalAveragePool", ["conv"], "p"), node("Flatten", ["p"], "f"), node("MatMul", ["f", "v"], "fc")]
images = info("x", "batch", 3, "height", "width")
write("images.onnx", [conv, *pool], [weights("w", 8, 3, 3, 3), weights("v", 8, 16)], images)
write("strange.onnx", [conv, node("Own", ["conv", "u"], "o", "own"), node("Conv", ["o", "z"], "last")],
      [weights("w", 8, 3, 3, 3), weights("u", 9, 9), weights("z", 4, 8, 1, 1)], info("x", 1, 3, 8, 8))
write("none.onnx", [node("Relu", ["x"], "y")], [], info("x", 4, 4))
END
sproof inspect images.onnx --pattern csr | head -2
sproof inspect images.onnx --dim height=8 --dim width=6 --pattern csr -o images.csv | head -3
grep -v '^#' images.csv | grep csr -v | cut -d, -f1-9
sproof inspect strange.onnx --pattern csr | head -9
sproof inspect strange.onnx --dim o=1x8x5x5 --pattern csr -o strange.csv | head -1
grep last strange.csv | cut -d, -f1-9
for dim in height height=0 =3 depth=4 height=1x; do
    sproof inspect images.onnx --dim $dim
    echo "exit $?"
done
sproof inspect images.onnx --dim width=2 --dim width=3
sproof inspect strange.onnx --strict -q
echo "exit $?"
sproof inspect none.onnx -q
