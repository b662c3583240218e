// For LD_PRELOAD: one call of a program on files under a folder fails, or kills the program.
//
//   LLM2CLIP_FAIL_CALL=write    open, read, write, pwrite, fsync, rename, close, flock, or any
//   LLM2CLIP_FAIL_AT=3          the third such call, from 1; all: each of them
//   LLM2CLIP_FAIL_WITH=ENOSPC   ENOSPC, EIO, EINTR, EMFILE, EEXIST, ENOLCK, ENOSYS, EOPNOTSUPP;
//                               short: a chunk is written or read and no error comes; kill: the
//                               program is killed before the call
//   LLM2CLIP_FAIL_UNDER=DIR     absolute; calls on other files go on undisturbed
//   LLM2CLIP_FAIL_MARK=FILE     is made when the call has come

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int calls;

static const char* entry(const char* name) {
  const char* value = getenv(name);
  return value == NULL ? "" : value;
}

static bool is_watched(const char* path) {
  const char* folder = entry("LLM2CLIP_FAIL_UNDER");
  const size_t size = strlen(folder);
  return size > 0 && strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

// Whether this is the call that is to fail.
static bool is_turn(const char* call, const char* path) {
  const char* chosen = entry("LLM2CLIP_FAIL_CALL");
  if (strcmp(chosen, call) != 0 && strcmp(chosen, "any") != 0) return false;
  if (!is_watched(path)) return false;
  const bool all = strcmp(entry("LLM2CLIP_FAIL_AT"), "all") == 0;
  if (atomic_fetch_add(&calls, 1) + 1 != atoi(entry("LLM2CLIP_FAIL_AT")) && !all) return false;
  const long mark =
      syscall(SYS_openat, AT_FDCWD, entry("LLM2CLIP_FAIL_MARK"), O_CREAT | O_WRONLY, 0666);
  if (mark >= 0) syscall(SYS_close, mark);
  if (strcmp(entry("LLM2CLIP_FAIL_WITH"), "kill") == 0) kill(getpid(), SIGKILL);
  return true;
}

static bool is_turn_of_file(const char* call, int descriptor) {
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const int saved = errno;
  const ssize_t size = readlink(link, path, sizeof path - 1);
  errno = saved;
  if (size <= 0) return false;
  path[size] = '\0';
  return is_turn(call, path);
}

static bool is_short(void) { return strcmp(entry("LLM2CLIP_FAIL_WITH"), "short") == 0; }

static int fail(void) {
  static const struct {
    const char* name;
    int value;
  } kErrors[] = {
      {"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EINTR", EINTR},   {"EMFILE", EMFILE},
      {"EEXIST", EEXIST}, {"ENOLCK", ENOLCK}, {"ENOSYS", ENOSYS}, {"EOPNOTSUPP", EOPNOTSUPP}};
  errno = EIO;
  for (size_t i = 0; i < sizeof kErrors / sizeof *kErrors; ++i) {
    if (strcmp(kErrors[i].name, entry("LLM2CLIP_FAIL_WITH")) == 0) errno = kErrors[i].value;
  }
  return -1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return is_turn("open", path) ? fail() : NEXT(open)(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return is_turn("open", path) ? fail() : NEXT(open64)(path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return is_turn("open", path) ? fail() : NEXT(openat)(folder, path, flags, mode);
}

// The C library opens without calling its own open.
FILE* fopen(const char* path, const char* mode) {
  if (!is_turn("open", path)) return NEXT(fopen)(path, mode);
  fail();
  return NULL;
}

FILE* fopen64(const char* path, const char* mode) {
  if (!is_turn("open", path)) return NEXT(fopen64)(path, mode);
  fail();
  return NULL;
}

ssize_t read(int descriptor, void* bytes, size_t size) {
  if (!is_turn_of_file("read", descriptor)) return NEXT(read)(descriptor, bytes, size);
  return is_short() ? NEXT(read)(descriptor, bytes, (size + 1) / 2) : fail();
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  if (!is_turn_of_file("write", descriptor)) return NEXT(write)(descriptor, bytes, size);
  return is_short() ? NEXT(write)(descriptor, bytes, (size + 1) / 2) : fail();
}

ssize_t writev(int descriptor, const struct iovec* chunks, int count) {
  if (!is_turn_of_file("write", descriptor)) return NEXT(writev)(descriptor, chunks, count);
  return is_short() ? NEXT(write)(descriptor, chunks->iov_base, chunks->iov_len) : fail();
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  if (!is_turn_of_file("pwrite", descriptor)) return NEXT(pwrite)(descriptor, bytes, size, offset);
  return is_short() ? NEXT(pwrite)(descriptor, bytes, (size + 1) / 2, offset) : fail();
}

int fsync(int descriptor) {
  return is_turn_of_file("fsync", descriptor) ? fail() : NEXT(fsync)(descriptor);
}

int flock(int descriptor, int operation) {
  return is_turn_of_file("flock", descriptor) ? fail() : NEXT(flock)(descriptor, operation);
}

int rename(const char* from, const char* to) {
  return is_turn("rename", to) ? fail() : NEXT(rename)(from, to);
}

// Linux closes the descriptor whatever it answers.
int close(int descriptor) {
  const bool fails = is_turn_of_file("close", descriptor);
  const int result = NEXT(close)(descriptor);
  return fails ? fail() : result;
}
