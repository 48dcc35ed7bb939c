// Dumps, read: records to tasks by their scopes, and those to text.
#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>

#include "vigil/loop/dump.hpp"
#include "vigil/loop/opcode_names.hpp"

namespace vigil {
namespace {

using Index = std::unordered_map<const void*, std::size_t>;

std::size_t find(const Index& in, const void* which) {
  const auto found = in.find(which);
  return found != in.end() ? found->second : Dump::kNone;
}

class Reader {
 public:
  Reader(const DumpRoom& room, Instant now, const HandleName& name_of, const TagName& name_of_tag)
      : room_(room), now_(now), name_of_(name_of), name_of_tag_(name_of_tag) {
    dump_.left_out = room.left_out();
  }

  Dump read() {
    for (const DumpRecord& record : room_.records()) {
      if (record.is_scope) {
        scopes_.emplace(record.self, dump_.groups.size());
        dump_.groups.emplace_back().deadline_in = left(record.deadline);
      }
    }
    for (const DumpRecord& record : room_.records()) {
      if (!record.is_scope) {
        add(record);
      }
    }
    finish();
    for (const DumpRecord& record : room_.records()) {
      if (record.is_scope) {
        Dump::Group& group = dump_.groups[scopes_[record.self]];
        group.inside = find(scopes_, record.scope);
        group.of = find(tasks_, record.owner);
      }
    }
    find_deadlines();
    return std::move(dump_);
  }

 private:
  std::optional<Nanos> left(Instant deadline) const {
    return deadline == kNever ? std::nullopt : std::optional(std::max(deadline - now_, Nanos{}));
  }

  void add(const DumpRecord& record) {
    if (record.spawned || dump_.tasks.empty()) {
      finish();
      since_ = 0;
      const std::size_t scope = find(scopes_, record.scope);
      if (scope != Dump::kNone) {
        dump_.groups[scope].tasks.push_back(dump_.tasks.size());
      }
      dump_.tasks.emplace_back();
      innermost_.emplace_back();
    }
    Dump::Task& task = dump_.tasks.back();
    tasks_.emplace(record.self, dump_.tasks.size() - 1);
    innermost_.back() = record.scope;
    task.awaits.push_back(record.where);
    task.frames.push_back(reinterpret_cast<std::uintptr_t>(record.self));
    task.state = record.state;
    task.code = record.code;
    task.cancelled = record.cancelled;
    task.handle = record.handle;
    task.tag = record.tag != 0 ? record.tag : task.tag;
    task.goes_on_in = left(record.deadline);
    // Who was never resumed was started by who awaits it, when that ran last.
    since_ = record.since % 2 != 0 ? record.since : since_;
  }

  // The last task is complete.
  void finish() {
    if (dump_.tasks.empty()) {
      return;
    }
    Dump::Task& task = dump_.tasks.back();
    if (since_ % 2 != 0 && room_.hand() % 2 != 0) {
      task.waits_since = std::chrono::milliseconds(room_.hand() - since_);
    }
    if (name_of_ && task.handle != kNoHandle) {
      task.on = name_of_(task.handle, task.code);
    }
    if (name_of_tag_ && task.tag != 0) {
      task.work = name_of_tag_(task.tag);
    }
  }

  void find_deadlines() {
    for (std::size_t i = 0; i != dump_.tasks.size(); ++i) {
      auto& earliest = dump_.tasks[i].deadline_in;
      for (std::size_t at = find(scopes_, innermost_[i]); at != Dump::kNone;
           at = dump_.groups[at].inside) {
        const auto& own = dump_.groups[at].deadline_in;
        if (own && (!earliest || *own < *earliest)) {
          earliest = own;
        }
      }
    }
  }

  const DumpRoom& room_;
  const Instant now_;
  const HandleName& name_of_;
  const TagName& name_of_tag_;
  Dump dump_;
  Index scopes_;
  Index tasks_;
  std::vector<const void*> innermost_;  // the scope that a task's last await is in
  std::uint32_t since_ = 0;
};

bool is_ours(std::string_view path) {
  return path.find("include/vigil/") != std::string_view::npos;
}

std::string_view file_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string what_it_does(const Dump::Task& task) {
  switch (task.state) {
    case TaskState::running:
      return "is running";
    case TaskState::ready:
      return "is about to go on";
    case TaskState::awaiting:
      return "awaits a task that was left out";
    case TaskState::waiting:
      break;
  }
  std::string text = "waits for " + std::string(name_of(task.code));
  if (!task.on.empty()) {
    text += " on " + task.on;
  } else if (task.handle != kNoHandle) {
    text += " on descriptor " + std::to_string(task.handle);
  }
  if (task.goes_on_in) {
    text += " in " + span_text(*task.goes_on_in);
  }
  return text;
}

// The groups, each under the task that opened it, or under the group around it.
class Tree {
 public:
  Tree(const Dump& dump, std::size_t most)
      : dump_(dump), most_(most), by_task_(dump.tasks.size()), by_group_(dump.groups.size()) {
    for (std::size_t i = dump.groups.size(); i-- != 0;) {
      const Dump::Group& group = dump.groups[i];
      if (group.of != Dump::kNone) {
        by_task_[group.of].push_back(i);
      } else if (group.inside != Dump::kNone) {
        by_group_[group.inside].push_back(i);
      } else {
        roots_.push_back(i);
      }
    }
  }

