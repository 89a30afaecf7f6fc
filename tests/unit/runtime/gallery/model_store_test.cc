#include <gmock/gmock.h>
#include <sys/stat.h>
#include <thread>

#include "base/crypto/sha256.h"
#include "model_fixture.h"
#include "runtime/gallery/record.h"
#include "runtime/gallery/verify.h"
#include "tests/support/paths.h"

namespace wan::gallery {
namespace {

using ::testing::HasSubstr;
using namespace testing;

using ModelStoreTest = ModelFixture;
constexpr const char* kWeights = "transformer/diffusion_pytorch_model.safetensors";

// Every file below `folder`: path, size and inode.
std::string listing(const fs::path& folder) {
  std::string text;
  if (!fs::exists(folder)) return "absent";
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    struct stat information{};
    ::stat(entry.path().c_str(), &information);
    text += entry.path().string() + " " + std::to_string(information.st_ino) + "\n";
  }
  return text;
}

TEST_F(ModelStoreTest, ImportingTheSameModelTwiceGivesTheSameDigestAnywhere) {
  const Imported first = import();
  const auto again = import_model(model, layout_folder, "tiny", silent());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->digest, first.digest);
  fs::copy(model, folder.path() / "copy", fs::copy_options::recursive);
  const auto elsewhere = import_model(folder.path() / "copy", folder.path() / "other", "tiny", silent());
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->digest, first.digest);
  EXPECT_EQ(first.files, 5u);  // without .git
}

TEST_F(ModelStoreTest, TheBuiltInModelImportsTwiceToTheSameDigest) {
  const fs::path built_in = wan::testing::source_dir() / "runtime/models/wan-tiny";
  const auto first = import_model(built_in, folder.path() / "a", "wan-tiny", silent());
  const auto second = import_model(built_in, folder.path() / "b", "wan-tiny", silent());
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(first->digest, second->digest);
}

TEST_F(ModelStoreTest, TheConfigurationBlobShowsTheModelsDefaults) {
  import();
  const auto layout = open_layout(layout_folder);
  const auto manifest = read_model(*layout, *find_model(*layout, {layout_folder, "tiny", ""}));
  const auto config = parse_json(*read_blob(*layout, manifest->config, kMaxConfigBytes));
  ASSERT_TRUE(config);
  EXPECT_EQ((*config)["descriptor"]["name"], "tiny");
  EXPECT_EQ((*config)[kGenerationMember]["steps"], 20);
  EXPECT_EQ((*config)["modelfs"]["diffIds"].size(), manifest->files.size());
}

TEST_F(ModelStoreTest, ImportRefusesLinksPicklesAndThingsThatAreNoModel) {
  fs::create_symlink("config.json", model / "transformer/link.json");
  EXPECT_THAT(scan_model(model).error().message, HasSubstr("cp -rL"));
  fs::remove(model / "transformer/link.json");
  write_text(model / "transformer/model.bin", "pickle");
  EXPECT_THAT(scan_model(model).error().message, HasSubstr("only safetensors"));
  fs::remove(model / "transformer/model.bin");
  write_text(model / "a b.json", "{}");
  EXPECT_THAT(scan_model(model).error().message, HasSubstr("not a valid path"));
  fs::remove(model / "a b.json");
  fs::remove(model / "model_index.json");
  EXPECT_THAT(scan_model(model).error().message, HasSubstr("model_index.json"));
  EXPECT_FALSE(fs::exists(layout_folder));
}

TEST_F(ModelStoreTest, ImportRefusesAFolderThatHoldsOtherThings) {
  write_text(layout_folder / "holiday.jpg", "x");
  const auto imported = import_model(model, layout_folder, "tiny", silent());
  ASSERT_FALSE(imported);
  EXPECT_THAT(imported.error().message, HasSubstr("choose another folder"));
}

TEST_F(ModelStoreTest, ImportingDamagedBlobsAgainMendsThem) {
  import();
  write_text(blob_of(kWeights), "damaged");
  EXPECT_EQ(verify(layout_folder, silent())->problems.size(), 1u);
  import();
  EXPECT_THAT(verify(layout_folder, silent())->problems, ::testing::IsEmpty());
}

TEST_F(ModelStoreTest, ConcurrentImportsOfTwoNamesKeepBoth) {
  std::thread other([this] { import("second"); });
  import("first");
  other.join();
  const auto models = list_models(*open_layout(layout_folder));
  ASSERT_TRUE(models);
  EXPECT_EQ(models->size(), 2u);
  EXPECT_FALSE(fs::exists(layout_folder / kIngestFolder));
}

