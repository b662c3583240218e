#include "llm2clip/verify.h"

#include <algorithm>

#include "c/arguments.h"
#include "c/handles.h"
#include "c/options.h"

namespace llm2clip::c {
namespace {

llm2clip_stage stage_of(const StageReport& report) {
  return {.struct_size = sizeof(llm2clip_stage),
          .name = borrowed(report.stage),
          .values = report.values,
          .largest_error = report.largest_error,
          .cosine = report.cosine,
          .allowed_error = report.allowed_error,
          .least_cosine = report.least_cosine,
          .ok = report.ok,
          .reference_cosine = report.reference_cosine,
          .median_cosine = report.median_cosine,
          .reference_median = report.reference_median,
          .least_median = report.least_median};
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_verify(const char* directory, size_t directory_length,
                                const llm2clip_load_options* options, llm2clip_report** report) {
  return give(report, [&] {
    return verify(path_of(directory, directory_length, "directory"), load_options_of(options));
  });
}

llm2clip_status llm2clip_report_view(const llm2clip_report* report, size_t* stage_count, bool* ok) {
  return guarded([&] {
    const auto stages = object_of(report, "report");
    if (stage_count) *stage_count = stages->size();
    if (ok) {
      *ok = std::all_of(stages->begin(), stages->end(),
                        [](const StageReport& stage) { return stage.ok; });
    }
  });
}

llm2clip_status llm2clip_report_stage(const llm2clip_report* report, size_t index,
                                      llm2clip_stage* stage, size_t struct_size) {
  return guarded([&] {
    const auto stages = object_of(report, "report");
    if (index >= stages->size()) {
      refuse("index",
             "is " + std::to_string(index) + ", there are " + std::to_string(stages->size()));
    }
    write_struct(stage, struct_size, stage_of((*stages)[index]), "stage");
  });
}

llm2clip_status llm2clip_report_free(llm2clip_report* report) { return free_handle(report); }

llm2clip_status llm2clip_verify_files(const char* directory, size_t directory_length) {
  return guarded([&] { verify_files(path_of(directory, directory_length, "directory")); });
}
