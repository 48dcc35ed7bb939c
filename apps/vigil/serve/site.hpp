// Site: the files below a root, found by target, kept while they are fresh.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "serve/changes.hpp"
#include "serve/file_cache.hpp"
#include "site/listing.hpp"
#include "site/target.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/fs/directory.hpp"

namespace vigil::app {

// What is sent for a path that is not there, if the site has it.
inline constexpr std::string_view kMissingPage = "404.html";

struct SiteOptions {
  CacheLimits cache;
  std::size_t body = 0;  // bytes up to which a file is kept in memory
  RecheckTimes recheck;
  bool precompressed = true;
};

// One loop's. Nothing outside of the root is ever opened; see fs::Directory.
class Site {
 public:
  Site(fs::Directory root, const SiteOptions& options) noexcept
      : options_(options),
        root_(std::move(root)),
        cache_(options.cache),
        changes_(options.recheck, options.cache.files) {}

  // What is known and fresh; null if it has to be looked for. No wait.
  Entry* known(const site::Target& target) noexcept;
  // What the target leads to; never null. Waits for the file lane unless it is known.
  Task<EntryRef> find(std::string path, bool directory);

  // What a directory holds: names without a leading dot, of files and directories that this site
  // would serve.
  Task<Result<std::vector<site::Entry>>> list(std::string path);

  Changes& changes() noexcept { return changes_; }
  const FileCache& cache() const noexcept { return cache_; }
  // Memory is scarce: lets half of the bodies go that it keeps, those used longest ago.
  void give_back() noexcept { cache_.give_back(); }

 private:
  // A lookup under way, for those who ask for the same meanwhile.
  struct Pending {
    ManualResetEvent done;
    EntryRef entry;  // null if who looked was cancelled
  };
  // A directory being listed; its links are looked at by several tasks.
  struct Looking {
    const std::string& path;
    std::vector<std::string> links;
    std::size_t next = 0;
    std::vector<site::Entry> entries;

    void add(std::string name, const fs::Status& seen);
  };

  Task<EntryRef> look(std::string key, std::string path, bool directory);
  Task<EntryRef> load(std::string key, std::string path, bool directory);
  Task<std::error_code> load_file(Entry& entry, std::string path);
  Task<std::error_code> load_index(Entry& entry, std::string path);
  Task<std::error_code> hold(Entry& entry, site::Coding coding, fs::OpenedFile opened);
  Task<> load_siblings(Entry& entry, std::string path);
  Task<Result<fs::OpenedFile>> open(Entry& entry, std::string path);
  Task<Result<>> read(std::string path, Looking* work);
  static Task<> look_at_all(Scope& scope, Site* site, Looking* work);
  static Task<> look_at_some(Site* site, Looking* work);
  std::string_view key_of(std::string_view path, bool directory);

  SiteOptions options_;
  fs::Directory root_;
  FileCache cache_;
  Changes changes_;
  std::string key_;  // of the request at hand
  std::unordered_map<std::string, std::shared_ptr<Pending>> pending_;
};

}  // namespace vigil::app
