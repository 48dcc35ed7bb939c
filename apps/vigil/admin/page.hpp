// The status page, as it is in apps/vigil/admin/page; the build puts it into the program.
#pragma once

#include <string_view>

namespace vigil::app {

extern const std::string_view kPageHtml;
extern const std::string_view kPageCss;
extern const std::string_view kPageJs;

}  // namespace vigil::app
