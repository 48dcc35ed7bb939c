// The page that shows what a directory holds.
#include "site/listing.hpp"

#include <algorithm>
#include <array>

#include "site/page.hpp"
#include "site/target.hpp"
#include "site/text.hpp"
#include "site/types.hpp"

namespace vigil::site {
namespace {

// Drawn here, on a field of 24 by 24, so that nothing is loaded from elsewhere.
constexpr std::string_view kIcons = R"(<svg width="0" height="0" hidden><defs>
<symbol id="d" viewBox="0 0 24 24"><path d="M3 18.5V6a1.5 1.5 0 0 1 1.5-1.5h4.6l2.4 2.7h8A1.5 1.5 0 0 1 21 8.7v9.8a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 18.5Z"/></symbol>
<symbol id="u" viewBox="0 0 24 24"><path d="M8.5 5 4 9.5 8.5 14M4 9.5h11a5 5 0 0 1 5 5V19"/></symbol>
<symbol id="f" viewBox="0 0 24 24"><path d="M6 3h8l5 5v13H6ZM14 3v5h5"/></symbol>
<symbol id="t" viewBox="0 0 24 24"><path d="M6 3h8l5 5v13H6ZM14 3v5h5M9 12.5h7M9 16.5h7"/></symbol>
<symbol id="c" viewBox="0 0 24 24"><path d="M6 3h8l5 5v13H6ZM14 3v5h5M11 12l-2.5 2.5L11 17M14 12l2.5 2.5L14 17"/></symbol>
<symbol id="i" viewBox="0 0 24 24"><path d="M4 5h16v14H4ZM4 16l5-5 4 4 3-3 4 4"/><circle cx="15.5" cy="9" r="1.3"/></symbol>
<symbol id="m" viewBox="0 0 24 24"><path d="M9 18V6l10-2v12"/><circle cx="6.5" cy="18" r="2.5"/><circle cx="16.5" cy="16" r="2.5"/></symbol>
<symbol id="v" viewBox="0 0 24 24"><path d="M4 5h16v14H4ZM10 9l5 3-5 3Z"/></symbol>
<symbol id="z" viewBox="0 0 24 24"><path d="M4 4h16v5H4ZM5.5 9v11h13V9M10 13h4"/></symbol>
</defs></svg>
)";

char icon(const Entry& entry) noexcept {
  if (entry.directory) {
    return 'd';
  }
  const std::string_view type = content_type(entry.name);
  if (type.starts_with("image/")) {
    return 'i';
  }
  if (type.starts_with("audio/")) {
    return 'm';
  }
  if (type.starts_with("video/")) {
    return 'v';
  }
  constexpr std::array<std::string_view, 8> archives{"zip",  "gzip",    "x-7z", "x-tar",
                                                     "x-xz", "x-bzip2", "zstd", "vnd.debian"};
  for (const std::string_view archive : archives) {
    if (type.substr(type.find('/') + 1).starts_with(archive)) {
      return 'z';
    }
  }
  if (type.starts_with("text/html") || type.starts_with("text/css") ||
      type.starts_with("text/javascript") || type.find("json") != std::string_view::npos ||
      type.find("xml") != std::string_view::npos) {
    return 'c';
  }
  return type.starts_with("text/") ? 't' : 'f';
}

void append_icon(std::string& out, char which) {
  out += which == 'd' ? "<svg class=\"d\" aria-hidden=\"true\"><use href=\"#"
                      : "<svg aria-hidden=\"true\"><use href=\"#";
  out += which;
  out += "\"/></svg>";
}

// "root / usr / share": each but the last leads there.
void append_breadcrumbs(std::string& out, std::string_view path) {
  std::size_t depth =
      path.empty() ? 0 : static_cast<std::size_t>(std::ranges::count(path, '/')) + 1;
  out += "<h1>";
  std::string_view name = "root";
  while (true) {
    if (depth == 0) {
      out += "<bdi>";
      append_html(out, name);
      out += "</bdi>";
      break;
    }
    out += "<a href=\"";
    for (std::size_t i = 0; i < depth; ++i) {
      out += "../";
    }
    out += "\"><bdi>";
    append_html(out, name);
    out += "</bdi></a><span class=\"s\">/</span>";
    --depth;
    name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
  }
  out += "</h1>\n";
}

void append_column(std::string& out, std::string_view title, std::string_view key, SortBy by,
                   Order order, std::string_view kind) {
  const bool current = order.by == by;
  // A new column starts with what is looked for most: names from A, the largest, the newest.
  const bool descending = current ? !order.descending : by != SortBy::name;
  out += "<th scope=\"col\"";
  if (!kind.empty()) {
    out += " class=\"";
    out += kind;
    out += '"';
  }
  if (current) {
    out += order.descending ? " aria-sort=\"descending\"" : " aria-sort=\"ascending\"";
  }
  out += "><a href=\"?sort=";
  out += key;
  out += descending ? "&amp;order=desc\">" : "&amp;order=asc\">";
  out += title;
  if (current) {
    out += order.descending ? " \xe2\x86\x93" : " \xe2\x86\x91";
  }
  out += "</a></th>";
}

void append_row(std::string& out, const Entry& entry) {
  out += "<tr><td><a href=\"";
  append_encoded(out, entry.name);
  out += entry.directory ? "/\">" : "\">";
  append_icon(out, icon(entry));
  out += "<bdi>";
  append_html(out, entry.name);
  out += entry.directory ? "/</bdi></a></td><td class=\"n\">" : "</bdi></a></td><td class=\"n\"";
  if (!entry.directory) {
    out += " title=\"";
    out += std::to_string(entry.size);
    out += " bytes\">";
    append_human_size(out, entry.size);
  }
  out += "</td><td class=\"n t\"><time datetime=\"";
  append_instant(out, entry.modified);
  out += "\">";
  append_minutes(out, entry.modified);
  out += "</time></td></tr>\n";
}

void append_count(std::string& out, std::size_t count, std::string_view one,
                  std::string_view many) {
  out += std::to_string(count);
  out += ' ';
  out += count == 1 ? one : many;
}

void append_footer(std::string& out, const std::vector<Entry>& entries, std::size_t limit) {
  const auto directories =
      static_cast<std::size_t>(std::ranges::count(entries, true, &Entry::directory));
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries) {
    bytes += entry.directory ? 0 : entry.size;
  }
  out += "<footer><span>";
  append_count(out, directories, "directory", "directories");
  out += ", ";
  append_count(out, entries.size() - directories, "file", "files");
  out += ", ";
  append_human_size(out, bytes);
  if (entries.size() > limit) {
    out += "; ";
    append_count(out, entries.size() - limit, "entry is", "entries are");
    out += " not shown";
  }
  out += "</span><span>times in UTC</span></footer>\n";
}

}  // namespace

