// HTTP/1.1 from the client's side, as far as a load needs it: each answer must be 200 with a
// Content-Length, and its body must be the expected one to the byte.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"

static const char* body;  // NULL until a file or the first answer has said what it is
static size_t body_bytes;
static char* learned;  // the part of the first body that has come

void http_expect_body_of(const char* file) {
  int descriptor = open(file, O_RDONLY | O_CLOEXEC);
  struct stat about;
  if (descriptor < 0 || fstat(descriptor, &about) != 0 || about.st_size == 0) {
    fail("cannot read the expected body from %s", file);
  }
  body_bytes = (size_t)about.st_size;
  body = mmap(NULL, body_bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (body == MAP_FAILED) {
    fail("cannot map %s", file);
  }
  close(descriptor);
}

static size_t http_request(const struct Connection* c, uint64_t sequence, char* into) {
  (void)c, (void)sequence;
  int size = snprintf(into, kLargestMessage, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n",
                      options.path, ntohs(options.server.sin_port),
                      options.closing ? "Connection: close\r\n" : "");
  return (size_t)size;
}

// The end of the head (just after the empty line), or NULL.
static const char* head_end(const char* bytes, size_t size) {
  const char* found = memmem(bytes, size, "\r\n\r\n", 4);
  return found == NULL ? NULL : found + 4;
}

static size_t content_length(const struct Connection* c, const char* head, const char* end) {
  static const char kField[] = "\r\ncontent-length:";
  for (const char* line = head; line + sizeof kField < end; ++line) {
    line = memchr(line, '\r', (size_t)(end - line));
    if (line == NULL || line + sizeof kField >= end) {
      break;
    }
    if (strncasecmp(line, kField, sizeof kField - 1) == 0) {
      return strtoul(line + sizeof kField - 1, NULL, 10);
    }
  }
  fail("connection %u got an answer without Content-Length", c->id);
}

static void begin_body(struct Connection* c, const char* head, const char* end) {
  if (end - head < 13 || memcmp(head, "HTTP/1.1 200 ", 13) != 0) {
    fail("connection %u got \"%.*s\" where 200 was expected", c->id,
         (int)(end - head < 24 ? end - head : 24), head);
  }
  c->body_left = content_length(c, head, end);
  if (c->body_left == 0) {
    fail("connection %u got an empty body", c->id);
  }
  if (body == NULL && learned == NULL) {
    body_bytes = c->body_left;
    learned = malloc(body_bytes);
    if (learned == NULL) {
      fail("no memory for a body of %zu bytes", body_bytes);
    }
  }
  if (c->body_left != body_bytes) {
    fail("connection %u got a body of %zu bytes, expected %zu", c->id, c->body_left, body_bytes);
  }
}

static void take_body(struct Connection* c, const char* bytes, size_t size) {
  size_t from = body_bytes - c->body_left;
  c->body_left -= size;
  if (body != NULL) {
    if (memcmp(bytes, body + from, size) != 0) {
      fail("connection %u got a wrong body", c->id);
    }
    return;
  }
  memcpy(learned + from, bytes, size);
  if (c->body_left == 0) {
    body = learned;
  }
}

// A head that came in pieces is gathered; says how many of the bytes belong to it.
static size_t gather_head(struct Connection* c, const char* bytes, size_t size) {
  if (c->head == NULL) {
    c->head = malloc(kHeadRoom);
  }
  if (c->head == NULL) {
    fail("no memory for a head");
  }
  size_t before = c->head_bytes;
  size_t part = size < kHeadRoom - before ? size : kHeadRoom - before;
  memcpy(c->head + before, bytes, part);
  c->head_bytes += part;
  const char* end = head_end(c->head, c->head_bytes);
  if (end == NULL) {
    if (c->head_bytes == kHeadRoom) {
      fail("connection %u got a head without end", c->id);
    }
    return part;
  }
  begin_body(c, c->head, end);
  c->head_bytes = 0;
  return (size_t)(end - c->head) - before;
}

static uint64_t http_consume(struct Connection* c, const char* bytes, size_t size) {
  uint64_t completed = 0;
  while (size > 0) {
    size_t used;
    const char* end;
    if (c->body_left > 0) {
      used = c->body_left < size ? c->body_left : size;
      take_body(c, bytes, used);
      if (c->body_left == 0) {
        ++completed;
      }
    } else if (c->head_bytes == 0 && (end = head_end(bytes, size)) != NULL) {
      begin_body(c, bytes, end);
      used = (size_t)(end - bytes);
    } else {
      used = gather_head(c, bytes, size);
    }
    bytes += used;
    size -= used;
  }
  return completed;
}

const struct Protocol http_protocol = {"http", http_request, http_consume, 0};
