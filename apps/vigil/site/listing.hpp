// The page that shows what a directory holds. It needs no script: the heads of the columns are
// links that sort.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::site {

struct Entry {
  std::string name;  // bytes, as the file system has them
  bool directory = false;
  std::uint64_t size = 0;     // bytes; of a directory it says nothing
  std::int64_t modified = 0;  // seconds since 1970
};

enum class SortBy : std::uint8_t { name, size, time };
struct Order {
  SortBy by = SortBy::name;
  bool descending = false;
  friend bool operator==(const Order&, const Order&) = default;
};

// The order that a query such as "sort=size&order=desc" asks for; what is not understood changes
// nothing.
Order parse_order(std::string_view query) noexcept;

// Directories first, then by `order`; equals by name, as people sort names.
void sort_entries(std::vector<Entry>& entries, Order order);

// Appends the page of the directory `path` (relative to the root, "" for the root itself). Of the
// entries, which are in order, at most `limit` are shown; the page says how many are not. All links
// are relative.
void append_listing(std::string& out, std::string_view path, const std::vector<Entry>& entries,
                    Order order, std::size_t limit);

}  // namespace vigil::site
