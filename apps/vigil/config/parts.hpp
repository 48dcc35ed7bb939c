// The tables of a configuration file: which keys each may have.
#pragma once

#include <string_view>

#include "config/configuration.hpp"

namespace vigil::config {

enum class Table : std::uint8_t { program, site, listener };

bool admits(Table table, cli::Keyed keyed) noexcept;
std::string_view header_of(Table table) noexcept;  // "[[site]]"

// The rows of a table at their initial values; of each_site rows, none in a site.
Part part_of(const cli::Command& command, Table table);
// Null: the part has no such row.
Setting* setting_of(Part& part, const cli::Option& row) noexcept;

// Reads the file's text into the program, sites and listeners of `into`.
void read_file(const cli::Command& command, std::string_view text, Reading& into);

}  // namespace vigil::config
