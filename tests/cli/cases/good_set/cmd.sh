# A changed machine says before and after.
sproof analyze model.csv --machine machine.json --set memory.DRAM.bytes_per_s=2x --set engine.simt.flops_per_s=4e13
