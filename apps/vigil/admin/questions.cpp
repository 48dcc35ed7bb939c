// Answers in pieces.
#include "admin/questions.hpp"

#include <algorithm>

#include "processes/words.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/net/messages.hpp"

namespace vigil::app {
namespace {

AdminQuestion question_in(std::string_view target) noexcept {
  const std::size_t mark = target.find('?');
  AdminQuestion question{.path = target.substr(0, mark)};
  if (mark != std::string_view::npos) {
    question.query = target.substr(mark + 1);
  }
  return question;
}

Task<Result<>> send_answer(MessageSocket* line, std::string id, const Said* said) {
  const std::string head =
      id + " " + std::to_string(said->status) + " " + std::to_string(said->text.size());
  Result<> sent = co_await line->send(as_bytes(head));
  for (std::size_t at = 0; sent && at < said->text.size(); at += kLongestPiece) {
    const std::string piece = id + " " + said->text.substr(at, kLongestPiece);
    sent = co_await line->send(as_bytes(piece));
  }
  co_return sent;
}

}  // namespace

Task<> answer_questions(NativeHandle handle, AdminService* service) {
  auto line = MessageSocket::adopt(handle);
  if (!line) {
    Loop::current()->syscalls().close(handle);
    co_return;
  }
  std::vector<std::byte> room(kLongestQuestion);
  for (;;) {
    const auto came = co_await line->receive(room);
    if (!came || came->ended()) {
      co_return;
    }
    const std::string text(as_text(ByteView(room).first(came->size)));
    const std::size_t blank = std::min(text.find(' '), text.size());
    const AdminQuestion question =
        question_in(std::string_view(text).substr(std::min(blank + 1, text.size())));
    auto answering = answer_question(&question, service);
    const Said said = co_await std::move(answering);
    auto sending = send_answer(&*line, text.substr(0, blank), &said);
    const Result<> sent = co_await std::move(sending);
    if (!sent) {
      co_return;
    }
  }
}

}  // namespace vigil::app
