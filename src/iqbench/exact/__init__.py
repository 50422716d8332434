"""Pictures and their statistics as tensor operations: on any device, with the bytes of the libraries on the CPU.

The libraries compute in whole numbers, and so do these functions: in int32, which all devices add and multiply alike.
Photos are tensors of shape (..., 3, height, width), so several of one size are worked on together.
"""
