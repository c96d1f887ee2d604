# Changes that cannot be made.
for change in nonsense memory.DRM.bytes_per_s=2x memory.DRAM.bytes_per_s=fast engine.tensor.flops_per_s=-1 memory.L2.bytes_per_s=2x; do
    sproof analyze model.csv --machine machine.json --set "$change"
done
