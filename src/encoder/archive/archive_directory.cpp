#include "encoder/archive/archive_directory.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "llm2clip/error.h"

// APPNOTE.TXT of PKWARE, sections 4.3 and 4.4, gives the layouts.

namespace llm2clip {
namespace {

constexpr std::uint32_t kLocalSignature = 0x04034b50;
constexpr std::uint32_t kDescriptorSignature = 0x08074b50;
constexpr std::uint32_t kCentralSignature = 0x02014b50;
constexpr std::uint32_t kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50;
constexpr std::uint32_t kLocator64Signature = 0x07064b50;

constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint64_t kCentralBytes = 46;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kEnd64Bytes = 56;
constexpr std::uint64_t kLocatorBytes = 20;
constexpr std::uint64_t kMostDescriptorBytes = 24;

constexpr std::uint16_t kEncrypted = 1 << 0;
constexpr std::uint16_t kHasDescriptor = 1 << 3;
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kDeflated = 8;
constexpr std::uint16_t kExtra64 = 1;
constexpr std::uint16_t kFull16 = 0xFFFF;
constexpr std::uint32_t kFull32 = 0xFFFFFFFF;

constexpr std::uint64_t kMostEntries = 65'536;
constexpr std::size_t kLongestName = 1024;
constexpr std::uint64_t kMostCodeBytes = 64u << 20;

// Bytes that are read within their bounds, whatever position is asked for.
class Bytes {
 public:
  Bytes(std::span<const std::byte> bytes, const std::filesystem::path& path)
      : bytes_(bytes), path_(path) {}

  std::uint64_t size() const { return bytes_.size(); }

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorKind::bad_model,
                path_.string() + ": " + why + "; it is damaged, or no export of llm2clip-export");
  }
  void require(bool condition, const std::string& why) const {
    if (!condition) refuse(why);
  }

  std::string_view text(std::uint64_t at, std::uint64_t count) const {
    require(count <= size() && at <= size() - count,
            "a record reaches past the end of the file; the file is truncated");
    return {reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(count)};
  }
  template <typename Integer>
  Integer integer(std::uint64_t at) const {
    Integer value;  // little-endian, as this machine
    std::memcpy(&value, text(at, sizeof value).data(), sizeof value);
    return value;
  }
  std::uint16_t u16(std::uint64_t at) const { return integer<std::uint16_t>(at); }
  std::uint32_t u32(std::uint64_t at) const { return integer<std::uint32_t>(at); }
  std::uint64_t u64(std::uint64_t at) const { return integer<std::uint64_t>(at); }

 private:
  std::span<const std::byte> bytes_;
  const std::filesystem::path& path_;
};

// Where the central directory stands.
struct Directory {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;
  std::uint64_t end = 0;  // where the records about it begin
};

Directory directory_of_zip64(const Bytes& bytes, std::uint64_t locator) {
  bytes.require(bytes.u32(locator + 4) == 0 && bytes.u32(locator + 16) == 1,
                "the archive spans several files");
  const std::uint64_t end = bytes.u64(locator + 8);
  bytes.require(end <= locator && locator - end == kEnd64Bytes &&
                    bytes.u32(end) == kEnd64Signature && bytes.u64(end + 4) == kEnd64Bytes - 12,
                "the end of its 64-bit directory is not where it should be");
  bytes.require(bytes.u32(end + 16) == 0 && bytes.u32(end + 20) == 0 &&
                    bytes.u64(end + 24) == bytes.u64(end + 32),
                "the archive spans several files");
  return {bytes.u64(end + 32), bytes.u64(end + 40), bytes.u64(end + 48), end};
}

// The two ways to say the same number must not contradict one another.
bool agrees(std::uint64_t small, std::uint64_t full, std::uint64_t large) {
  return small == large || small == full;
}

Directory find_directory(const Bytes& bytes) {
  bytes.require(bytes.size() >= kEndBytes, "is too short for a TorchScript archive");
  const std::uint64_t at = bytes.size() - kEndBytes;
  // PyTorch writes no comment, so the end stands at the end and nowhere else.
  bytes.require(bytes.u32(at) == kEndSignature && bytes.u16(at + 20) == 0,
                "is not a TorchScript archive, or bytes follow its end");
  bytes.require(
      bytes.u16(at + 4) == 0 && bytes.u16(at + 6) == 0 && bytes.u16(at + 8) == bytes.u16(at + 10),
      "the archive spans several files");
  Directory directory = {bytes.u16(at + 10), bytes.u32(at + 12), bytes.u32(at + 16), at};
  if (at >= kLocatorBytes && bytes.u32(at - kLocatorBytes) == kLocator64Signature) {
    const Directory small = directory;
    directory = directory_of_zip64(bytes, at - kLocatorBytes);
    bytes.require(agrees(small.entries, kFull16, directory.entries) &&
                      agrees(small.bytes, kFull32, directory.bytes) &&
                      agrees(small.offset, kFull32, directory.offset),
                  "its two directories contradict one another");
  }
  bytes.require(
      directory.offset <= directory.end && directory.bytes == directory.end - directory.offset,
      "its directory is not where its end says");
  bytes.require(directory.entries <= kMostEntries,
                "has more than " + std::to_string(kMostEntries) + " records");
  return directory;
}

