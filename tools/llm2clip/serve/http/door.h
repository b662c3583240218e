#pragma once

#include <optional>
#include <string>

#include "serve/http/keys.h"
#include "serve/http/request_head.h"
#include "serve/routes/routes.h"

namespace llm2clip::serve {

/// Who may come in, and with what: decided by the head of a request, before its body is read.
class Door {
 public:
  /// `own_host` is the address that was asked for. `local_only`: it is one of this machine, and
  /// there are no keys, so that requests for other names come from pages that mean no good.
  Door(Keys keys, std::string own_host, bool local_only)
      : keys_(std::move(keys)), own_host_(std::move(own_host)), local_only_(local_only) {}

  /// The route that a request is for. Throws ApiError: 401, 403, 404, 405, 415, 429, 503.
  const Route& let_in(const Service& service, const RequestHead& head) const;

 private:
  void check_hosts(const RequestHead& head) const;

  Keys keys_;
  std::string own_host_;
  bool local_only_;
};

}  // namespace llm2clip::serve
