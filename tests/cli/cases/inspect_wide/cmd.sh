# Pattern columns that a terminal of 80 has no room for are left out, and the text says so.
printf '1, 1048576, 1\n0 1\n7\n' > encoder_layer_0_attention.smtx
sproof inspect encoder_layer_0_attention.smtx --tokens 16 --pattern csr,1x2,1x4,1x16,2:4
