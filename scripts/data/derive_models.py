#!/usr/bin/env python3
"""Write data/models/*.csv and tests/data/model_totals.csv from network definitions.

Every table is one network at batch 1, one row per operator in execution order:

  GEMM rows   Y[m x n] = W[m x k] * X[k x n] (linear, conv, depthwise, attention)
  other rows  what is not a GEMM: flops, and x_elements = elements read + written

The counting rule for `other` rows is the table RULE below, explained in data/README.md.
Standard library only; the output depends on nothing but this file.

  derive_models.py               write the tables
  derive_models.py --check       write nothing; fail if a table on disk differs
  derive_models.py --compare DIR also compare the GEMM rows with the tables in DIR
"""
import argparse
import csv
import io
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["layer", "op", "m", "k", "n", "count", "groups", "prunable", "x_elements", "flops",
           "calls", "epilogue"]
WEIGHTED = ("linear", "conv", "depthwise")

# FLOP per element of the operator's result (for pooling: per element of each window).
# exp, erf, square root, division and comparison count 1; per-row scalars count nothing.
RULE = {
    "softmax": 5,     # maximum, subtract, exp, sum, divide
    "layer_norm": 7,  # sum, subtract mean, square, sum, times 1/sigma, times gamma, plus beta
    "rms_norm": 4,    # square, sum, times 1/rms, times gamma
    "gelu": 5,        # x/sqrt(2), erf, plus 1, times x, times 1/2
    "silu": 4,        # negate, exp, plus 1, divide
    "relu": 1,        # compare
    "add": 1,
    "add_relu": 2,    # residual addition and the ReLU behind it, in one pass
    "mul": 1,
    "rotary": 3,      # x*cos + rotated(x)*sin
    "k_winners": 4,   # 3 for an expected linear-time selection of the k-th largest, 1 threshold
}

# What may run inside the product above it: one element after the other. Norms, softmax and
# k-winners need whole rows, the rotary embedding pairs of them.
EPILOGUES = {"gelu", "silu", "relu", "add", "add_relu", "mul"}

# The totals each table must keep: MACs = sum m*k*n*count without `other`,
# weights = sum m*k*count of linear, conv and depthwise rows.
TOTALS = {
    "resnet50": (4089184256, 25502912),
    "convnext_tiny": (4455531264, 28524000),
    "mobilenet_v1": (568740352, 4209088),
    "vit_b_16": (17563828224, 86292480),
    "bert_base_seq128": (11173625856, 84934656),
    "llama7b_decode": (7143948288, 6607077376),
    "gsc_cnn_1000": (13106400, 1716000),
    "gsc_cnn_1500": (13912400, 2522000),
}


class Net:
    """Rows of one network; convolutions keep track of the picture's size."""

    def __init__(self, name, about, channels=0, size=0):
        self.name, self.about = name, about
        self.c, self.h = channels, size
        self.rows = []

    def row(self, layer, op, m="", k="", n="", count=1, groups=1, prunable=0, x="", flops="",
            calls=None, epilogue=0):
        cells = (layer, op, m, k, n, count, groups, prunable, x, flops,
                 count if calls is None else calls, epilogue)
        self.rows.append(dict(zip(COLUMNS, cells)))

    # GEMM rows -------------------------------------------------------------------------
    def conv(self, layer, out, kernel, stride=1, pad=0, prunable=1, depthwise=False, source=None):
        """A convolution from the current picture, or from source = (channels, size)."""
        c, h = source or (self.c, self.h)
        o = (h + 2 * pad - kernel) // stride + 1
        # Distinct input elements: all of them, unless the kernel steps over some.
        x = c * (h * h if kernel >= stride else o * o * kernel * kernel)
        if depthwise:
            assert out == c
            self.row(layer, "depthwise", c, kernel * kernel, o * o, 1, c, 0, x)
        else:
            self.row(layer, "conv", out, c * kernel * kernel, o * o, 1, 1, prunable, x)
        self.c, self.h = out, o

    def linear(self, layer, out, inp, n=1, count=1, prunable=1):
        self.row(layer, "linear", out, inp, n, count, 1, prunable)

    def attention(self, prefix, queries, keys, dim, qk_count, layers, heads):
        """Scores, softmax, weighted sum; `keys` rows of the key and value matrices. One call
        has all heads of a layer."""
        if queries == 1:    # decoding: the caches are the large left operand
            self.row(prefix + ".qk", "attention", keys, dim, 1, qk_count, calls=layers)
        else:
            self.row(prefix + ".qk", "attention", queries, dim, keys, qk_count, calls=layers)
        self.each(prefix + ".softmax", "softmax", heads * queries * keys, count=layers)
        self.row(prefix + ".av", "attention", dim, keys, queries, qk_count, calls=layers)

    # other rows ------------------------------------------------------------------------
    def other(self, layer, flops, elements, count=1, epilogue=0):
        self.row(layer, "other", count=count, x=elements, flops=flops, epilogue=epilogue)

    def each(self, layer, kind, elements, inputs=1, count=1):
        """An operator that reads `inputs` tensors of this size and writes one."""
        self.other(layer, RULE[kind] * elements, (inputs + 1) * elements, count,
                   int(kind in EPILOGUES))

    def pool(self, layer, kernel, stride, pad=0):
        """Maximum or average: kernel^2 FLOP per output."""
        o = (self.h + 2 * pad - kernel) // stride + 1
        read, written = self.c * self.h * self.h, self.c * o * o
        self.other(layer, kernel * kernel * written, read + written)
        self.h = o

    def size(self):
        return self.c * self.h * self.h


