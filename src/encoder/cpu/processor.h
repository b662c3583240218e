#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace llm2clip {

/// How LibTorch and its oneDNN multiply matrices of one type on this processor.
enum class ProductSpeed {
  none,    ///< oneDNN does not: LibTorch's own loops do, at a tenth of float32's rate or less
  slow,    ///< with float32's instructions and conversions, slower than float32
  native,  ///< with instructions for the type, at float32's rate or above
};

/// What decides in which precision a CPU computes.
struct ProcessorProducts {
  ProductSpeed bfloat16 = ProductSpeed::none;
  ProductSpeed float16 = ProductSpeed::none;
  bool integers = false;  ///< ours: of 16 bits, faster than float32
};

/// Asked of oneDNN, so that it follows what oneDNN sees and ONEDNN_MAX_CPU_ISA allows; of integers
/// by the level of our own loops.
ProcessorProducts ask_processor();

/// What ask_processor() gave when it was first needed.
const ProcessorProducts& processor_products();

/// For the log: "multiplies bfloat16 fast, float16 not at all; vector loops for AVX512".
std::string describe_processor();

/// Whether weights of `type` should be laid out for oneDNN's products here: it has the fastest ones
/// for float32 with AVX-512, and for bfloat16 where the processor multiplies that.
bool can_prepack(at::ScalarType type);

/// Whether our products multiply rows of bfloat16 with weights that they round to bfloat16, two
/// values at once (AVX512_BF16); else both are widened to float32.
bool multiplies_pairs();

/// Whether our products multiply integers and sum them in one instruction (AVX512_VNNI, AVX-VNNI).
bool multiplies_fused();

/// Whether our products multiply pairs of bfloat16, and bytes, by AMX: 16 rows with 16 columns in
/// one instruction. The system is asked, once, to let this process use its registers.
bool multiplies_tiles();

/// Whether our products (note [Products in place]) are the fastest here for weights of `type` that
/// are not laid out, in a program that computes in that type.
bool multiplies_in_place(at::ScalarType type);

}  // namespace llm2clip
