#include "serve/http/door.h"

#include <boost/beast/core/string.hpp>

#include "serve/http/hosts.h"

namespace llm2clip::serve {
namespace {

ApiError foreign() {
  return {403, "invalid_request_error",
          "the request comes from a page of another site, or names a host that this is not"};
}

ApiError wrong_method(const std::string& allowed) {
  ApiError error(405, "invalid_request_error", "the path is for " + allowed);
  error.code = allowed;
  return error;
}

bool is_json(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return boost::beast::iequals(type.substr(0, type.find_last_not_of(' ') + 1), "application/json");
}

}  // namespace

const Route& Door::let_in(const Service& service, const RequestHead& head) const {
  check_hosts(head);
  const Found found = find_route(head.method, head.path);
  if (found.allowed.empty()) throw no_route();
  if (found.route == nullptr) throw wrong_method(found.allowed);
  const Route& route = *found.route;
  if (!route.open && !keys_.empty() && !keys_.open(head.authorization)) throw wrong_key();
  if (route.compute == nullptr) return route;
  // A page of another site can send forms and plain text without being asked, but no JSON. What has
  // no type is held by its origin alone.
  const bool untyped = head.content_type.empty() && route.takes_untyped;
  if (head.method == "POST" && !untyped && !is_json(head.content_type)) throw not_json();
  if (service.state != State::ready) throw not_ready();
  if (service.in_flight >= service.flags.max_in_flight) throw overloaded();
  return route;
}

void Door::check_hosts(const RequestHead& head) const {
  if (!is_same_origin(head.origin, head.host)) throw foreign();
  if (is_of_other_page(head.fetch_site, head.fetch_mode)) throw foreign();
  if (local_only_ && !head.host.empty() && !is_local_host(head.host, own_host_)) throw foreign();
}

}  // namespace llm2clip::serve
