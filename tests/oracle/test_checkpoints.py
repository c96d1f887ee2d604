#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as people have them: which tensors are layers, and what packed ones hold.

  test_checkpoints.py --count-weights PROGRAM

Standard library only: each file is written here, as its format says, from values that are known.
"""
import argparse
import json
import random
import struct
import subprocess
import tempfile
from pathlib import Path

SIZES = {"F32": 4, "F16": 2, "U8": 1, "I8": 1, "I32": 4, "I64": 8, "F8_E4M3": 1, "BOOL": 1, "F4": .5}
RANDOM = random.Random(3)
CASES = []    # (name, tensors, config, options, layers {name: figures}, parameters or None)


def numbers(shape):
    count = 1
    for size in shape:
        count *= size
    return count


def safetensors(tensors):
    header, data = {}, b""
    for name, (dtype, shape, *given) in tensors.items():
        size = int(numbers(shape) * SIZES[dtype])
        part = given[0] if given else bytes([0x3F, 0x80, 0x01, 0x40][i % 4] for i in range(size))
        assert len(part) == size, name
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + size]}
        data += part
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def case(name, tensors, layers, config=None, options="", parameters=None):
    CASES.append((name, tensors, config, options.split(), layers, parameters))


def f32(*shape):
    return ("F32", shape)


def figures(values):
    """Non-zeros and the weighted sum of a matrix, a list of rows."""
    total = sum(struct.unpack("f", struct.pack("f", v))[0] * ((3 * i + 7 * j) % 11 + 1)
                for i, row in enumerate(values) for j, v in enumerate(row))
    return {"nnz": sum(v != 0 for row in values for v in row), "sum": total}


def lin(outputs, inputs, n=None, **more):
    return {"op": "linear", "m": outputs, "k": inputs, **({"n": n} if n is not None else {}), **more}


def conv(m, k, n=0, **more):
    return {"op": "conv", "m": m, "k": k, "n": n, **more}


# told by shape, use and neighbours ------------------------------------------------------
case("conv of a sequence", {"0.weight": f32(8, 4, 3), "0.bias": f32(8), "3.weight": f32(4, 144), "3.bias": f32(4)},
     {"0": conv(8, 12), "3": lin(4, 144, 9)}, options="--tokens 9", parameters=96 + 8 + 576 + 4)
case("conv of Mamba", {"layers.0.mixer.conv1d.weight": f32(8, 1, 4), "layers.0.mixer.conv1d.bias": f32(8)},
     {"layers.0.mixer.conv1d": {"op": "depthwise", "m": 8, "k": 4, "n": 9}}, options="--tokens 9")
case("transposed conv", {"up.weight": f32(8, 4, 2, 2), "up.bias": f32(4)}, {"up": conv(16, 8)})
case("tables", {"positional_embedding": f32(77, 32), "text_projection": f32(32, 16), "tok_emb.weight": f32(60, 32),
                "e.tokens_embed.weight": f32(9, 4), "x.rel_embeddings.weight": f32(64, 32), "pos_embed": f32(1, 5, 4),
                "cls_token": f32(1, 1, 4), "time_embedding.weight": f32(8, 6), "time_embedding.bias": f32(8),
                "fc1.weight": f32(16, 32)},
     {"text_projection": lin(16, 32, 1), "time_embedding": lin(8, 6, 24), "fc1": lin(16, 32, 24)},
     options="--tokens 24")
case("scales of channels", {"grn.weight": f32(1, 1, 1, 64), "gamma": f32(8, 1, 1), "head.weight": f32(1, 8)},
     {"head": lin(1, 8, 1)}, options="--tokens 5")
case("fc within a block", {"blocks.0.mlp.fc.weight": f32(8, 4), "fc.weight": f32(3, 4)},
     {"blocks.0.mlp.fc": lin(8, 4, 7), "fc": lin(3, 4, 1)}, options="--tokens 7")
case("states of a recurrence", {"rnn.weight_ih_l0": f32(16, 3), "rnn.weight_hh_l0": f32(16, 4)},
     {"rnn.weight_ih_l0": lin(16, 3, 5), "rnn.weight_hh_l0": lin(16, 4, 1, count=5)}, options="--tokens 5")
case("squares of GPT-2", {"h.0.c_attn.weight": f32(4, 12), "h.0.c_attn.bias": f32(12),
                          "h.0.c_proj.weight": ("F32", (4, 4), struct.pack("<16f", *([1, 1, 1, 1] + [0] * 12))),
                          "h.0.c_proj.bias": f32(4)},
     {"h.0.c_attn": lin(12, 4), "h.0.c_proj": lin(4, 4, longest=1)})
MASK = struct.pack("<8f", 1, 0, 0, 1, 0, 0, 0, 1)
ONES = struct.pack("<8f", 1, 2, 3, 4, 5, 6, 7, 8)
for w, mask in ((".weight_orig", ".weight_mask"), (".parametrizations.weight.original", ".parametrizations.weight.0.mask"),
                (".weight", ".weight_mask")):
    case("mask " + w, {"0" + w: ("F32", (2, 4), ONES), "0" + mask: ("F32", (2, 4), MASK), "0.bias": f32(2)},
         {"0": lin(2, 4, **figures([[1, 0, 0, 4], [0, 0, 0, 8]]))}, parameters=10)
case("weight norm", {"a.weight_g": f32(8, 1), "a.weight_v": f32(8, 4), "b.parametrizations.weight.original0": f32(8, 1),
                     "b.parametrizations.weight.original1": f32(8, 4)}, {"a": lin(8, 4), "b": lin(8, 4)})
case("eight bits", {"a.weight": ("F8_E4M3", (2, 4), bytes([0, 0x80, 0x38, 0xB8, 0x7E, 1, 0, 0])),
                    "a.weight_scale_inv": f32(1, 1)},
     {"a": lin(2, 4, **figures([[0, 0, 1, -1], [448, 2 ** -9, 0, 0]]))}, parameters=9)
case("masks alone", {"a.weight": ("BOOL", (2, 4), bytes([1, 0, 0, 1, 0, 0, 0, 1]))},
     {"a": lin(2, 4, nnz=3)})
case("what is not read", {"a.weight": ("F4", (2, 4)), "b.weight": f32(2, 4), "c": f32(3, 4, 50)}, {"b": lin(2, 4)},
     parameters=8 + 8 + 600)

# told by config.json ----------------------------------------------------------------------
CAUSAL = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "vocab_size": 11}
case("tied head", {"wte.weight": f32(11, 8)}, {"lm_head": lin(11, 8, 3, prunable=False)},
     config={"model_type": "strange", "architectures": ["XForCausalLM"], **CAUSAL}, options="--tokens 3", parameters=88)
case("untied head", {"wte.weight": f32(11, 8), "a.weight": f32(2, 4)}, {"a": lin(2, 4, 3)},
     config={"model_type": "strange", "architectures": ["XForCausalLM"], "tie_word_embeddings": False, **CAUSAL},
     options="--tokens 3")
case("tied head without config.json", {"model.embed_tokens.weight": f32(11, 8)}, {"lm_head": lin(11, 8, 3)},
     options="--tokens 3")
case("repeats of ALBERT", {"albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight": f32(16, 8)},
     {"albert.encoder.albert_layer_groups.0.albert_layers.0.ffn": lin(16, 8, 3, count=12)},
     config={"model_type": "strange", "num_hidden_layers": 12, "num_hidden_groups": 1}, options="--tokens 3")
case("patches", {"vision_model.patch_embedding.weight": f32(8, 3, 4, 4), "text.a.weight": f32(2, 4),
                 "vision_model.a.weight": f32(2, 4)},
     {"vision_model.patch_embedding": conv(8, 48, 64, x_elements=3072), "text.a": lin(2, 4, 3),
      "vision_model.a": lin(2, 4, 65)},
     config={"model_type": "strange", "vision_config": {"image_size": 32, "patch_size": 4}}, options="--tokens 3")
case("patches by option", {"patch_embed.proj.weight": f32(8, 3, 4, 4)}, {"patch_embed.proj": conv(8, 48, 16)},
     options="--image 16")
EXPERTS = {f"m.experts.{e}.w1.weight": f32(6, 8) for e in range(4)}
MOE = {"model_type": "strange", "num_local_experts": 4, "num_experts_per_tok": 2}
case("experts", EXPERTS, {f"m.experts.{e}.w1": lin(6, 8, 12) for e in range(4)}, config=MOE, options="--tokens 24")
case("uneven experts", EXPERTS, {f"m.experts.{e}.w1": lin(6, 8, 2 if e < 2 else 1) for e in range(4)}, config=MOE,
     options="--tokens 3")
case("idle experts", EXPERTS, {f"m.experts.{e}.w1": lin(6, 8, int(e < 2)) for e in range(4)}, config=MOE,
     options="--tokens 1")
case("experts by option", EXPERTS, {f"m.experts.{e}.w1": lin(6, 8, 6) for e in range(4)},
     options="--tokens 24 --experts-active 1")
case("stacked experts", {"m.experts.gate_up_proj": f32(2, 8, 12), "m.experts.gate_up_proj_bias": f32(2, 12),
                         "m.experts.down_proj": f32(2, 6, 8), "m.experts.down_proj_bias": f32(2, 8)},
     {**{f"m.experts.gate_up_proj.{e}": lin(12, 8, 3) for e in range(2)},
      **{f"m.experts.down_proj.{e}": lin(8, 6, 3) for e in range(2)}}, options="--tokens 3 --experts-active 2")
case("stacked linear experts", {"m.experts.gate_up_proj": f32(2, 12, 8), "m.experts.down_proj": f32(2, 8, 6)},
     {**{f"m.experts.gate_up_proj.{e}": lin(12, 8) for e in range(2)},
      **{f"m.experts.down_proj.{e}": lin(8, 6) for e in range(2)}}, config={"model_type": "strange", "hidden_size": 8})
LLAMA = {f"model.layers.0.{n}.weight": f32(*s) for n, s in
         {"self_attn.q_proj": (8, 8), "self_attn.k_proj": (4, 8), "self_attn.v_proj": (4, 8), "self_attn.o_proj": (8, 8),
          "mlp.gate_proj": (12, 8), "mlp.up_proj": (12, 8), "mlp.down_proj": (8, 12), "input_layernorm": (8,),
          "post_attention_layernorm": (8,)}.items()}
P = "model.layers.0."
case("a decoder", LLAMA, {
    "embedding": {"op": "other", "x_elements": 2 * 8 * 3}, P + "input_layernorm": {"flops": 4 * 24},
    P + "self_attn.q_proj": lin(8, 8, 3), P + "self_attn.k_proj": lin(4, 8, 3), P + "self_attn.v_proj": lin(4, 8, 3),
    P + "attention.rotary": {"flops": 3 * 12 * 3}, P + "attention.kv_cache": {"x_elements": 4 * 4 * 3, "flops": 0},
    P + "attention.qk": {"op": "attention", "m": 10, "k": 4, "n": 6, "count": 1},
    P + "attention.softmax": {"flops": 5 * 2 * 3 * 10},
    P + "attention.av": {"op": "attention", "m": 4, "k": 10, "n": 6, "count": 1},
    P + "self_attn.o_proj": lin(8, 8, 3), P + "attention.add": {"flops": 24},
    P + "post_attention_layernorm": {"flops": 4 * 24}, P + "mlp.gate_proj": lin(12, 8, 3),
    P + "mlp.up_proj": lin(12, 8, 3), P + "mlp.silu": {"flops": 4 * 36}, P + "mlp.mul": {"flops": 36},
    P + "mlp.down_proj": lin(8, 12, 3), P + "mlp.add": {"flops": 24}, "final_norm": {"flops": 4 * 24}},
     config={"model_type": "llama", "num_key_value_heads": 1, "hidden_act": "silu", **CAUSAL},
     options="--tokens 3 --context 10")


# codes with scales ------------------------------------------------------------------------
def words(codes, bits):
    """32-bit words of codes that follow each other, the lowest bits first."""
    out = [0] * -(-len(codes) * bits // 32)
    for i, code in enumerate(codes):
        for b in range(bits):
            if code >> b & 1:
                out[(i * bits + b) // 32] |= 1 << (i * bits + b) % 32
    return out


def pack(rows):
    return b"".join(struct.pack("<I", w) for row in rows for w in row)


def columns(rows):
    return [list(c) for c in zip(*rows)]


def floats(values, kind="e"):
    return struct.pack(f"<{len(values)}{kind}", *values)


def drawn(m, k, top):
    return [[RANDOM.randrange(top) for _ in range(k)] for _ in range(m)]


def packed_cases():
    m, k, group = 32, 64, 32
    scale = [[RANDOM.choice([.5, 1, 2]) for _ in range(k // group)] for _ in range(m)]
    flat = [s for column in columns(scale) for s in column]
    for bits in (2, 3, 4, 8):
        code, zero = drawn(m, k, 1 << bits), drawn(m, k // group, (1 << bits) - 1)
        for v2 in (False, True):
            value = [[(code[i][j] - zero[i][j // group] - (not v2)) * scale[i][j // group] for j in range(k)]
                     for i in range(m)]
            down = columns([words(row, bits) for row in code])    # words along k, then m
            case(f"GPTQ {bits} bits v2 {v2}",
                 {"a.qweight": ("I32", (k * bits // 32, m), pack(down)),
                  "a.qzeros": ("I32", (k // group, m * bits // 32),
                               pack([words(z, bits) for z in columns(zero)])),
                  "a.scales": ("F16", (k // group, m), floats(flat))}, {"a": lin(m, k, **figures(value))},
                 config={"model_type": "x", "quantization_config": {"checkpoint_format": "gptq_v2" if v2 else "gptq"}},
                 parameters=m * k + 2 * m * k // group)
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    code, zero = drawn(m, k, 16), drawn(m, k // group, 16)
    value = [[(code[i][j] - zero[i][j // group]) * scale[i][j // group] for j in range(k)] for i in range(m)]
    def awq(rows):
        return pack([[sum(row[8 * w + order[p]] << 4 * p for p in range(8)) for w in range(len(row) // 8)]
                     for row in rows])
    case("AWQ", {"a.qweight": ("I32", (k, m // 8), awq(columns(code))),
                 "a.qzeros": ("I32", (k // group, m // 8), awq(columns(zero))),
                 "a.scales": ("F16", (k // group, m), floats(flat))}, {"a": lin(m, k, **figures(value))})
    turned = [RANDOM.randrange(k // group) for _ in range(k)]
    value = [[(code[i][j] - 8) * scale[i][turned[j]] for j in range(k)] for i in range(m)]
    case("GPTQ in another order",
         {"a.qweight": ("I32", (k // 8, m), pack(columns([words(row, 4) for row in code]))),
          "a.qzeros": ("I32", (k // group, m // 8), b"\x77" * (k // group * m // 2)),
          "a.scales": ("F16", (k // group, m), floats(flat)), "a.g_idx": ("I32", (k,), floats(turned, "i"))},
         {"a": lin(m, k, **figures(value))})
    for bits in (4, 8):
        code, zero = drawn(m, k, 1 << bits), drawn(m, k // group, 1 << bits)
        for asymmetric in (False, True):
            half = 1 << bits - 1
            value = [[(code[i][j] - (zero[i][j // group] if asymmetric else half)) * scale[i][j // group]
                      for j in range(k)] for i in range(m)]
            tensors = {"a.weight_packed": ("I32", (m, k * bits // 32), pack([words(row, bits) for row in code])),
                       "a.weight_scale": ("F16", (m, k // group), floats([s for row in scale for s in row])),
                       "a.weight_shape": ("I64", (2,), struct.pack("<2q", m, k))}
            if asymmetric:
                tensors["a.weight_zero_point"] = ("I32", (m * bits // 32, k // group), pack(columns(
                    [words(column, bits) for column in columns(zero)])))
            case(f"pack-quantized {bits} {asymmetric}", tensors, {"a": lin(m, k, **figures(value))})
    e2m1 = [0, .5, 1, 1.5, 2, 3, 4, 6]
    e2m1 += [-v for v in e2m1]
    code = [drawn(m, k, 16) for _ in range(2)]
    power = [drawn(m, k // 32, 4) for _ in range(2)]
    def pairs(row):
        return bytes(row[j] | row[j + 1] << 4 for j in range(0, len(row), 2))
    case("MXFP4", {"x.experts.down_proj_blocks": ("U8", (2, m, k // 32, 16),
                                                  b"".join(pairs(row) for one in code for row in one)),
                   "x.experts.down_proj_scales": ("U8", (2, m, k // 32),
                                                  bytes(126 + p for one in power for row in one for p in row))},
         {f"x.experts.down_proj.{e}": lin(m, k, **figures(
             [[e2m1[code[e][i][j]] * 2.0 ** (power[e][i][j // 32] - 1) for j in range(k)] for i in range(m)]))
          for e in range(2)})
    case("NVFP4", {"a.weight_packed": ("U8", (m, k // 2), b"".join(map(pairs, code[0]))),
                   "a.weight_scale": ("F8_E4M3", (m, k // 16), bytes([0x40] * (m * k // 16)))},
         {"a": lin(m, k, **figures([[2 * e2m1[c] for c in row] for row in code[0]]))})
    table = [-1 + i / 8 for i in range(16)]
    most = [RANDOM.choice([.5, 2]) for _ in range(m * k // 64)]
    state = json.dumps({"quant_type": "nf4", "blocksize": 64, "shape": [m, k]}).encode()
    flat = [c for row in code[0] for c in row]
    case("bitsandbytes", {"a.weight": ("U8", (m * k // 2, 1), bytes(flat[e] << 4 | flat[e + 1]
                                                                    for e in range(0, m * k, 2))),
                          "a.weight.absmax": ("F32", (len(most),), floats(most, "f")),
                          "a.weight.quant_map": ("F32", (16,), floats(table, "f")),
                          "a.weight.quant_state.bitsandbytes__nf4": ("U8", (len(state),), state)},
         {"a": lin(m, k, **figures([[table[code[0][i][j]] * most[(i * k + j) // 64] for j in range(k)]
                                    for i in range(m)]))})


# GGUF ---------------------------------------------------------------------------------------
def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(values, tensors, version=3):
    """values: key: number or text; tensors: name: (type, shape as NumPy has it, bytes)."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    for key, value in values.items():
        out += text(key) + (struct.pack("<I", 8) + text(value) if isinstance(value, str)
                            else struct.pack("<II", 4, value))
    data = b""
    for name, (kind, shape, part) in tensors.items():
        out += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", s) for s in shape[::-1])
        out += struct.pack("<IQ", kind, len(data))
        data += part + bytes(-len(part) % 32)
    return out + bytes(-len(out) % 32) + data


