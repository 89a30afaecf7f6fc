#include <algorithm>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "base/io/file.h"
#include "base/json/json.h"
#include "tests/support/paths.h"

namespace wan {
namespace {

using ::testing::IsEmpty;
using Rights = std::set<std::string>;  // "watch pods", "patch videojobs.wan.gallery/status"

std::string right(const std::string& verb, const std::string& group, const std::string& resource,
                  const std::string& subresource) {
  return verb + " " + resource + (group.empty() ? "" : "." + group) +
         (subresource.empty() ? "" : "/" + subresource);
}

// Of the operator's account in its Role and ClusterRole; those of people are in other roles.
Rights granted() {
  Rights all;
  const std::string text = read_file(testing::source_dir() / "manifests/rbac.yaml").value();
  for (const Json& object : parse_yaml_documents(text).value()) {
    const std::string name = string_or(object, {"metadata", "name"}, "");
    if (!object.contains("rules") || name.ends_with("-view") || name.ends_with("-edit")) continue;
    for (const Json& rule : object["rules"]) {
      for (const Json& group : rule["apiGroups"]) {
        for (const Json& entry : rule["resources"]) {
          const std::string full = entry;
          const size_t slash = full.find('/');
          const std::string below = slash == std::string::npos ? "" : full.substr(slash + 1);
          for (const Json& verb : rule["verbs"]) all.insert(right(verb, group, full.substr(0, slash), below));
        }
      }
    }
  }
  return all;
}

struct Asked {
  Rights rights;
  std::vector<std::string> forbidden;
};

Asked asked() {
  Asked all;
  const char* file = std::getenv("WAN_AUDIT_LOG");
  const auto text = read_file(file == nullptr ? "" : file);
  EXPECT_TRUE(text) << "ctest runs this after operator_control_plane_test and says where its audit log is";
  const std::string lines = text.value_or("");
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = std::min(lines.find('\n', begin), lines.size());
    const auto event = parse_json(std::string_view(lines).substr(begin, end - begin));
    begin = end + 1;
    if (!event || !string_or(*event, {"user", "username"}, "").ends_with(":wan-gallery")) continue;
    const Json reference = event->value("objectRef", Json::object());
    if (!reference.contains("resource")) continue;
    const std::string what =
        right(string_or(*event, {"verb"}, ""), string_or(reference, {"apiGroup"}, ""),
              string_or(reference, {"resource"}, ""), string_or(reference, {"subresource"}, ""));
    if (int_or(*event, {"responseStatus", "code"}, 0) == 403) all.forbidden.push_back(what);
    all.rights.insert(what);
  }
  return all;
}

// Rights that no request shows.
const std::map<std::string, std::string> kUnseen = {
    {"update wandeployments.wan.gallery/finalizers", "asked by the admission of owner references"},
    {"update videojobs.wan.gallery/finalizers", "asked by the admission of owner references"},
};

TEST(RightsTest, TheOperatorHasThoseThatItUsesAndNoOthers) {
  const Asked seen = asked();
  ASSERT_GT(seen.rights.size(), 20U) << "nothing was recorded";
  const Rights given = granted();
  Rights missing;
  std::ranges::set_difference(seen.rights, given, std::inserter(missing, missing.end()));
  EXPECT_THAT(missing, IsEmpty()) << "asked for and not given";
  Rights unused;
  for (const std::string& one : given) {
    // A server that cannot begin a watch with everything is asked for a list.
    const bool fallback = one.starts_with("list ") && given.contains("watch " + one.substr(5));
    // So is the right to create what an apply creates.
    const bool applied = one.starts_with("create ") && seen.rights.contains("patch " + one.substr(7));
    if (!seen.rights.contains(one) && !kUnseen.contains(one) && !fallback && !applied) unused.insert(one);
  }
  EXPECT_THAT(unused, IsEmpty()) << "given and never asked for";
}

}  // namespace
}  // namespace wan
