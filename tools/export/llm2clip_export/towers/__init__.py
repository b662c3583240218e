"""The networks, as modules that torch.jit.script accepts. One file a network; each reads like its paper."""