  // What is still to be said lies on a stack: scopes may nest deeper than ours is.
  std::string text(std::size_t margin) {
    for (const std::size_t root : roots_) {
      push_group(root, margin);
    }
    while (!left_.empty()) {
      const Item item = left_.back();
      left_.pop_back();
      if (!item.is_task) {
        open(item);
        continue;
      }
      if (said_ < most_) {
        ++said_;
        text_.append(item.margin, ' ').append(text_of(dump_.tasks[item.which])).append("\n");
      } else {
        ++more_;
      }
      for (const std::size_t group : by_task_[item.which]) {
        push_group(group, item.margin + 2);
      }
    }
    if (const std::uint64_t more = more_ + dump_.left_out; more != 0) {
      text_.append(margin, ' ').append("and " + std::to_string(more) + " more\n");
    }
    return std::move(text_);
  }

 private:
  struct Item {
    bool is_task;
    std::size_t which;
    std::size_t margin;
  };
  void push_group(std::size_t group, std::size_t margin) {
    left_.push_back({false, group, margin});
  }
  void open(const Item& item) {
    const Dump::Group& group = dump_.groups[item.which];
    for (const std::size_t inner : by_group_[item.which]) {
      push_group(inner, item.margin);
    }
    for (auto task = group.tasks.rbegin(); task != group.tasks.rend(); ++task) {
      left_.push_back({true, *task, item.margin});
    }
  }

  const Dump& dump_;
  const std::size_t most_;
  std::vector<std::vector<std::size_t>> by_task_;
  std::vector<std::vector<std::size_t>> by_group_;
  std::vector<std::size_t> roots_;
  std::vector<Item> left_;
  std::string text_;
  std::uint64_t said_ = 0;
  std::uint64_t more_ = 0;
};

}  // namespace

Dump read_dump(const DumpRoom& room, Instant now, const HandleName& name_of,
               const TagName& name_of_tag) {
  return Reader(room, now, name_of, name_of_tag).read();
}

std::string work_text(std::uint32_t tag, const std::string& work) {
  return tag == 0 || !work.empty() ? work : "tag " + std::to_string(tag);
}

std::string span_text(Nanos span) {
  using namespace std::chrono;
  const auto ms = duration_cast<milliseconds>(span).count();
  if (ms < 1000) {
    return std::to_string(ms) + " ms";
  }
  if (ms < 10'000) {
    return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
  }
  if (ms < 120'000) {
    return std::to_string(ms / 1000) + " s";
  }
  if (ms < 7'200'000) {
    return std::to_string(ms / 60'000) + " min";
  }
  return std::to_string(ms / 3'600'000) + " h";
}

std::string places_text(std::span<const std::source_location> places) {
  std::string text;
  for (const std::source_location& place : places) {
    if (place.line() != 0 && !is_ours(place.file_name())) {
      text.append(text.empty() ? "" : " > ").append(file_name(place.file_name())).append(":");
      text.append(std::to_string(place.line()));
    }
  }
  return text;
}

std::string text_of(const Dump::Task& task) {
  std::string text = places_text(task.awaits);
  if (text.empty()) {
    text = "a task of the library";
  }
  text += " " + what_it_does(task);
  if (task.waits_since && task.state == TaskState::waiting) {
    text += ", for " + span_text(*task.waits_since);
  }
  if (task.deadline_in) {
    text += ", deadline in " + span_text(*task.deadline_in);
  }
  if (const std::string work = work_text(task.tag, task.work); !work.empty()) {
    text += ", " + work;
  }
  if (task.cancelled) {
    text += ", cancelled";
  }
  return text;
}

std::string text_of(const Dump& dump, std::size_t margin, std::size_t most) {
  return Tree(dump, most).text(margin);
}

}  // namespace vigil
