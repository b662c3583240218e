#pragma once

/// What the module of loaded_module_test.cpp gives.
struct TestTable {
  int (*twice)(int);
};
