// Protocols whose answers are known to the byte: echo, and RESP with GET or SET. Every payload
// depends on its connection and its request, so an answer that went astray is always seen.
#include <stdio.h>
#include <string.h>

#include "load.h"

static uint64_t mixed(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static size_t echo_request(const struct Connection* c, uint64_t sequence, char* into) {
  uint64_t seed = mixed(((uint64_t)c->id << 40) ^ sequence);
  size_t size = options.message_bytes;
  for (size_t at = 0; at < size; at += sizeof seed, seed = mixed(seed)) {
    memcpy(into + at, &seed, size - at < sizeof seed ? size - at : sizeof seed);
  }
  return size;
}

// A key and its value are 12 and 25 characters: a GET and its answer are 32 bytes each.
static size_t resp_value(const struct Connection* c, uint64_t key, uint64_t version, char* into) {
  uint64_t seed = mixed(((uint64_t)c->id << 40) ^ (version << 8) ^ key);
  static const char kDigits[] = "0123456789abcdef";
  for (int i = 0; i < 25; ++i) {
    into[i] = kDigits[seed >> (i % 16 * 4) & 15];
  }
  return 25;
}

static size_t literal(char* into, const char* text) {
  size_t size = strlen(text);
  memcpy(into, text, size);
  return size;
}

static size_t resp_key(const struct Connection* c, uint64_t key, char* into) {
  char* at = into;
  at += literal(at, "$12\r\nkey:");
  for (uint32_t place = 10000; place > 0; place /= 10) {
    *at++ = (char)('0' + c->id / place % 10);
  }
  *at++ = ':';
  *at++ = (char)('0' + key / 10);
  *at++ = (char)('0' + key % 10);
  at += literal(at, "\r\n");
  return (size_t)(at - into);
}

static size_t resp_set(const struct Connection* c, uint64_t sequence, char* into) {
  char* at = into + literal(into, "*3\r\n$3\r\nSET\r\n");
  at += resp_key(c, sequence % kPrimed, at);
  at += literal(at, "$25\r\n");
  at += resp_value(c, sequence % kPrimed, sequence / kPrimed, at);
  return (size_t)(at + literal(at, "\r\n") - into);
}

static size_t resp_get(const struct Connection* c, uint64_t sequence, char* into) {
  if (sequence < kPrimed) {
    return resp_set(c, sequence, into);
  }
  char* at = into + literal(into, "*2\r\n$3\r\nGET\r\n");
  at += resp_key(c, sequence % kPrimed, at);
  return (size_t)(at - into);
}

static size_t ok_answer(const struct Connection* c, uint64_t sequence, char* into) {
  (void)c, (void)sequence;
  return literal(into, "+OK\r\n");
}

static size_t get_answer(const struct Connection* c, uint64_t sequence, char* into) {
  if (sequence < kPrimed) {
    return ok_answer(c, sequence, into);
  }
  char* at = into + literal(into, "$25\r\n");
  at += resp_value(c, sequence % kPrimed, 0, at);
  return (size_t)(at + literal(at, "\r\n") - into);
}

typedef size_t Message(const struct Connection*, uint64_t sequence, char* into);

static uint64_t compare(struct Connection* c, const char* bytes, size_t size, Message* answer) {
  uint64_t completed = 0;
  while (size > 0) {
    char expected[kLargestMessage];
    size_t length = answer(c, c->answered + completed, expected);
    size_t part = length - c->offset < size ? length - c->offset : size;
    if (memcmp(bytes, expected + c->offset, part) != 0) {
      fail("connection %u got a wrong answer to request %llu", c->id,
           (unsigned long long)(c->answered + completed));
    }
    bytes += part;
    size -= part;
    c->offset += part;
    if (c->offset == length) {
      c->offset = 0;
      ++completed;
    }
  }
  return completed;
}

static uint64_t echo_consume(struct Connection* c, const char* bytes, size_t size) {
  return compare(c, bytes, size, echo_request);
}

static uint64_t get_consume(struct Connection* c, const char* bytes, size_t size) {
  return compare(c, bytes, size, options.echoed ? resp_get : get_answer);
}

static uint64_t set_consume(struct Connection* c, const char* bytes, size_t size) {
  return compare(c, bytes, size, options.echoed ? resp_set : ok_answer);
}

const struct Protocol echo_protocol = {"echo", echo_request, echo_consume, 0};
const struct Protocol get_protocol = {"resp-get", resp_get, get_consume, kPrimed};
const struct Protocol set_protocol = {"resp-set", resp_set, set_consume, 0};
