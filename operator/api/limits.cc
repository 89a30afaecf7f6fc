#include "operator/api/limits.h"

namespace wan::api {

Rule object_name_rule() {
  return {
      "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
      "must be the name of an object: a-z, 0-9, '-' and '.', beginning and ending with a letter or digit"};
}

Rule label_name_rule() {
  return {"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
          "must be a short name: a-z, 0-9 and '-', beginning and ending with a letter or digit, at most 63 "
          "bytes"};
}

Rule digest_rule() {
  return {"self.matches('^sha256:[0-9a-f]{64}$')", "must be sha256: and 64 lower-case hexadecimal digits"};
}

Rule size_rule() {
  return {
      "self.matches('^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$') && self.split('x').all(side, int(side) % 16 == 0 && "
      "int(side) <= 4096)",
      "must be WIDTHxHEIGHT, both multiples of 16 from 16 to 4096, such as 832x480"};
}

Rule resource_name_rule() {
  return {"self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
          "must be an extended resource of nodes, DOMAIN/NAME, such as nvidia.com/gpu"};
}

Rule label_map_rule() {
  return {
      "self.all(k, "
      "k.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$') "
      "&& self[k].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$'))",
      "must be labels: keys [DOMAIN/]NAME, names and values of at most 63 letters, digits, '-', '_' and '.'"};
}

Rule no_reserved_keys_rule() {
  return {
      "self.all(k, !k.startsWith('wan.gallery/') && !k.startsWith('app.kubernetes.io/'))",
      "must not have keys of wan.gallery/ or app.kubernetes.io/: the operator sets those; any other key is "
      "allowed"};
}

Rule artifact_path_rule() {
  return {"self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*[.]mp4$')",
          "must be a relative path that ends in .mp4, its parts of letters, digits, '.', '_' and '-', each "
          "beginning with a letter or digit, such as clips/red-ball.mp4"};
}

Rule artifact_prefix_rule() {
  return {
      "self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*/?$')",
      "must be a folder inside the bucket, its parts of letters, digits, '.', '_' and '-', each beginning "
      "with a letter or digit, such as studio/clips"};
}

Rule object_key_rule() {
  return {"self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$')",
          "must be a key whose parts have letters, digits, '.', '_' and '-', each beginning with a letter or "
          "digit, such as pictures/ball.png"};
}

Rule file_url_rule() {
  return {
      "self.matches('^https?://([-a-zA-Z0-9._]+|[[][0-9a-fA-F:.]+[]])(:[0-9]{1,5})?([/?][!$-~]*)?$')",
      "must be the address of a file, http:// or https://, without user names, passwords, '#' and spaces, "
      "such as https://example.com/ball.png"};
}

Rule endpoint_rule() {
  return {
      "self.matches('^https?://([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?|[[][0-9a-fA-F:.]+[]])(:[0-9]{1,5})?/"
      "?$')",
      "must be the address of an S3 server, http:// or https://, a host and perhaps a port, such as "
      "https://s3.eu-central-1.amazonaws.com or http://minio.storage.svc:9000"};
}

Rule bucket_rule() {
  return {
      "self.matches('^[a-z0-9][-a-z0-9.]{1,61}[a-z0-9]$')",
      "must be the name of a bucket: 3 to 63 of a-z, 0-9, '-' and '.', beginning and ending with a letter or "
      "digit"};
}

Rule region_rule() {
  return {"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
          "must be the name of a region: a-z, 0-9 and '-', such as eu-central-1"};
}

Rule workload_name_rule() {
  return {"self.metadata.name.matches('^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$')",
          "metadata.name must be at most 50 of a-z, 0-9 and '-', beginning with a letter and ending with a "
          "letter "
          "or digit: the Service and the Secret are named after it"};
}

}  // namespace wan::api
