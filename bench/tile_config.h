// Included before llama.cpp's own sources where GCC compiles them (scripts/setup --peers). GCC 12's
// _tile_loadconfig tells the compiler of the first eight bytes of a configuration alone; the rest
// is left out, and the next AMX instruction is an illegal one (ggml-org/llama.cpp#26954).
#if defined(__x86_64__) && defined(__AMX_TILE__) && !defined(__clang__)
#include <immintrin.h>
#define _tile_loadconfig(config) \
  __asm__ volatile("ldtilecfg %0" : : "m"(*(const char (*)[64])(config)))
#endif
