#include "runtime/gallery/pull.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io/file.h"
#include "runtime/gallery/key.h"
#include "runtime/gallery/layout.h"
#include "runtime/gallery/record.h"

namespace wan::gallery {
namespace {

namespace fs = std::filesystem;

// The places of one pull, all in the folder that holds the output.
struct Plan {
  fs::path output;
  fs::path folder;
  fs::path staging;
  std::string staging_prefix;
};

Plan make_plan(const fs::path& output, const std::string& digest) {
  Plan plan;
  plan.output = fs::absolute(output).lexically_normal();
  if (!plan.output.has_filename()) plan.output = plan.output.parent_path();
  plan.folder = plan.output.parent_path();
  plan.staging_prefix = "." + plan.output.filename().string() + ".";
  plan.staging = plan.folder / (plan.staging_prefix + digest.substr(7, 12) + ".staging");
  return plan;
}

Result<Descriptor> lock_output(const Plan& plan) {
  std::error_code error;
  fs::create_directories(plan.folder, error);
  if (error) return fail(from_errno(error.value(), "make " + plan.folder.string()));
  WAN_TRY(Descriptor lock, open_file(plan.folder / (plan.staging_prefix + "lock"), O_RDWR | O_CREAT));
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail(from_errno(errno, "lock " + plan.output.string()));
  }
  return lock;
}

// True: the output is this very model, complete. Error: it is something that no pull made.
Result<bool> check_output(const Plan& plan, const std::string& digest) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(plan.output, ignored)) || fs::is_empty(plan.output, ignored)) {
    return false;
  }
  const auto record = read_record(plan.output);
  if (!record && record.error().code != ErrorCode::kCorrupt) {
    return fail(failed_precondition(
        plan.output.string() + " exists and is not a pulled model; choose another --output or remove it"));
  }
  return record && record->digest == digest && check_sizes(plan.output, *record).has_value();
}

// Staging folders of other digests are of no use to this pull and would only take space.
void remove_other_staging(const Plan& plan) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(plan.folder, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(plan.staging_prefix) && name.ends_with(".staging") && entry.path() != plan.staging) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

// True if staging has the file complete, by size and then by digest.
bool is_staged(int staging, const ModelFile& expected) {
  const auto file = open_regular(staging, expected.path);
  if (!file) return false;
  const auto size = size_of(file->get());
  if (!size || *size != expected.size) return false;
  const auto found = copy_and_hash(file->get(), -1);
  return found && found->digest == expected.digest;
}

Status check_space(const Plan& plan, int64_t needed) {
  struct statvfs information{};
  if (::statvfs(plan.folder.c_str(), &information) != 0) return {};
  const auto available = static_cast<int64_t>(information.f_bavail * information.f_frsize);
  if (available >= needed) return {};
  return fail({ErrorCode::kResourceExhausted, plan.folder.string() + " has " + format_bytes(available) +
                                                  " free, the model needs " + format_bytes(needed) +
                                                  " more; use a larger volume"});
}

Status copy_file(const Layout& layout, int staging, const ModelFile& expected, Meter& meter) {
  WAN_TRY(const Descriptor from, open_blob(layout, expected.digest));
  WAN_TRY(const Descriptor to, create_regular(staging, expected.path));
  WAN_TRY(const Copied copied, copy_and_hash(from.get(), to.get(), [&](int64_t bytes) { meter.add(bytes); }));
  if (copied.digest == expected.digest && copied.bytes == expected.size) {
    return sync(to.get(), expected.path);
  }
  if (auto place = locate(staging, expected.path)) {
    ::unlinkat(place->folder.get(), place->name.c_str(), 0);
  }
  return fail(corrupt("expected " + expected.digest + " of " + std::to_string(expected.size) +
                      " bytes, found " + copied.digest + " of " + std::to_string(copied.bytes) +
                      " bytes; the store's blob is damaged: import the model again"));
}

// Fills the staging folder; returns the bytes that were there already.
Result<int64_t> stage(const Layout& layout, const ModelManifest& manifest, const Plan& plan,
                      const MakeMeter& make_meter) {
  std::error_code error;
  fs::create_directory(plan.staging, error);
  if (error) return fail(from_errno(error.value(), "make " + plan.staging.string()));
  WAN_TRY(const Descriptor staging, open_root(plan.staging));
  Meter meter = make_meter(manifest.bytes());
  int64_t kept = 0;
  std::vector<const ModelFile*> missing;
  for (const ModelFile& file : manifest.files) {
    if (is_staged(staging.get(), file)) {
      kept += file.size;
    } else {
      missing.push_back(&file);
    }
  }
  meter.skip(kept);
  WAN_TRY_VOID(check_space(plan, manifest.bytes() - kept));
  for (const ModelFile* file : missing) {
    meter.begin_file(file->path);
    if (auto copied = copy_file(layout, staging.get(), *file, meter); !copied) {
      return fail(copied.error().with_context("pulling " + file->path));
    }
  }
  meter.finish();
  return kept;
}

// Puts the staged directory in the output's place in one step, whatever was there.
Status publish(const Plan& plan) {
  std::error_code ignored;
  WAN_TRY(const Descriptor folder, open_root(plan.folder));
  if (!fs::exists(fs::symlink_status(plan.output, ignored))) {
    if (::rename(plan.staging.c_str(), plan.output.c_str()) != 0) {
      return fail(from_errno(errno, "publish " + plan.output.string()));
    }
    return sync(folder.get(), plan.folder.string());
  }
  if (::syscall(SYS_renameat2, AT_FDCWD, plan.staging.c_str(), AT_FDCWD, plan.output.c_str(),
                RENAME_EXCHANGE) != 0) {
    return fail(from_errno(errno, "replace " + plan.output.string() +
                                      " (it must be a folder within a volume, not the volume itself)"));
  }
  fs::remove_all(plan.staging, ignored);
  return sync(folder.get(), plan.folder.string());
}

}  // namespace

Result<Pulled> pull_model(const Reference& source, const fs::path& output, const MakeMeter& make_meter) {
  WAN_TRY(const Layout layout, open_layout(source.layout));
  WAN_TRY(const OciDescriptor entry, find_model(layout, source));
  WAN_TRY(const ModelManifest manifest, read_model(layout, entry));
  WAN_TRY_VOID(read_blob(layout, manifest.config, kMaxConfigBytes));
  const Plan plan = make_plan(output, entry.digest);
  WAN_TRY(const Descriptor lock, lock_output(plan));
  Pulled pulled{name_of(entry), entry.digest, manifest.bytes(), 0, false};
  WAN_TRY(pulled.already_there, check_output(plan, entry.digest));
  if (pulled.already_there) return pulled;
  remove_other_staging(plan);
  WAN_TRY(pulled.bytes_kept, stage(layout, manifest, plan, make_meter));
  const ModelRecord record{pulled.name, pulled.digest, manifest.files};
  WAN_TRY_VOID(write_file_atomically(plan.staging / kRecordName, record_bytes(record)));
  WAN_TRY_VOID(publish(plan));
  return pulled;
}

}  // namespace wan::gallery
