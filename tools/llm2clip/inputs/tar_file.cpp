#include "inputs/tar_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <system_error>

namespace llm2clip::cli {
namespace {

constexpr std::size_t kBlockBytes = 256u << 10;  // read from the disk at once

// libarchive brings the names of pax headers to Unicode's composed form and to the encoding of the
// thread's locale. Where that is C it can do neither, warns, and gives the bytes as they are.
class PlainNames {
 public:
  PlainNames() : locale_(::newlocale(LC_CTYPE_MASK, "C", nullptr)), before_(::uselocale(locale_)) {}
  PlainNames(const PlainNames&) = delete;
  PlainNames& operator=(const PlainNames&) = delete;
  ~PlainNames() {
    ::uselocale(before_);
    ::freelocale(locale_);
  }

 private:
  locale_t locale_;
  locale_t before_;
};

}  // namespace

bool has_tar_ending(std::string_view name) {
  constexpr std::array<std::string_view, 4> kEndings = {".tar", ".tar.gz", ".tgz", ".tar.zst"};
  std::string lower(name.substr(name.size() - std::min<std::size_t>(name.size(), 8)));
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return lower.ends_with(ending); });
}

TarFile::TarFile(const std::string& path) : path_(path), archive_(::archive_read_new()) {
  if (archive_ == nullptr) throw std::bad_alloc();
  ::archive_read_support_format_tar(archive_);
  ::archive_read_support_filter_gzip(archive_);
  ::archive_read_support_filter_zstd(archive_);
  if (::archive_read_open_filename(archive_, path.c_str(), kBlockBytes) == ARCHIVE_OK) return;
  const int reason = ::archive_errno(archive_);
  // libarchive's numbers for a format that it does not know, and for what has no number.
  const Error error =
      reason == EILSEQ || reason <= 0
          ? broken()
          : Error(ErrorKind::unreadable_input,
                  path + ": cannot be opened: " + std::generic_category().message(reason));
  ::archive_read_free(archive_);
  throw error;
}

TarFile::~TarFile() { ::archive_read_free(archive_); }

std::optional<TarMember> TarFile::next() {
  const PlainNames plain_names;
  archive_entry* entry = nullptr;
  const int result = ::archive_read_next_header(archive_, &entry);
  if (result == ARCHIVE_EOF) {
    if (has_end_mark()) return std::nullopt;
    throw Error(ErrorKind::unreadable_input, path_ + ": ends after member " +
                                                 std::to_string(members_) +
                                                 ", without the mark of its end");
  }
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) throw broken();
  const char* name = ::archive_entry_pathname(entry);
  const bool plain_file = ::archive_entry_filetype(entry) == AE_IFREG &&
                          ::archive_entry_hardlink(entry) == nullptr &&
                          ::archive_entry_sparse_count(entry) == 0;
  const auto size = ::archive_entry_size(entry);
  if (size < 0) throw broken();
  ++members_;
  return TarMember{name == nullptr ? "" : name, static_cast<std::uint64_t>(size), plain_file};
}

std::vector<std::uint8_t> TarFile::read(std::uint64_t size) {
  std::vector<std::uint8_t> content;
  while (content.size() < size) {
    const std::size_t had = content.size();
    content.resize(had +
                   static_cast<std::size_t>(std::min<std::uint64_t>(size - had, kBlockBytes)));
    const la_ssize_t got = ::archive_read_data(archive_, &content[had], content.size() - had);
    if (got <= 0) throw broken();
    content.resize(had + static_cast<std::size_t>(got));
  }
  return content;
}

// A file cut between two members looks whole to libarchive, which takes the end of the file for
// the two blocks of zeros that tar demands.
bool TarFile::has_end_mark() const {
  return ::archive_filter_bytes(archive_, 0) > ::archive_read_header_position(archive_);
}

Error TarFile::broken() const {
  const char* reason = ::archive_error_string(archive_);
  const std::string words = reason == nullptr ? "" : ": " + std::string(reason);
  if (members_ == 0) {
    return Error(ErrorKind::unreadable_input, path_ + ": is not a tar archive, or damaged" + words);
  }
  return Error(
      ErrorKind::unreadable_input,
      path_ + ": ends early or is damaged, in or after member " + std::to_string(members_) + words);
}

}  // namespace llm2clip::cli
