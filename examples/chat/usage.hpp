// What this process has used so far: processor time, and memory that is its own.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace chat {

struct Usage {
  double seconds = 0;         // user and system
  std::uint64_t kibytes = 0;  // private memory, resident
};

inline Usage usage() {
  Usage used;
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  used.seconds = static_cast<double>(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
                 static_cast<double>(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
  // A few milliseconds of the loop's time: right for a question that is asked three times a run.
  std::ifstream rollup("/proc/self/smaps_rollup");
  for (std::string word; rollup >> word;) {
    if (word == "Private_Clean:" || word == "Private_Dirty:") {
      std::uint64_t more = 0;
      rollup >> more;
      used.kibytes += more;
    }
  }
  return used;
}

}  // namespace chat