def q8_0(rows):
    return b"".join(struct.pack("<e32b", 2, *row[j:j + 32]) for row in rows for j in range(0, len(row), 32))


# Type, bytes of a block, where its f16 scales are, the non-zeros and the sum of 4 x 512 weights whose bytes
# random.Random(7) draws, as the gguf package expands them.
BLOCKS = {2: (18, (0,), 1590, 283.5),
          3: (20, (0, 2), 1971, -9368.75),
          6: (22, (0,), 1767, 940.0),
          7: (24, (0, 2), 1950, -12972.75),
          8: (34, (0,), 1717, -7547.0),
          10: (84, (80, 82), 1912, -22929.5),
          11: (110, (108,), 1362, -5473.0),
          12: (144, (0, 2), 2048, 147542.5),
          13: (176, (0, 2), 2036, -1394348.5),
          14: (210, (208,), 1763, -201468.75),
          39: (17, (), 1816, 20335.68359375)}


def drawn_blocks(kind):
    """4 rows of 512 weights of any bytes, with scales of -3/4 to 3/4."""
    size, scales = BLOCKS[kind][:2]
    draw = random.Random(7)
    blocks = []
    for _ in range(4 * 512 // (32 if size < 40 else 256)):
        block = bytearray(draw.randrange(256) for _ in range(size))
        for at in scales:
            block[at:at + 2] = struct.pack("<e", draw.randrange(-3, 4) / 4)
        if kind == 39:
            block[0] = 120 + draw.randrange(14)
        blocks.append(bytes(block))
    return b"".join(blocks)


def gguf_cases():
    value = [[RANDOM.choice([0, 0, RANDOM.randrange(-9, 9)]) for _ in range(64)] for _ in range(6)]
    doubled = figures([[2 * v for v in row] for row in value])
    meta = {"general.architecture": "strange", "strange.block_count": 1, "strange.embedding_length": 64,
            "strange.expert_count": 3, "strange.expert_used_count": 1}
    case("GGUF", gguf(meta, {"token_embd.weight": (8, (6, 64), q8_0(value)), "output_norm.weight": (0, (64,), bytes(256)),
                             "blk.0.ffn_up.weight": (8, (6, 64), q8_0(value))}),
         {"blk.0.ffn_up": lin(6, 64, 3, **doubled), "lm_head": lin(6, 64, 3, prunable=False, **doubled)},
         options="--tokens 3", parameters=2 * 384 + 64)
    case("GGUF of experts", gguf(meta, {"blk.0.ffn_up_exps.weight": (8, (3, 2, 64), q8_0(value))}, 2),
         {f"blk.0.ffn_up_exps.{e}": lin(2, 64, 1, **{x: y for x, y in figures(
             [[2 * v for v in row] for row in value[2 * e:2 * e + 2]]).items()}) for e in range(3)},
         options="--tokens 3", parameters=384)
    case("GGUF with its own head", gguf(meta, {"token_embd.weight": (8, (6, 64), q8_0(value)),
                                               "output.weight": (8, (6, 64), q8_0(value))}),
         {"output": lin(6, 64, 3, prunable=False)}, options="--tokens 3")
    for kind, (_, _, nnz, total) in BLOCKS.items():
        case(f"GGUF type {kind}", gguf(meta, {"blk.0.a.weight": (kind, (4, 512), drawn_blocks(kind))}),
             {"blk.0.a": lin(4, 512, nnz=nnz, sum=total)})


def same(wanted, seen):
    if isinstance(wanted, float):
        return abs(wanted - seen) <= 1e-6 * max(abs(wanted), abs(seen))
    return wanted == seen


def check(program, one):
    name, tensors, config, options, layers, parameters = one
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "model.bin")
        path.write_bytes(tensors if isinstance(tensors, bytes) else safetensors(tensors))
        if config:
            Path(scratch, "config.json").write_text(json.dumps(config))
        done = subprocess.run([program, *options, path], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{name}: {done.stderr}")
        return False
    head, *rows = [json.loads(line) for line in done.stdout.splitlines()]
    seen = {row["layer"]: row for row in rows}
    good = list(sorted(seen)) == list(sorted(layers))
    wrong = {} if good else {"layers": sorted(set(seen) ^ set(layers))}
    for layer in set(layers) & set(seen):
        for key, value in layers[layer].items():
            if not same(value, seen[layer].get(key)):
                wrong[f"{layer} {key}"] = (value, seen[layer].get(key))
    if parameters is not None and head["parameters"] != parameters:
        wrong["parameters"] = (parameters, head["parameters"])
    if wrong:
        print(f"{name}: (expected, seen) {wrong}")
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count-weights", required=True, metavar="PROGRAM")
    args = parser.parse_args()
    packed_cases()
    gguf_cases()
    bad = sum(not check(args.count_weights, one) for one in CASES)
    print(f"{len(CASES)} checkpoints, {bad} read otherwise")
    return bad != 0


if __name__ == "__main__":
    raise SystemExit(main())
