#pragma once

// Debian 12 has Catch2 2, upstream is at 3: this line is the only place that knows.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