TEST_F(ModelStoreTest, APulledDirectoryHasTheModelsFilesAndItsRecord) {
  const Imported imported = import();
  const auto pulled = pull();
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(pulled->digest, imported.digest);
  EXPECT_EQ(pulled->bytes, imported.bytes);
  EXPECT_EQ(read_text(output / kWeights), read_text(model / kWeights));
  EXPECT_FALSE(fs::exists(output / ".git"));
  const auto record = parse_json(read_text(output / ".wan-model.json"));
  EXPECT_EQ((*record)["name"], "tiny");
  EXPECT_EQ((*record)["digest"], imported.digest);
  EXPECT_THAT(verify(output, silent())->problems, ::testing::IsEmpty());
}

TEST_F(ModelStoreTest, ASecondPullChangesNothing) {
  import();
  ASSERT_TRUE(pull());
  const std::string before = listing(output);
  const auto again = pull();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->already_there);
  EXPECT_EQ(listing(output), before);
}

TEST_F(ModelStoreTest, APullOfAnotherDigestReplacesTheDirectory) {
  import();
  ASSERT_TRUE(pull());
  write_text(model / kWeights, "new weights");
  write_text(model / "NOTICE", "new file");
  fs::remove(model / "README.md");
  import();
  const auto pulled = pull();
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_FALSE(pulled->already_there);
  EXPECT_EQ(read_text(output / kWeights), "new weights");
  EXPECT_FALSE(fs::exists(output / "README.md"));
  EXPECT_EQ(std::distance(fs::directory_iterator(output.parent_path()), {}), 2);  // the model and its lock
}

TEST_F(ModelStoreTest, ADirectoryWithAMissingFileIsPulledAgain) {
  import();
  ASSERT_TRUE(pull());
  fs::remove(output / "model_index.json");
  const auto pulled = pull();
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_FALSE(pulled->already_there);
  EXPECT_TRUE(fs::exists(output / "model_index.json"));
}

TEST_F(ModelStoreTest, AForeignDirectoryIsNeverReplaced) {
  import();
  write_text(output / "thesis.tex", "years of work");
  const auto pulled = pull();
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(read_text(output / "thesis.tex"), "years of work");
}

TEST_F(ModelStoreTest, ADamagedBlobIsRefusedAndNothingAppearsUnderTheName) {
  import();
  std::string bytes = read_text(blob_of(kWeights));
  bytes[1'500'000] ^= 1;
  write_text(blob_of(kWeights), bytes);
  const auto pulled = pull();
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(pulled.error().message, HasSubstr(kWeights));
  EXPECT_THAT(pulled.error().message, HasSubstr("sha256:"));
  EXPECT_FALSE(fs::exists(output));
}

TEST_F(ModelStoreTest, ACutBlobIsRefused) {
  import();
  fs::resize_file(blob_of(kWeights), 1000);
  ASSERT_FALSE(pull());
  EXPECT_FALSE(fs::exists(output));
}

TEST_F(ModelStoreTest, AnInterruptedPullGoesOnWithTheFilesThatAreRight) {
  import();
  const fs::path damaged = blob_of("transformer/config.json");
  write_text(damaged, "[]");
  ASSERT_FALSE(pull());  // leaves README.md, generation_config.json and model_index.json in staging
  write_text(damaged, "{}");
  const auto pulled = pull();
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_GT(pulled->bytes_kept, 0);
  EXPECT_LT(pulled->bytes_kept, pulled->bytes);
  EXPECT_THAT(verify(output, silent())->problems, ::testing::IsEmpty());
}

TEST_F(ModelStoreTest, AStagedFileOfTheRightSizeButWrongBytesIsCopiedAgain) {
  const Imported imported = import();
  const fs::path staging = output.parent_path() / (".tiny." + imported.digest.substr(7, 12) + ".staging");
  write_text(staging / kWeights, std::string(3'000'000, 'x'));
  ASSERT_TRUE(pull());
  EXPECT_EQ(read_text(output / kWeights), read_text(model / kWeights));
}

TEST_F(ModelStoreTest, ALinkInStagingIsNotWrittenThrough) {
  const Imported imported = import();
  write_text(folder.path() / "victim", "untouched");
  const fs::path staging = output.parent_path() / (".tiny." + imported.digest.substr(7, 12) + ".staging");
  fs::create_directories(staging / "transformer");
  fs::create_symlink(folder.path() / "victim", staging / kWeights);
  EXPECT_FALSE(pull());
  EXPECT_EQ(read_text(folder.path() / "victim"), "untouched");
}

