#include "store/run/packed_ids.h"

#include "llm2clip/error.h"

namespace llm2clip {

std::vector<std::int64_t> boundaries_of(const std::vector<std::string>& ids) {
  std::vector<std::int64_t> boundaries = {0};
  boundaries.reserve(ids.size() + 1);
  for (const std::string& id : ids) {
    boundaries.push_back(boundaries.back() + static_cast<std::int64_t>(id.size()));
  }
  return boundaries;
}

std::vector<std::string> unpack_ids(const SafetensorsFile& file) {
  const auto refuse = [] {
    throw Error(ErrorKind::bad_model,
                "ids: their boundaries do not fit their bytes; the file is "
                "damaged");
  };
  const std::vector<std::int64_t> boundaries = file.int64_values(kIdBoundaries);
  const SafetensorsTensor& tensor = file.at(kIdBytes);
  const auto size = static_cast<std::int64_t>(tensor.bytes.size());
  if (tensor.dtype != "U8" || boundaries.empty() || boundaries.front() != 0 ||
      boundaries.back() != size) {
    refuse();
  }
  std::vector<std::string> ids;
  ids.reserve(boundaries.size() - 1);
  const auto* bytes = reinterpret_cast<const char*>(tensor.bytes.data());
  for (std::size_t i = 1; i < boundaries.size(); ++i) {
    if (boundaries[i] < boundaries[i - 1] || boundaries[i] > size) refuse();
    ids.emplace_back(bytes + boundaries[i - 1],
                     static_cast<std::size_t>(boundaries[i] - boundaries[i - 1]));
  }
  return ids;
}

}  // namespace llm2clip
