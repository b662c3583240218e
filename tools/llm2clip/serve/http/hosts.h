#pragma once

#include <string>
#include <string_view>

namespace llm2clip::serve {

/// Whether a page of another site is behind a request: its Origin, where there is one, must be that
/// of the host it asked. Browsers send it; programs do not.
bool is_same_origin(std::string_view origin, std::string_view host);

/// Whether a page that is not of this server makes a browser ask, as with an image on it. Following
/// a link to here is the person's own doing.
bool is_of_other_page(std::string_view fetch_site, std::string_view fetch_mode);

/// Whether `host`, with or without a port, is this machine by a name that no name server gives:
/// localhost, 127.0.0.1 and the like, [::1], or `own`. A page whose name was made to mean 127.0.0.1
/// asks for another one.
bool is_local_host(std::string_view host, std::string_view own);

}  // namespace llm2clip::serve