TEST_F(ModelStoreTest, StagingOfAnotherDigestIsRemoved) {
  import();
  write_text(output.parent_path() / ".tiny.0123456789ab.staging/x", "old");
  ASSERT_TRUE(pull());
  EXPECT_FALSE(fs::exists(output.parent_path() / ".tiny.0123456789ab.staging"));
}

TEST_F(ModelStoreTest, TwoPullsToOnePlaceBothSucceed) {
  import();
  Result<Pulled> other;
  std::thread thread([&] { other = pull(); });
  const auto mine = pull();
  thread.join();
  ASSERT_TRUE(mine) << mine.error().message;
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_NE(mine->already_there, other->already_there);
}

TEST_F(ModelStoreTest, ATamperedManifestIsRefused) {
  const Imported imported = import();
  const fs::path manifest = layout_folder / blob_key(imported.digest);
  std::string bytes = read_text(manifest);
  bytes.replace(bytes.find("README.md"), 9, "README.mx");
  write_text(manifest, bytes);
  const auto pulled = pull();
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(fs::exists(output));
}

TEST_F(ModelStoreTest, ATamperedIndexIsRefused) {
  import();
  const std::string good = read_text(layout_folder / "index.json");
  write_text(layout_folder / "index.json", "{\"schemaVersion\":2,\"manifests\":[{}]}");
  EXPECT_EQ(pull().error().code, ErrorCode::kCorrupt);
  write_text(layout_folder / "index.json", good.substr(0, good.size() / 2));
  EXPECT_EQ(pull().error().code, ErrorCode::kCorrupt);
  write_text(layout_folder / "index.json", std::string(kMaxIndexBytes + 1, ' '));
  EXPECT_EQ(pull().error().code, ErrorCode::kResourceExhausted);
  EXPECT_FALSE(fs::exists(output));
}

TEST_F(ModelStoreTest, AManifestWhosePathsLeaveTheDirectoryWritesNothing) {
  const auto layout = open_or_create_layout(layout_folder);
  const auto stored = store_blob_bytes(*layout, "{}");
  ModelManifest evil;
  evil.config = {std::string(kModelConfigType), "", stored->digest, stored->bytes, {}};
  evil.files = {{"../../escaped", stored->digest, stored->bytes, std::string(kWeightType)}};
  plant_manifest(*manifest_bytes(evil));
  const auto pulled = pull();
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(fs::exists(folder.path() / "escaped"));
  EXPECT_FALSE(fs::exists(output.parent_path() / "escaped"));
}

TEST_F(ModelStoreTest, ABlobThatIsALinkIsNotFollowed) {
  import();
  const fs::path blob = blob_of(kWeights);
  fs::rename(blob, folder.path() / "elsewhere");
  fs::create_symlink(folder.path() / "elsewhere", blob);
  EXPECT_FALSE(pull());
}

TEST_F(ModelStoreTest, TooLittleSpaceIsSaidBeforeAnythingIsCopied) {
  const auto layout = open_or_create_layout(layout_folder);
  const auto stored = store_blob_bytes(*layout, "{}");
  ModelManifest large;
  large.config = {std::string(kModelConfigType), "", stored->digest, stored->bytes, {}};
  large.files = {{"weights.safetensors", stored->digest, kMaxModelBytes, std::string(kWeightType)}};
  plant_manifest(*manifest_bytes(large));
  const auto pulled = pull();
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(pulled.error().message, HasSubstr("use a larger volume"));
}

TEST_F(ModelStoreTest, AnUnknownNameSaysWhatThereIs) {
  import("wan-tiny");
  const auto pulled = pull("wan-large");
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(pulled.error().message, HasSubstr("which has wan-tiny"));
}

TEST_F(ModelStoreTest, ADigestMustBeThatOfTheName) {
  const Imported imported = import();
  EXPECT_TRUE(pull_model({layout_folder, "tiny", imported.digest}, output, silent()));
  const std::string other = "sha256:" + std::string(64, '0');
  EXPECT_FALSE(pull_model({layout_folder, "tiny", other}, folder.path() / "x/y", silent()));
}

TEST_F(ModelStoreTest, VerifyNamesWhatIsDamaged) {
  import();
  ASSERT_TRUE(pull());
  write_text(output / "transformer/config.json", "[]");
  fs::remove(output / "README.md");
  const auto verified = verify(output, silent());
  ASSERT_TRUE(verified);
  EXPECT_THAT(verified->problems,
              ::testing::UnorderedElementsAre(HasSubstr("transformer/config.json"), HasSubstr("README.md")));
  EXPECT_EQ(verify(folder.path(), silent()).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace wan::gallery