Order parse_order(std::string_view query) noexcept {
  Order order;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair == "sort=name") {
      order.by = SortBy::name;
    } else if (pair == "sort=size") {
      order.by = SortBy::size;
    } else if (pair == "sort=time") {
      order.by = SortBy::time;
    } else if (pair == "order=desc") {
      order.descending = true;
    } else if (pair == "order=asc") {
      order.descending = false;
    }
  }
  return order;
}

void sort_entries(std::vector<Entry>& entries, Order order) {
  std::ranges::sort(entries, [order](const Entry& a, const Entry& b) {
    if (a.directory != b.directory) {
      return a.directory;
    }
    const Entry& low = order.descending ? b : a;
    const Entry& high = order.descending ? a : b;
    if (order.by == SortBy::size && !a.directory && a.size != b.size) {
      return low.size < high.size;
    }
    if (order.by == SortBy::time && a.modified != b.modified) {
      return low.modified < high.modified;
    }
    return order.by == SortBy::name ? natural_less(low.name, high.name)
                                    : natural_less(a.name, b.name);
  });
}

void append_listing(std::string& out, std::string_view path, const std::vector<Entry>& entries,
                    Order order, std::size_t limit) {
  append_page_begin(out, path.empty() ? "/" : "/" + std::string(path) + "/");
  out += kIcons;
  out += "<main>\n";
  append_breadcrumbs(out, path);
  out += "<div class=\"box\"><table>\n<thead><tr>";
  append_column(out, "Name", "name", SortBy::name, order, "");
  append_column(out, "Size", "size", SortBy::size, order, "n");
  append_column(out, "Modified", "time", SortBy::time, order, "n t");
  out += "</tr></thead>\n<tbody>\n";
  if (!path.empty()) {
    out += "<tr><td><a href=\"../\">";
    append_icon(out, 'u');
    out += "<span>up</span></a></td><td class=\"n\"></td><td class=\"n t\"></td></tr>\n";
  }
  for (std::size_t i = 0; i < std::min(limit, entries.size()); ++i) {
    append_row(out, entries[i]);
  }
  out += "</tbody>\n</table>";
  if (entries.empty()) {
    out += "<div class=\"e\">Nothing here.</div>";
  }
  out += "</div>\n";
  append_footer(out, entries, limit);
  out += "</main>\n";
  append_page_end(out);
}

}  // namespace vigil::site
