# A GGUF file of one block: its layers, its attention, the tied head, how its weights are stored. WIDE: a table is
python3 - <<'END'
import struct
def text(value):
    return struct.pack("<Q", len(value)) + value.encode()
values = {"general.architecture": "llama", "llama.block_count": 1, "llama.embedding_length": 256,
          "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2}
block = struct.pack("<ee", 1, 0) + bytes([1] * 8 + [0] * 4) + bytes(range(16)) * 8    # q4_K
tensors = {"token_embd.weight": (1, (5, 256), bytes(2560))}
for name, rows in {"attn_q": 256, "attn_k": 128, "attn_v": 128, "attn_output": 256, "ffn_up": 512, "ffn_gate": 512}.items():
    tensors[f"blk.0.{name}.weight"] = (12, (rows, 256), block * rows)
tensors["blk.0.ffn_down.weight"] = (12, (256, 512), block * 512)
for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
    tensors[name + ".weight"] = (0, (256,), bytes(1024))
out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
for key, value in values.items():
    out += text(key) + (struct.pack("<I", 8) + text(value) if isinstance(value, str) else struct.pack("<II", 4, value))
data = b""
for name, (kind, shape, part) in tensors.items():
    out += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", s) for s in shape[::-1])
    out += struct.pack("<IQ", kind, len(data))
    data += part + bytes(-len(part) % 32)
whole = out + bytes(-len(out) % 32) + data
open("model.gguf", "wb").write(whole)
open("short.gguf", "wb").write(whole[:-64])
open("version.gguf", "wb").write(whole[:4] + b"\7" + whole[5:])
END
sproof inspect model.gguf --tokens 2 --context 8 --pattern csr -o model.csv
cat model.csv
sproof inspect short.gguf
sproof inspect version.gguf
sproof inspect model.gguf --context x
