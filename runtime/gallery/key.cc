#include "runtime/gallery/key.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace wan::gallery {
namespace {

constexpr size_t kMaxKeyBytes = 512;
constexpr size_t kMaxNameBytes = 128;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_allowed(char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; }

bool is_segment(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." && std::ranges::all_of(segment, is_allowed);
}

// Calls `visit` with each segment; stops at the first false.
template <typename Visit>
bool each_segment(std::string_view key, Visit visit) {
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    if (!visit(key.substr(begin, end - begin), end == key.size())) return false;
    begin = end + 1;
  }
  return true;
}

Error open_error(int number, std::string_view key) {
  if (number == ELOOP || number == ENOTDIR) {
    return invalid_argument("\"" + std::string(key) +
                            "\": a symbolic link or a file where a folder is needed; links are not followed");
  }
  return from_errno(number, "open \"" + std::string(key) + "\"");
}

Result<Descriptor> open_folder(int parent, const std::string& name, std::string_view key, Missing missing) {
  if (missing == Missing::kCreate && ::mkdirat(parent, name.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail(from_errno(errno, "make the folders of \"" + std::string(key) + "\""));
  }
  Descriptor folder(::openat(parent, name.c_str(), kFolderFlags));
  if (!folder.is_open()) return fail(open_error(errno, key));
  return folder;
}

Status check_regular(int file, std::string_view key) {
  struct stat information{};
  if (::fstat(file, &information) != 0) return fail(from_errno(errno, "read \"" + std::string(key) + "\""));
  if (!S_ISREG(information.st_mode)) {
    return fail(invalid_argument("\"" + std::string(key) + "\" is not a regular file"));
  }
  return {};
}

}  // namespace

Status check_key(std::string_view key) {
  const bool good = !key.empty() && key.size() <= kMaxKeyBytes &&
                    each_segment(key, [](std::string_view segment, bool) { return is_segment(segment); });
  if (good) return {};
  return fail(invalid_argument(
      "\"" + std::string(key.substr(0, kMaxKeyBytes)) +
      "\" is not a valid path: it must be relative, at most 512 bytes of A-Z a-z 0-9 . _ - and single "
      "slashes, without \"..\""));
}

Status check_name(std::string_view name) {
  if (!name.empty() && name.size() <= kMaxNameBytes && is_alphanumeric(name.front()) &&
      std::ranges::all_of(name, is_allowed)) {
    return {};
  }
  return fail(invalid_argument("\"" + std::string(name.substr(0, kMaxNameBytes)) +
                               "\" is not a valid name: it must be 1 to 128 of A-Z a-z 0-9 . _ - and begin "
                               "with a letter or digit"));
}

Result<Descriptor> open_root(const std::filesystem::path& folder) {
  return open_file(folder, O_RDONLY | O_DIRECTORY);
}

Result<Place> locate(int root, std::string_view key, Missing folders) {
  WAN_TRY_VOID(check_key(key));
  Place place{Descriptor(::fcntl(root, F_DUPFD_CLOEXEC, 0)), ""};
  if (!place.folder.is_open()) return fail(from_errno(errno, "open \"" + std::string(key) + "\""));
  Status status;
  each_segment(key, [&](std::string_view segment, bool last) {
    place.name = segment;
    if (last) return false;
    auto folder = open_folder(place.folder.get(), place.name, key, folders);
    if (!folder) {
      status = fail(folder.error());
      return false;
    }
    place.folder = *std::move(folder);
    return true;
  });
  WAN_TRY_VOID(status);
  return place;
}

Result<Descriptor> open_regular(int root, std::string_view key) {
  WAN_TRY(const Place place, locate(root, key));
  // Non-blocking, so that opening a pipe someone left there returns.
  Descriptor file(
      ::openat(place.folder.get(), place.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return fail(open_error(errno, key));
  WAN_TRY_VOID(check_regular(file.get(), key));
  return file;
}

Result<Descriptor> create_regular(int root, std::string_view key) {
  WAN_TRY(const Place place, locate(root, key, Missing::kCreate));
  Descriptor file(::openat(place.folder.get(), place.name.c_str(),
                           O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644));
  if (!file.is_open()) return fail(open_error(errno, key));
  WAN_TRY_VOID(check_regular(file.get(), key));
  return file;
}

Result<int64_t> size_of(int file) {
  struct stat information{};
  if (::fstat(file, &information) != 0) return fail(from_errno(errno, "read a file's size"));
  return information.st_size;
}

Result<std::string> read_small(int root, std::string_view key, size_t max_bytes) {
  WAN_TRY(const Descriptor file, open_regular(root, key));
  WAN_TRY(const int64_t size, size_of(file.get()));
  if (std::cmp_greater(size, max_bytes)) {
    return fail({ErrorCode::kResourceExhausted, "\"" + std::string(key) + "\" has " + std::to_string(size) +
                                                    " bytes; the limit is " + std::to_string(max_bytes)});
  }
  std::string bytes(static_cast<size_t>(size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(from_errno(errno, "read \"" + std::string(key) + "\""));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

Status sync(int file, std::string_view what) {
  // Some network file systems have no fsync for folders.
  if (::fsync(file) == 0 || errno == EINVAL) return {};
  return fail(from_errno(errno, "sync " + std::string(what)));
}

}  // namespace wan::gallery
