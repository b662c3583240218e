// The provenance of a run and the report beside a final file are taken when they are sound, and
// refused in one line otherwise.

#include "property.h"
#include "store/run/run_provenance.h"
#include "store/run/run_report.h"

namespace {

using namespace llm2clip;

void check_provenance(const RunProvenance& provenance) {
  const RunOptions options = options_of("run.json", provenance);
  fuzz::property(options.dim >= 1 && options.dim <= (1u << 24), "rows can be allocated");
  fuzz::property(options.shard >= 1 && options.shard <= options.shards, "a shard is one of them");
  const RunProvenance again = parse_provenance("run.json", provenance_json(provenance));
  fuzz::property(differences(provenance, again).empty(), "what was read is written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  RunProvenance provenance;
  if (fuzz::takes(ErrorKind::io, [&] { provenance = parse_provenance("run.json", text); })) {
    check_provenance(provenance);
  }
  RunReport report;
  if (fuzz::takes(ErrorKind::io, [&] { report = parse_report("x.npy", text); })) {
    check_provenance(report.provenance);
    const RunReport again = parse_report("x.npy", report_json(report));
    fuzz::property(again.inputs.blocks == report.inputs.blocks &&
                       again.summary.embedded == report.summary.embedded &&
                       again.summary.counts == report.summary.counts,
                   "what was read is written");
    fuzz::property(report.inputs.blocks.size() <= 256, "a report is short");
  }
  return 0;
}
