#include "store/output_path.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "base/atomic_file.h"
#include "base/errors_only.h"
#include "base/file_calls.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/error.h"
#include "store/embeddings_writer.h"

namespace llm2clip {
namespace {

[[noreturn]] void fail_output(const std::filesystem::path& path, const std::string& message) {
  throw Error(ErrorKind::io, path.string() + ": " + message);
}

}  // namespace

void detail::check_output_path(const std::filesystem::path& path) {
  const auto target = target_of(path);
  const auto folder = folder_of(target);
  std::error_code error;
  const auto status = std::filesystem::status(target, error);
  if (std::filesystem::is_directory(status)) fail_output(path, "is a directory");
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    fail_output(path, "is a device or a pipe; a file is expected, which is replaced as a whole");
  }
  if (error && error.value() == ENAMETOOLONG) fail_output(path, error.message());
  if (!std::filesystem::is_directory(folder, error)) {
    fail_output(path, "the folder " + folder.string() + " does not exist; create it first");
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    fail_output(path, "the folder " + folder.string() +
                          " cannot be written to: " + std::generic_category().message(errno));
  }
}

std::filesystem::path detail::output_target(const std::filesystem::path& path) {
  return target_of(path);
}

void detail::write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  errors_only(path, [&] {
    AtomicFile file(path);
    file.write(std::as_bytes(bytes));
    file.commit();
  });
}

void check_embeddings_path(const std::filesystem::path& path) {
  check_ending(path);
  detail::check_output_path(path);
}

}  // namespace llm2clip
