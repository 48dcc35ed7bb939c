// A canned HTTP answer, many copies of it in a row so that a batch goes out in one send, with a
// Date that is right to the second. --answer FILE takes the bytes of another server's answer, so
// that a floor sends exactly what it is compared with.
#pragma once

#include <stdio.h>
#include <time.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "floor.h"

enum { kCopies = 256, kLongestAnswer = 4096, kDateBytes = 29 };

static char answers[kCopies * kLongestAnswer];
static size_t answer_bytes;
static size_t date_at;  // 0: the answer has no Date
static time_t dated;

static inline void canned_refresh(void) {
  time_t now = time(NULL);
  if (__builtin_expect(now == dated, 1) || date_at == 0) {
    return;
  }
  dated = now;
  struct tm parts;
  char date[kDateBytes + 1];
  gmtime_r(&now, &parts);
  strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  for (size_t i = 0; i < kCopies; ++i) {
    memcpy(answers + i * answer_bytes + date_at, date, kDateBytes);
  }
}

static inline void canned_load(int argc, char** argv, const char* otherwise) {
  char one[kLongestAnswer] = {0};
  if (argc == 4 && strcmp(argv[1], "--answer") == 0) {
    FILE* file = fopen(argv[2], "rb");
    if (file == NULL) {
      floor_die(argv[2]);
    }
    answer_bytes = fread(one, 1, sizeof one, file);
    fclose(file);
  } else {
    answer_bytes = strlen(otherwise);
    memcpy(one, otherwise, answer_bytes);
  }
  const char* date = memmem(one, answer_bytes, "Date: ", 6);
  if (date != NULL) {
    date_at = (size_t)(date - one) + 6;
  }
  for (size_t i = 0; i < kCopies; ++i) {
    memcpy(answers + i * answer_bytes, one, answer_bytes);
  }
  canned_refresh();
}

static const char kClosingAnswer[] =
    "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\n"
    "Hello, world!\n";

// Where an end follows each answer: whether the answer waits for it (MSG_MORE), so that one segment
// tells both.
static inline int canned_ends_with_answer(int argc, char** argv) {
  return argc == 3 && strcmp(argv[1], "--end-with-answer") == 0;
}

enum { kBlock = 16, kSlack = kBlock };  // a buffer must be readable for so much behind its bytes

// A bit for each '\n' within the 16 bytes.
static inline unsigned canned_newlines(const char* bytes) {
#ifdef __SSE2__
  __m128i block = _mm_loadu_si128((const __m128i*)(const void*)bytes);
  return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8('\n')));
#else
  unsigned found = 0;
  for (unsigned i = 0; i < kBlock; ++i) {
    found |= (unsigned)(bytes[i] == '\n') << i;
  }
  return found;
#endif
}

// How many empty lines end within the bytes; what follows the last of them begins at *rest. Looks
// at newlines only, so three bytes before the first must be readable and be no part of an empty
// line.
static inline size_t canned_count(const char* bytes, size_t size, const char** rest) {
  const char* end = bytes + size;
  const char* begun = bytes;
  size_t found = 0;
  for (const char* block = bytes; block < end; block += kBlock) {
    for (unsigned newlines = canned_newlines(block); newlines != 0; newlines &= newlines - 1) {
      const char* after = block + __builtin_ctz(newlines) + 1;
      if (memcmp(after - 4, "\r\n\r\n", 4) == 0 && after <= end) {
        ++found;
        begun = after;
      }
    }
  }
  *rest = begun;
  return found;
}
