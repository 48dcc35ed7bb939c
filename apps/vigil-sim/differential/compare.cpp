// Both sides of one history, step by step, up to the first difference.
#include "differential/compare.hpp"

#include <algorithm>

#include "differential/text.hpp"

namespace vigil::differential {

Verdict Comparison::run(const History& history) {
  Verdict verdict;
  model_.begin(history);
  real_.begin(history);
  for (const Operation& op : history.operations) {
    const Outcome model = model_.run(op);
    const Outcome real = real_.run(op);
    ++verdict.operations;
    if (model == real) {
      continue;
    }
    for (const AcceptedDifference& row : accepted_differences()) {
      if (row.is_it != nullptr && row.is_it(op, model, real)) {
        verdict.accepted = &row;
      }
    }
    if (verdict.accepted == nullptr) {
      verdict.differs_at = verdict.operations - 1;
    }
    break;
  }
  real_.end();
  verdict.loss = model_.end();
  if (!verdict.differs_at && !verdict.loss.empty()) {
    verdict.differs_at = verdict.operations;
  }
  return verdict;
}

bool Comparison::differs(const History& history) { return run(history).differs_at.has_value(); }

bool Comparison::differs_in_time(const History& history, Nanos patience) {
  real_.set_patience(patience);
  const bool differ = differs(history) && differs(history);
  real_.set_patience(LinuxSide::kNone);
  return differ;
}

bool Comparison::stays(History& history) {
  if (differs_in_time(history, LinuxSide::kSoftirqs)) {
    // The long wait is for the short history.
    history = shrink(history);
    if (differs_in_time(history, LinuxSide::kDelayedAcknowledgement)) {
      return true;
    }
  }
  ++late_;
  return false;
}

History Comparison::shrink(History history) {
  const auto without = [](const History& all, std::size_t from, std::size_t count) {
    History fewer = all;
    const auto first = fewer.operations.begin() + static_cast<std::ptrdiff_t>(from);
    fewer.operations.erase(first, first + static_cast<std::ptrdiff_t>(count));
    return fewer;
  };
  bool shorter = true;
  while (shorter) {
    shorter = false;
    const Verdict verdict = run(history);
    if (verdict.differs_at) {
      history.operations.resize(std::min(*verdict.differs_at + 1, history.operations.size()));
    }
    for (std::size_t size = std::max<std::size_t>(history.operations.size() / 2, 1); size != 0;
         size /= 2) {
      for (std::size_t from = 0; from + size <= history.operations.size();) {
        History fewer = without(history, from, size);
        // A network that was late would mislead: what differs is asked again.
        if (differs(fewer) && differs(fewer)) {
          history = std::move(fewer);
          shorter = true;
        } else {
          from += size;
        }
      }
    }
  }
  return history;
}

std::string Comparison::print(const History& history) {
  std::string text = fill("  // {}, seed {}, RLIMIT_NOFILE first + {}\n",
                          {name_of(history.theme), history.seed, history.limit});
  model_.begin(history);
  real_.begin(history);
  for (const Operation& op : history.operations) {
    const Outcome model = model_.run(op);
    const Outcome real = real_.run(op);
    if (model == real) {
      text += fill("  {};  // {}\n", {to_text(op), to_text(op, real)});
    } else {
      text += fill("  {};\n      // Linux: {}\n      // model: {}\n",
                   {to_text(op), to_text(op, real), to_text(op, model)});
    }
  }
  real_.end();
  const std::string loss = model_.end();
  return loss.empty() ? text : text + "  // at the end " + loss + "\n";
}

}  // namespace vigil::differential