def resnet50():
    net = Net("resnet50", [
        "ResNet-50, ImageNet, 224x224, batch 1 (torchvision resnet50, layer names of its modules)",
        "Batch norm is folded into the convolutions and ReLU fused into them: no rows",
    ], 3, 224)
    net.conv("conv1", 64, 7, 2, 3)
    net.pool("maxpool", 3, 2, 1)
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 1):
        for i in range(blocks):
            p = f"layer{stage}.{i}."
            stride = 2 if i == 0 and stage > 1 else 1
            into = (net.c, net.h)
            net.conv(p + "conv1", width, 1)
            net.conv(p + "conv2", width, 3, stride, 1)
            net.conv(p + "conv3", 4 * width, 1)
            if i == 0:
                net.conv(p + "downsample.0", 4 * width, 1, stride, source=into)
            net.each(p + "add_relu", "add_relu", net.size(), inputs=2)
    net.pool("avgpool", 7, 7)
    net.linear("fc", 1000, 2048)
    return net


def mobilenet_v1():
    net = Net("mobilenet_v1", [
        "MobileNetV1 1.0, ImageNet, 224x224, batch 1 (arXiv 1704.04861, table 1; layer names of",
        "a common PyTorch definition: model.I.0 depthwise, model.I.3 pointwise)",
        "Batch norm is folded into the convolutions and ReLU fused into them: no rows",
    ], 3, 224)
    net.conv("model.0.0", 32, 3, 2, 1)
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    plan += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    for i, (out, stride) in enumerate(plan, 1):
        net.conv(f"model.{i}.0", net.c, 3, stride, 1, depthwise=True)
        net.conv(f"model.{i}.3", out, 1)
    net.pool("model.14", 7, 7)
    net.linear("fc", 1000, 1024)
    return net


def convnext_tiny():
    net = Net("convnext_tiny", [
        "ConvNeXt-Tiny, ImageNet, 224x224, batch 1 (torchvision convnext_tiny, its module names)",
        "Unfused: layer norm, GELU, layer scale and residual addition are rows of their own;",
        "permutations are views (channels-last pictures) and not counted",
    ], 3, 224)
    net.conv("features.0.0", 96, 4, 4)
    net.each("features.0.1", "layer_norm", net.size())
    for stage, (blocks, width) in enumerate(((3, 96), (3, 192), (9, 384), (3, 768))):
        if stage:
            net.each(f"features.{2 * stage}.0", "layer_norm", net.size())
            net.conv(f"features.{2 * stage}.1", width, 2, 2)
        pixels = net.h * net.h
        for i in range(blocks):
            p = f"features.{2 * stage + 1}.{i}."
            net.conv(p + "block.0", width, 7, 1, 3, depthwise=True)
            net.each(p + "block.2", "layer_norm", net.size())
            net.linear(p + "block.3", 4 * width, width, pixels)
            net.each(p + "block.4", "gelu", 4 * net.size())
            net.linear(p + "block.5", width, 4 * width, pixels)
            net.each(p + "layer_scale", "mul", net.size())
            net.each(p + "add", "add", net.size(), inputs=2)
    net.pool("avgpool", 7, 7)
    net.each("classifier.0", "layer_norm", net.size())
    net.linear("classifier.2", 1000, 768)
    return net


