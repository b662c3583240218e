// A library to preload (LD_PRELOAD) into a program whose libraries were changed by held_engines.py:
// in them CPUID is an instruction that no processor has. It is answered here as by a processor with
// AVX2 and no more, so that engines without a switch choose the kernels that they have for that.
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

// What held_engines.py writes over 0F A2.
enum { kInsteadOf0F = 0x06, kSecondByte = 0xA2 };

// Bits of leaf 7 that say AVX-512, AVX-VNNI, AVX10 and AMX.
static const unsigned kLeaf7Ebx =
    1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31;
static const unsigned kLeaf7Ecx = 1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14;
static const unsigned kLeaf7Edx =
    1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25;
static const unsigned kLeaf7Part1Eax = 1u << 4 | 1u << 5 | 1u << 21 | 1u << 23;
static const unsigned kLeaf7Part1Edx = 1u << 4 | 1u << 5 | 1u << 8 | 1u << 10 | 1u << 19;

static void answer(int signal_number, siginfo_t* info, void* context) {
  (void)signal_number;
  (void)info;
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  const unsigned char* code = (const unsigned char*)registers[REG_RIP];
  if (code[0] != kInsteadOf0F || code[1] != kSecondByte) abort();
  const unsigned leaf = (unsigned)registers[REG_RAX], part = (unsigned)registers[REG_RCX];
  unsigned eax, ebx, ecx, edx;
  __cpuid_count(leaf, part, eax, ebx, ecx, edx);
  if (leaf == 7 && part == 0) {
    ebx &= ~kLeaf7Ebx;
    ecx &= ~kLeaf7Ecx;
    edx &= ~kLeaf7Edx;
  }
  if (leaf == 7 && part == 1) {
    eax &= ~kLeaf7Part1Eax;
    edx &= ~kLeaf7Part1Edx;
  }
  registers[REG_RAX] = eax;
  registers[REG_RBX] = ebx;
  registers[REG_RCX] = ecx;
  registers[REG_RDX] = edx;
  registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void begin(void) {
  struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  sigaction(SIGILL, &action, NULL);
}
