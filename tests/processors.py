"""Environments of programs that are held down to what another processor has (docs/how_to/cpu_and_memory.md)."""

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "LLM2CLIP_MAX_CPU_ISA": "AVX2"}
