// The chat of examples/chat with a thread for each user, which waits in recv(2): what is written
// when nothing but the system's own waiting is at hand. The same words as there: /name NAME,
// /join ROOM, /stats, and lines to the room. One lock for all rooms; a user that does not read is
// cut off.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/time.h>

#include "floor.h"

enum { kLongestLine = 1024, kLongestName = 32, kRooms = 4096, kStack = 32 * 1024 };

struct User {
  int peer;
  char name[kLongestName + 1];
  struct Room* room;
  struct User* next;  // in the room
};

struct Room {
  char name[kLongestName + 1];
  struct User* members;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct Room rooms[kRooms];  // by a hash of the name, and on from there
static uint64_t users, used_rooms, messages, deliveries, dropped;

static void tell(struct User* user, const char* text, size_t size) {
  if (send(user->peer, text, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size) {
    ++dropped;
    shutdown(user->peer, SHUT_RDWR);
  }
}

static struct Room* room_of(const char* name) {
  uint32_t hash = 2166136261u;
  for (const char* c = name; *c != '\0'; ++c) {
    hash = (hash ^ (unsigned char)*c) * 16777619u;
  }
  for (uint32_t i = 0; i < kRooms; ++i) {
    struct Room* room = &rooms[(hash + i) % kRooms];
    if (room->name[0] == '\0') {
      strcpy(room->name, name);
      ++used_rooms;
      return room;
    }
    if (strcmp(room->name, name) == 0) {
      return room;
    }
  }
  return NULL;
}

static void leave(struct User* user) {
  if (user->room == NULL) {
    return;
  }
  struct User** place = &user->room->members;
  while (*place != user) {
    place = &(*place)->next;
  }
  *place = user->next;
  user->room = NULL;
}

static void join(struct User* user, const char* name) {
  struct Room* room = room_of(name);
  if (room == NULL) {
    return;
  }
  leave(user);
  user->room = room;
  user->next = room->members;
  room->members = user;
}

static void say(struct User* user, const char* line, size_t size) {
  char whole[kLongestLine + kLongestName + 4];
  if (user->room == NULL) {
    return;
  }
  int length = snprintf(whole, sizeof whole, "%s: %.*s\n", user->name, (int)size, line);
  ++messages;
  for (struct User* member = user->room->members; member != NULL; member = member->next) {
    if (member != user) {
      ++deliveries;
      tell(member, whole, (size_t)length);
    }
  }
}

static unsigned long long private_kib(void) {
  unsigned long long total = 0;
  unsigned long long each;
  char line[256];
  FILE* file = fopen("/proc/self/smaps_rollup", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "Private_Clean: %llu", &each) == 1 ||
        sscanf(line, "Private_Dirty: %llu", &each) == 1) {
      total += each;
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  return total;
}

static void tell_figures(struct User* user) {
  char text[256];
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  long long cpu = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000ll +
                  used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  int length = snprintf(text, sizeof text,
                        "* users %llu rooms %llu messages %llu deliveries %llu dropped %llu "
                        "cpu_us %lld memory_kib %llu\n",
                        (unsigned long long)users, (unsigned long long)used_rooms,
                        (unsigned long long)messages, (unsigned long long)deliveries,
                        (unsigned long long)dropped, cpu, private_kib());
  tell(user, text, (size_t)length);
}

// `line` is ended by a zero byte in place of its newline.
static void hear(struct User* user, const char* line, size_t size) {
  char text[128];
  pthread_mutex_lock(&lock);
  if (strncmp(line, "/name ", 6) == 0) {
    snprintf(user->name, sizeof user->name, "%.*s", kLongestName, line + 6);
    tell(user, text, (size_t)snprintf(text, sizeof text, "* you are %s\n", user->name));
  } else if (strncmp(line, "/join ", 6) == 0) {
    char name[kLongestName + 1];
    snprintf(name, sizeof name, "%.*s", kLongestName, line + 6);
    join(user, name);
    tell(user, text, (size_t)snprintf(text, sizeof text, "* you are in %s\n", name));
  } else if (strcmp(line, "/stats") == 0) {
    tell_figures(user);
  } else {
    say(user, line, size);
  }
  pthread_mutex_unlock(&lock);
}

static void* attend(void* argument) {
  struct User user = {.peer = (int)(intptr_t)argument};
  char buffer[kLongestLine];
  size_t begun = 0;
  pthread_mutex_lock(&lock);
  ++users;
  pthread_mutex_unlock(&lock);
  for (;;) {
    ssize_t got = recv(user.peer, buffer + begun, sizeof buffer - begun, 0);
    if (got <= 0) {
      break;  // also when a line is longer than the room for it
    }
    begun += (size_t)got;
    size_t from = 0;
    for (char* end; (end = memchr(buffer + from, '\n', begun - from)) != NULL;) {
      *end = '\0';
      hear(&user, buffer + from, (size_t)(end - buffer) - from);
      from = (size_t)(end - buffer) + 1;
    }
    memmove(buffer, buffer + from, begun - from);
    begun -= from;
  }
  pthread_mutex_lock(&lock);
  leave(&user);
  --users;
  pthread_mutex_unlock(&lock);
  close(user.peer);
  return NULL;
}

int main(int argc, char** argv) {
  int listener = floor_listen(floor_port(argc, argv));
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, kStack);
  pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
  if (fcntl(listener, F_SETFL, 0) != 0) {  // it waits in accept(2), as its threads do in recv(2)
    floor_die("fcntl");
  }
  floor_announce(listener);
  for (;;) {
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (peer < 0) {
      continue;
    }
    int on = 1;
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_t thread;
    if (pthread_create(&thread, &small, attend, (void*)(intptr_t)peer) != 0) {
      close(peer);
    }
  }
}