void check_name(const Bytes& bytes, std::string_view name) {
  bool sound = !name.empty() && name.size() <= kLongestName && name.front() != '/' &&
               name.back() != '/' && name.find('\\') == name.npos && name.find(':') == name.npos;
  for (const char c : name) sound = sound && static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
  for (std::size_t start = 0; sound && start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    sound = !part.empty() && part != "." && part != "..";
    start = end + 1;
  }
  bytes.require(sound, "a record has a name that leads elsewhere");
}

// What the central directory says of one record.
struct Central {
  std::string name;
  std::uint16_t flags = 0;
  std::uint16_t method = kStored;
  std::uint32_t crc = 0;
  std::uint64_t bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t local = 0;  // of its local header
};

// Sizes and offset that do not fit 32 bits stand in an extra field, in this order.
void read_extra64(const Bytes& bytes, std::string_view extra, std::uint64_t at, Central& entry) {
  bool seen = false;
  std::uint64_t end = at + extra.size();
  while (at < end) {
    bytes.require(end - at >= 4, "a record has a damaged extra field");
    const std::uint16_t id = bytes.u16(at);
    const std::uint64_t size = bytes.u16(at + 2);
    bytes.require(size <= end - at - 4, "a record has a damaged extra field");
    if (id == kExtra64) {
      bytes.require(!seen, "a record has two 64-bit sizes");
      seen = true;
      std::uint64_t value = at + 4;
      const auto take = [&](std::uint64_t& number) {
        if (number != kFull32) return;
        bytes.require(value + 8 <= at + 4 + size, "a record lacks its 64-bit size");
        number = bytes.u64(value);
        value += 8;
      };
      take(entry.bytes);
      take(entry.stored_bytes);
      take(entry.local);
    }
    at += 4 + size;
  }
}

Central read_central(const Bytes& bytes, std::uint64_t& at, std::uint64_t end) {
  bytes.require(end - at >= kCentralBytes && bytes.u32(at) == kCentralSignature,
                "its directory ends early");
  Central entry;
  entry.flags = bytes.u16(at + 8);
  entry.crc = bytes.u32(at + 16);
  entry.method = bytes.u16(at + 10);
  entry.stored_bytes = bytes.u32(at + 20);
  entry.bytes = bytes.u32(at + 24);
  entry.local = bytes.u32(at + 42);
  const std::uint64_t name_bytes = bytes.u16(at + 28);
  const std::uint64_t extra_bytes = bytes.u16(at + 30);
  const std::uint64_t comment_bytes = bytes.u16(at + 32);
  bytes.require(name_bytes + extra_bytes + comment_bytes <= end - at - kCentralBytes,
                "its directory ends early");
  entry.name = bytes.text(at + kCentralBytes, name_bytes);
  check_name(bytes, entry.name);
  bytes.require((entry.flags & kEncrypted) == 0, "record " + entry.name + " is encrypted");
  const bool code =
      std::string_view(entry.name).substr(entry.name.find('/') + 1).starts_with("code/");
  bytes.require(entry.method == kStored || (entry.method == kDeflated && code),
                "record " + entry.name + " is compressed");
  bytes.require(bytes.u16(at + 34) == 0, "the archive spans several files");
  const std::uint64_t extra = at + kCentralBytes + name_bytes;
  read_extra64(bytes, bytes.text(extra, extra_bytes), extra, entry);
  bytes.require(entry.method != kStored || entry.stored_bytes == entry.bytes,
                "record " + entry.name + " has two sizes");
  at = extra + extra_bytes + comment_bytes;
  return entry;
}

