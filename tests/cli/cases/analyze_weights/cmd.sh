# Weights where a layer table is expected: the command that makes one.
: >model.safetensors
sproof analyze model.safetensors
sproof validate model.pt
