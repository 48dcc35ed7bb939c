// The frame of the pages that vigil makes itself, and the pages and texts of errors.
#include "site/page.hpp"

#include "site/text.hpp"
#include "vigil/http/fields.hpp"
#include "vigil/http/writer.hpp"

namespace vigil::site {

constexpr std::string_view kPageStyle = R"(
:root{color-scheme:light dark;--ink:#1c2128;--soft:#667080;--line:#e4e7ec;--page:#fbfbfc;--card:#fff;--hover:#f2f5fa;--link:#1f5fbf;--folder:#d99a2b;--file:#8b95a5;--accent:#1f5fbf}
@media(prefers-color-scheme:dark){:root{--ink:#e3e6eb;--soft:#929bab;--line:#2b3039;--page:#14171b;--card:#1a1e24;--hover:#222831;--link:#82b4ff;--folder:#e0ac4d;--file:#7d8797;--accent:#82b4ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 3rem}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
a:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
h1{font-size:1.3rem;font-weight:600;line-height:1.4;margin:0 0 1.1rem;overflow-wrap:anywhere}
h1 a{font-weight:500}
h1 .s{color:var(--soft);font-weight:400;margin:0 .35em}
.box{background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
table{width:100%;border-collapse:collapse}
th{font-size:.8rem;font-weight:600;text-align:left;border-bottom:1px solid var(--line);background:var(--hover);padding:0}
th a{display:block;padding:.5rem 1rem;color:var(--soft)}
th[aria-sort] a{color:var(--ink)}
td{padding:0 1rem;border-top:1px solid var(--line);white-space:nowrap}
tr:first-child td{border-top:0}
tbody tr:hover{background:var(--hover)}
th:first-child{width:100%}
td:first-child{padding:0;white-space:normal;overflow-wrap:anywhere}
td a{display:flex;gap:.7rem;align-items:flex-start;padding:.45rem 1rem}
td a:hover bdi{text-decoration:underline}
td a:hover{text-decoration:none}
.n{text-align:right;font-variant-numeric:tabular-nums;color:var(--soft)}
.n a{text-align:right}
time{font-variant-numeric:tabular-nums}
svg{flex:none;width:1.15rem;height:1.15rem;margin-top:.15rem;fill:none;stroke:var(--file);stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}
svg.d{stroke:var(--folder);fill:var(--folder);fill-opacity:.22}
.e{padding:2.2rem 1rem;text-align:center;color:var(--soft)}
footer{display:flex;justify-content:space-between;gap:1rem;margin:.9rem .2rem 0;font-size:.83rem;color:var(--soft)}
.err{max-width:34rem;padding-top:16vh}
.err b{display:block;font-size:4.2rem;line-height:1;font-weight:700;letter-spacing:-.03em;color:var(--accent)}
.err h1{margin:.7rem 0 .4rem}
.err p{margin:0;color:var(--soft);overflow-wrap:anywhere}
.err code{display:inline-block;margin-top:1.6rem;font-size:.8rem;color:var(--soft)}
@media(max-width:40rem){main{padding:1.2rem .75rem 2rem}td.t,th.t{display:none}td,th a{padding-left:.7rem;padding-right:.7rem}td a{padding-left:.7rem}}
)";

constexpr std::string_view kPagePolicy =
    "default-src 'none'; style-src 'sha256-6byzm2ILij+SAjaF3hmf6Ruz0PqpesGRwF/82b31nmY='; base-uri "
    "'none'; form-action 'none'; frame-ancestors 'self'";

void append_page_begin(std::string& out, std::string_view title) {
  out +=
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  append_html(out, title);
  out += "</title>\n<style>";
  out += kPageStyle;
  out += "</style>\n</head>\n<body>\n";
}

void append_page_end(std::string& out) { out += "</body>\n</html>\n"; }

void append_error_page(std::string& out, int status, std::string_view why,
                       std::string_view request_id) {
  const std::string number = std::to_string(status);
  append_page_begin(out,
                    number + " " + std::string(http::reason_of(static_cast<unsigned>(status))));
  out += "<main class=\"err\">\n<b>" + number + "</b>\n<h1>";
  out += http::reason_of(static_cast<unsigned>(status));
  out += "</h1>\n<p>";
  append_html(out, why);
  out += "</p>\n";
  if (!request_id.empty()) {
    out += "<code>request ";
    append_html(out, request_id);
    out += "</code>\n";
  }
  out += "</main>\n";
  append_page_end(out);
}

void append_error_text(std::string& out, int status, std::string_view why,
                       std::string_view request_id) {
  out += std::to_string(status);
  out += ' ';
  out += http::reason_of(static_cast<unsigned>(status));
  out += ": ";
  out += why;
  out += '\n';
  if (!request_id.empty()) {
    out += "request ";
    out += request_id;
    out += '\n';
  }
}

bool wants_html(std::string_view accept) noexcept {
  for (http::WeightedReader list(accept); const auto element = list.next();) {
    if (element->weight > 0 &&
        (http::equal_ignoring_case(element->name, "text/html") ||
         http::equal_ignoring_case(element->name, "application/xhtml+xml"))) {
      return true;
    }
  }
  return false;
}

}  // namespace vigil::site
