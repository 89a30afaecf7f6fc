#pragma once
// The fields that every reference to a bucket has; a struct of them lists the members too.

#include <utility>

#include "operator/api/codec.h"
#include "operator/api/limits.h"
#include "operator/api/shared.h"

namespace wan::api {

template <typename T>
[[nodiscard]] Table<T> bucket_fields() {
  return Table<T>()
      .add("endpoint", &T::endpoint,
           {.text = "Address of the S3 server, such as https://s3.eu-central-1.amazonaws.com.",
            .required = true,
            .max_length = 512,
            .rules = {endpoint_rule()}})
      .add("bucket", &T::bucket,
           {.text = "Name of the bucket. The server must know conditional writes (If-None-Match).",
            .required = true,
            .min_length = 3,
            .max_length = 63,
            .rules = {bucket_rule()}})
      .add("region", &T::region,
           {.text = "Region of the bucket. Unset means us-east-1, which servers without regions take too.",
            .max_length = 63,
            .rules = {region_rule()}})
      .add("secretRef", &T::secret_ref,
           {.text =
                "A Secret of this namespace with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and "
                "perhaps AWS_SESSION_TOKEN and ca.crt (the authority behind the server's certificate). Only "
                "the artifact server reads it.",
            .required = true});
}

}  // namespace wan::api
