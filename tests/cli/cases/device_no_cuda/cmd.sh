# A GPU asked of a program that was built without CUDA.
sproof probe --device cuda:0
