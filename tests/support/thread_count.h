#pragma once

#include <ATen/Parallel.h>

/// For the time of a test: the count is the whole process's.
class ThreadCount {
 public:
  explicit ThreadCount(int count) { at::set_num_threads(count); }
  ~ThreadCount() { at::set_num_threads(before_); }

 private:
  int before_ = at::get_num_threads();
};
