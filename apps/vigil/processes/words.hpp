// What a parent and its processes say to each other over the line between them (MessageSocket).
//
// To the process: its post, with the line for questions; "lent" and an address as it is configured,
// with the sockets of it; then "all". Back comes "serving". From then on, to the process, orders;
// back, what came of a reload, with the number of that: who stopped waiting for one knows by it
// what to pass over. Where the line ends the other one has ended.
#pragma once

#include <cstddef>
#include <string_view>

#include "serve/succession.hpp"

namespace vigil::app {

inline constexpr std::string_view kPost = "post ";  // "post 1 4 2": number, processes, shards

inline constexpr std::string_view kEnd = "end";         // drain: nobody accepts afterwards
inline constexpr std::string_view kLeave = "leave";     // drain: another process accepts now
inline constexpr std::string_view kCut = "cut";         // end at once
inline constexpr std::string_view kReload = "reload ";  // and its number: answered
inline constexpr std::string_view kReopen = "reopen";   // the log

inline constexpr std::string_view kReloaded = "reloaded ";
inline constexpr std::string_view kRefused = "refused ";  // it said why

// Over the line for questions go "ID TARGET", and back "ID STATUS SIZE" and then pieces of the
// answer, each behind "ID ". Who stopped waiting for an answer knows by the number what to pass
// over.
inline constexpr std::size_t kLongestQuestion = 4096;
inline constexpr std::size_t kLongestPiece = 32 * 1024;

}  // namespace vigil::app