def vit_b_16():
    tokens, width, mlp, heads = 14 * 14 + 1, 768, 3072, 12
    net = Net("vit_b_16", [
        "ViT-B/16, ImageNet, 224x224 (197 tokens), batch 1 (torchvision vit_b_16, its module names)",
        "Published: 86,567,656 parameters, 17.56 GMACs. Weights here 86,292,480 + biases 84,712",
        "+ layer norms 25*2*768 = 38,400 + class token 768 + positions 197*768 = 151,296",
        "= 86,567,656; MACs of the rows below: 17,563,828,224",
        "Unfused: softmax, layer norm, GELU and residual addition are rows of their own",
    ], 3, 224)
    size = tokens * width
    net.conv("conv_proj", width, 16, 16)
    net.each("encoder.pos_embedding", "add", size, inputs=2)
    for i in range(12):
        p = f"encoder.layers.encoder_layer_{i}."
        net.each(p + "ln_1", "layer_norm", size)
        net.linear(p + "self_attention.in_proj", 3 * width, width, tokens)
        net.attention(p + "self_attention", tokens, tokens, width // heads, heads, 1, heads)
        net.linear(p + "self_attention.out_proj", width, width, tokens)
        net.each(p + "add_1", "add", size, inputs=2)
        net.each(p + "ln_2", "layer_norm", size)
        net.linear(p + "mlp.0", mlp, width, tokens)
        net.each(p + "mlp.1", "gelu", tokens * mlp)
        net.linear(p + "mlp.3", width, mlp, tokens)
        net.each(p + "add_2", "add", size, inputs=2)
    net.each("encoder.ln", "layer_norm", size)
    net.linear("heads.head", 1000, width)
    return net


def bert_base_seq128():
    tokens, width, mlp, heads = 128, 768, 3072, 12
    net = Net("bert_base_seq128", [
        "BERT-base encoder, sequence of 128 tokens, batch 1 (arXiv 1810.04805; Hugging Face module",
        "names); embeddings and 12 layers, no pooler and no task head",
        "Unfused: softmax, layer norm, GELU and residual addition are rows of their own",
    ])
    size = tokens * width
    # Word, position and segment rows gathered and added in one pass: 3 read, 2 additions, 1 written.
    net.other("embeddings", 2 * size, 4 * size)
    net.each("embeddings.LayerNorm", "layer_norm", size)
    for i in range(12):
        p = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            net.linear(p + "attention.self." + part, width, width, tokens)
        net.attention(p + "attention", tokens, tokens, width // heads, heads, 1, heads)
        net.linear(p + "attention.output.dense", width, width, tokens)
        net.each(p + "attention.output.add", "add", size, inputs=2)
        net.each(p + "attention.output.LayerNorm", "layer_norm", size)
        net.linear(p + "intermediate.dense", mlp, width, tokens)
        net.each(p + "intermediate.gelu", "gelu", tokens * mlp)
        net.linear(p + "output.dense", width, mlp, tokens)
        net.each(p + "output.add", "add", size, inputs=2)
        net.each(p + "output.LayerNorm", "layer_norm", size)
    return net


def llama7b_decode():
    layers, width, mlp, heads, context, vocabulary = 32, 4096, 11008, 32, 2048, 32000
    head = width // heads
    net = Net("llama7b_decode", [
        "Llama-7B (and Llama-2-7B), one decoding step with a context of 2048 tokens, batch 1",
        "(arXiv 2302.13971; Hugging Face module names); count 32 = all layers, 1024 = layers * heads",
        "The attention rows read the whole key and value caches, the kv_cache rows append one token",
        "Unfused: softmax, RMS norm, SiLU, products and residual additions are rows of their own",
    ])
    p = "layers.*."
    net.other("embed_tokens", 0, 2 * width)
    net.each(p + "input_layernorm", "rms_norm", width, count=layers)
    for part in ("q_proj", "k_proj", "v_proj"):
        net.linear(p + "self_attn." + part, width, width, count=layers)
    # Queries and keys of every head, and one row of cosines and of sines.
    net.other(p + "self_attn.rotary", RULE["rotary"] * 2 * width, 2 * 2 * width + 2 * head, layers)
    net.other(p + "self_attn.kv_cache", 0, 2 * 2 * width, layers)
    net.attention(p + "self_attn", 1, context, head, layers * heads, layers, heads)
    net.linear(p + "self_attn.o_proj", width, width, count=layers)
    net.each(p + "self_attn.add", "add", width, inputs=2, count=layers)
    net.each(p + "post_attention_layernorm", "rms_norm", width, count=layers)
    net.linear(p + "mlp.gate_proj", mlp, width, count=layers)
    net.linear(p + "mlp.up_proj", mlp, width, count=layers)
    net.each(p + "mlp.act_fn", "silu", mlp, count=layers)
    net.each(p + "mlp.mul", "mul", mlp, inputs=2, count=layers)
    net.linear(p + "mlp.down_proj", width, mlp, count=layers)
    net.each(p + "mlp.add", "add", width, inputs=2, count=layers)
    net.each("norm", "rms_norm", width)
    net.linear("lm_head", vocabulary, width, prunable=0)
    return net


def gsc_cnn(units):
    net = Net(f"gsc_cnn_{units}", [
        f"Keyword-spotting CNN for Google Speech Commands with {units} hidden units, 32x32 input,",
        "batch 1 (GSCSparseCNN of numenta/nupic.torch; arXiv 1903.11257 and 2112.13896)",
        "Prunable: second convolution and hidden layer",
        "Batch norm is folded; max pooling and k-winners (in place of ReLU) are rows of their own",
    ], 1, 32)
    net.conv("cnn1", 64, 5, prunable=0)
    net.pool("cnn1_maxpool", 2, 2)
    net.each("cnn1_kwinner", "k_winners", net.size())
    net.conv("cnn2", 64, 5)
    net.pool("cnn2_maxpool", 2, 2)
    net.each("cnn2_kwinner", "k_winners", net.size())
    net.linear("linear", units, net.size())
    net.each("linear_kwinner", "k_winners", units)
    net.linear("output", 12, units, prunable=0)
    return net


def networks():
    return [resnet50(), convnext_tiny(), mobilenet_v1(), vit_b_16(), bert_base_seq128(),
            llama7b_decode(), gsc_cnn(1000), gsc_cnn(1500)]


def totals(rows):
    macs = sum(r["m"] * r["k"] * r["n"] * r["count"] for r in rows if r["op"] != "other")
    weights = sum(r["m"] * r["k"] * r["count"] for r in rows if r["op"] in WEIGHTED)
    return macs, weights


def table(net):
    out = io.StringIO()
    for line in net.about:
        out.write(f"# {line}\n")
    out.write("# other rows: flops at 1 per elementary operation, x_elements = elements read + "
              "written (data/README.md)\n")
    out.write("# made by scripts/data/derive_models.py\n")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(net.rows)
    return out.getvalue()


def read_rows(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(line for line in f if not line.startswith("#")))


def compare(net, path):
    """GEMM rows of another table of the same network: same names, same numbers, any order."""
    keys = COLUMNS[:COLUMNS.index("flops")]
    mine = [[str(r[c]) for c in keys] for r in net.rows if r["op"] != "other"]
    theirs = [[r[c] for c in keys] for r in read_rows(path) if r["op"] != "other"]
    return sorted(mine) == sorted(theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the files, write nothing")
    parser.add_argument("--compare", metavar="DIR", type=Path, help="tables to compare GEMM rows with")
    args = parser.parse_args()
    bad = 0
    files = {}
    lines = ["model,macs,weights"]
    for net in networks():
        names = [r["layer"] for r in net.rows]
        assert len(names) == len(set(names)), f"{net.name}: a layer name occurs twice"
        macs, weights = totals(net.rows)
        if (macs, weights) != TOTALS[net.name]:
            print(f"{net.name}: totals {macs} {weights}, expected {TOTALS[net.name]}", file=sys.stderr)
            bad += 1
        gemm = sum(r["op"] != "other" for r in net.rows)
        flops = sum(r["flops"] * r["count"] for r in net.rows if r["op"] == "other")
        elements = sum(r["x_elements"] * r["count"] for r in net.rows if r["op"] == "other")
        print(f"{net.name:17} {gemm:3} GEMM rows, {macs:>14,} MACs, {weights:>13,} weights; "
              f"{len(names) - gemm:3} other rows, {flops:>11,} FLOP, {elements:>11,} elements")
        if args.compare and (args.compare / f"{net.name}.csv").exists():
            same = compare(net, args.compare / f"{net.name}.csv")
            print(f"{'':17} GEMM rows {'equal' if same else 'DIFFER from'} {args.compare.name}")
            bad += not same
        lines.append(f"{net.name},{macs},{weights}")
        files[ROOT / "data" / "models" / f"{net.name}.csv"] = table(net)
    files[ROOT / "tests" / "data" / "model_totals.csv"] = "\n".join(lines) + "\n"
    if bad:
        return 1
    for path, text in files.items():
        if args.check:
            if not path.exists() or path.read_text() != text:
                print(f"{path.relative_to(ROOT)}: differs from what this script writes", file=sys.stderr)
                bad += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