// Returns where the record's bytes begin.
std::uint64_t check_local(const Bytes& bytes, const Central& entry) {
  const auto require = [&](bool condition) {
    bytes.require(condition, "record " + entry.name + ": its header contradicts the directory");
  };
  const std::uint64_t at = entry.local;
  require(bytes.u32(at) == kLocalSignature && bytes.u16(at + 8) == entry.method &&
          bytes.u16(at + 6) == entry.flags);
  const std::uint64_t name_bytes = bytes.u16(at + 26);
  require(bytes.text(at + kLocalBytes, name_bytes) == entry.name);
  const std::uint32_t crc = bytes.u32(at + 14);
  const bool later = (entry.flags & kHasDescriptor) != 0;  // the truth stands behind the bytes
  require(crc == entry.crc || (later && crc == 0));
  const auto check_size = [&](std::uint32_t size, std::uint64_t expected) {
    require(size == expected || size == kFull32 || (later && size == 0));
  };
  check_size(bytes.u32(at + 18), entry.stored_bytes);
  check_size(bytes.u32(at + 22), entry.bytes);
  return at + kLocalBytes + name_bytes + bytes.u16(at + 28);
}

// A descriptor, where there is one, and then the next header.
void check_gap(const Bytes& bytes, const Central& entry, std::uint64_t from, std::uint64_t to) {
  const std::string overlap = "record " + entry.name + " overlaps what follows it";
  bytes.require(from <= to, overlap);
  if ((entry.flags & kHasDescriptor) == 0) {
    bytes.require(from == to, "bytes that no record owns follow " + entry.name);
    return;
  }
  const std::uint64_t size = to - from;
  bytes.require(size == 16 || size == kMostDescriptorBytes,
                "bytes that no record owns follow " + entry.name);
  const bool large = size == kMostDescriptorBytes;
  const auto number = [&](std::uint64_t at) { return large ? bytes.u64(at) : bytes.u32(at); };
  bytes.require(bytes.u32(from) == kDescriptorSignature && bytes.u32(from + 4) == entry.crc &&
                    number(from + 8) == entry.stored_bytes &&
                    number(from + (large ? 16 : 12)) == entry.bytes,
                "record " + entry.name + ": what follows its bytes contradicts the directory");
}

std::string root_of(const std::string& name) { return name.substr(0, name.find('/') + 1); }

}  // namespace

std::vector<ArchiveEntry> read_archive_directory(std::span<const std::byte> archive,
                                                 const std::filesystem::path& path) {
  const Bytes bytes(archive, path);
  const Directory directory = find_directory(bytes);
  std::vector<Central> centrals;
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    centrals.push_back(read_central(bytes, at, directory.end));
  }
  bytes.require(at == directory.end, "its directory has more records than its end says");
  bytes.require(!centrals.empty(), "is an archive without records");
  std::sort(centrals.begin(), centrals.end(),
            [](const Central& a, const Central& b) { return a.local < b.local; });

  const std::string root = root_of(centrals[0].name);
  std::set<std::string> names;
  std::vector<ArchiveEntry> entries;
  bytes.require(!root.empty(), "a record stands outside of the archive's folder");
  bytes.require(centrals[0].local == 0, "bytes stand before its first record");
  for (std::size_t i = 0; i < centrals.size(); ++i) {
    const Central& entry = centrals[i];
    bytes.require(names.insert(entry.name).second, "record " + entry.name + " stands twice");
    bytes.require(root_of(entry.name) == root, "record " + entry.name + " has another folder");
    const std::uint64_t start = check_local(bytes, entry);
    bytes.text(start, entry.stored_bytes);
    const bool last = i + 1 == centrals.size();
    check_gap(bytes, entry, start + entry.stored_bytes,
              last ? directory.offset : centrals[i + 1].local);
    entries.push_back({entry.name.substr(root.size()), start, entry.bytes, entry.stored_bytes,
                       entry.method == kDeflated, entry.crc});
  }
  return entries;
}

std::string content_of(std::span<const std::byte> archive, const ArchiveEntry& entry,
                       const std::filesystem::path& path) {
  const Bytes bytes(archive, path);
  bytes.require(entry.bytes <= kMostCodeBytes,
                "record " + entry.name + " has " + std::to_string(entry.bytes) + " bytes");
  const std::string_view stored = bytes.text(entry.offset, entry.stored_bytes);
  if (!entry.deflated) return std::string(stored);

  std::string content(static_cast<std::size_t>(entry.bytes), '\0');
  z_stream stream{};
  const bool ready = ::inflateInit2(&stream, -MAX_WBITS) == Z_OK;  // no header of zlib's own
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(stored.data()));
  stream.avail_in = static_cast<uInt>(stored.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(content.size());
  const bool whole = ready && ::inflate(&stream, Z_FINISH) == Z_STREAM_END &&
                     stream.avail_in == 0 && stream.avail_out == 0;
  ::inflateEnd(&stream);
  const auto* start = reinterpret_cast<const Bytef*>(content.data());
  bytes.require(whole && ::crc32_z(0, start, content.size()) == entry.crc,
                "record " + entry.name + " does not give what the directory says");
  return content;
}

}  // namespace llm2clip
