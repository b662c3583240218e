#include "test_module.h"

extern "C" __attribute__((visibility("default"))) const TestTable* llm2clip_test_module_1() {
  static const TestTable kTable = {[](int number) { return 2 * number; }};
  return &kTable;
}
