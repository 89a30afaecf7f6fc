#include "runtime/gallery/artifacts/sigv4.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <vector>

#include "base/crypto/hmac.h"
#include "base/text.h"

namespace wan::gallery {
namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";

// Without spaces round it, and runs of spaces as one.
std::string folded(std::string_view value) {
  std::string result;
  for (const char c : value) {
    if (c != ' ' || (!result.empty() && result.back() != ' ')) result += c;
  }
  while (result.ends_with(' ')) result.pop_back();
  return result;
}

// Every header with its lower-case name, sorted; repeats joined by commas.
std::map<std::string, std::string> canonical_headers(const net::Headers& headers) {
  std::map<std::string, std::string> result;
  for (const auto& [name, value] : headers.fields()) {
    const auto [place, is_new] = result.try_emplace(lower_case(name), folded(value));
    if (!is_new) place->second += "," + folded(value);
  }
  return result;
}

std::string signed_names(const std::map<std::string, std::string>& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::string> pairs;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    std::string pair(query.substr(0, end));
    if (pair.find('=') == pair.npos) pair += '=';
    pairs.push_back(std::move(pair));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  std::ranges::sort(pairs);
  std::string result;
  for (const std::string& pair : pairs) result += (result.empty() ? "" : "&") + pair;
  return result;
}

std::string canonical_request(const net::Request& request, std::string_view payload_sha256,
                              const std::map<std::string, std::string>& headers) {
  const std::string_view target = request.target;
  const size_t question = std::min(target.find('?'), target.size());
  std::string text = request.method + "\n" + std::string(target.substr(0, question)) + "\n";
  text += canonical_query(target.substr(std::min(question + 1, target.size()))) + "\n";
  for (const auto& [name, value] : headers) text += name + ":" + value + "\n";
  return text + "\n" + signed_names(headers) + "\n" + std::string(payload_sha256);
}

std::string hmac(std::string_view key, std::string_view message) {
  const Sha256Bytes bytes = hmac_sha256(key, message);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string amz_date(WallTime time) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[24];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc)};
}

std::string authorization_v4(const net::Request& request, std::string_view payload_sha256,
                             const S3Credentials& credentials, const SigningScope& scope) {
  const auto headers = canonical_headers(request.headers);
  const std::string time = amz_date(scope.now), day = time.substr(0, 8);
  const std::string where = day + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const std::string text = std::string(kAlgorithm) + "\n" + time + "\n" + where + "\n" +
                           sha256_hex(canonical_request(request, payload_sha256, headers));
  std::string key = hmac("AWS4" + credentials.secret_access_key, day);
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), std::string_view("aws4_request")}) {
    key = hmac(key, part);
  }
  return std::string(kAlgorithm) + " Credential=" + credentials.access_key_id + "/" + where +
         ",SignedHeaders=" + signed_names(headers) + ",Signature=" + to_hex(hmac_sha256(key, text));
}

void sign_for_s3(net::Request& request, const std::string& host, const std::string& payload_sha256,
                 const S3Credentials& credentials, const SigningScope& scope) {
  request.headers.set("Host", host);
  request.headers.set("X-Amz-Date", amz_date(scope.now));
  request.headers.set("X-Amz-Content-SHA256", payload_sha256);
  if (!credentials.session_token.empty())
    request.headers.set("X-Amz-Security-Token", credentials.session_token);
  const std::string authorization = authorization_v4(request, payload_sha256, credentials, scope);
  request.headers.set("Authorization", authorization);
}

}  // namespace wan::gallery
