/* Faults at the Nth I/O point of a process: preloaded between program and libc.

A point is a call that changes or syncs a file or a directory below `root`: creation, write,
truncation, sync, rename, link and removal. Each one is recorded in a log, from which
tests/reliability/power_loss.py rebuilds what a disk would hold after a power loss. Nothing is
actually synced. Reads are counted separately.

A record: kind, two numbers, the lengths of two strings, the strings. Numbers have the byte order
of the machine. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define POWER_LOSS 1
#define TORN_POWER_LOSS 2
#define EIO_ONCE 3
#define EIO_FROM_THEN_ON 4
#define ENOSPC_FROM_THEN_ON 5
#define EIO_ON_READS 6

#define DIED 86
#define PATH_BYTES 4096

struct record {
  uint64_t first, second;
  uint32_t left_bytes, right_bytes;
  char kind;
} __attribute__((packed));

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_BYTES];
static size_t root_bytes;
static int mode, log_fd = -1;
static long point, count, reads;

/* Start to count; `log` is a descriptor that stays open. */
void shim_configure(const char *directory, int fault, long at, int log) {
  strncpy(root, directory, sizeof root - 1);
  root_bytes = strlen(root);
  mode = fault;
  point = at;
  count = reads = 0;
  log_fd = log;
}

static int is_below(const char *path) {
  return root_bytes && !strncmp(path, root, root_bytes) &&
         (path[root_bytes] == '/' || path[root_bytes] == 0);
}

/* Whether the path leads below the root; fills in the absolute one. */
static int resolve(int directory, const char *path, char *absolute) {
  if (!root_bytes || !path) return 0;
  if (path[0] == '/') {
    if (strlen(path) >= PATH_BYTES) return 0;
    strcpy(absolute, path);
    return is_below(absolute);
  }
  char link[64];
  if (directory == AT_FDCWD) strcpy(link, "/proc/self/cwd");
  else snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
  long size = syscall(SYS_readlinkat, AT_FDCWD, link, absolute, PATH_BYTES - 1);
  if (size < 0 || size + strlen(path) + 2 > PATH_BYTES) return 0;
  absolute[size] = '/';
  strcpy(absolute + size + 1, path);
  return is_below(absolute);
}

/* Whether the descriptor is a file or a directory below the root; fills in path and status. */
static int is_watched(int fd, char *absolute, struct stat *status) {
  if (!root_bytes || fd < 0 || fstat(fd, status)) return 0;
  if (!S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode)) return 0;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long size = syscall(SYS_readlinkat, AT_FDCWD, link, absolute, PATH_BYTES - 1);
  if (size < 0) return 0;
  absolute[size] = 0;
  return is_below(absolute);
}

static void append(const void *bytes, size_t size) {
  const char *next = bytes;
  while (size) {
    long written = syscall(SYS_write, log_fd, next, size);
    if (written <= 0) syscall(SYS_exit_group, DIED + 1);
    next += written;
    size -= written;
  }
}

static void record(char kind, uint64_t first, uint64_t second, const void *left, size_t left_bytes,
                   const char *right) {
  struct record head = {first, second, left_bytes, right ? strlen(right) : 0, kind};
  if (log_fd < 0) return;
  append(&head, sizeof head);
  append(left, left_bytes);
  if (right) append(right, head.right_bytes);
}

static void record_path(char kind, uint64_t inode, const char *path, const char *other) {
  record(kind, inode, 0, path, strlen(path), other);
}

static uint64_t inode_of(const char *path) {
  struct stat status;
  return fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) ? 0 : status.st_ino;
}

static int exists(const char *path) { return inode_of(path) != 0; }

/* Count a point. Returns the error to fail with; a power loss ends the process, a torn one sets
`is_last`: the process ends after the call, whose effect is recorded. */
static int reach(const char *name, const char *path, int allocates, int *is_last) {
  count += 1;
  record('P', count, allocates, name, strlen(name), path);
  *is_last = 0;
  if (count == point && mode == POWER_LOSS) syscall(SYS_exit_group, DIED);
  if (count == point && mode == TORN_POWER_LOSS) *is_last = 1;
  if (count == point && mode == EIO_ONCE) return EIO;
  if (count >= point && mode == EIO_FROM_THEN_ON) return EIO;
  if (count >= point && mode == ENOSPC_FROM_THEN_ON && allocates) return ENOSPC;
  return 0;
}

static void finish(int is_last) {
  if (is_last) syscall(SYS_exit_group, DIED);
  pthread_mutex_unlock(&mutex);
}

static int fail(int error) {
  pthread_mutex_unlock(&mutex);
  errno = error;
  return -1;
}

/* Write to a file: `offset` is -1 for its position. */
static ssize_t store(int fd, const struct iovec *parts, int number, off_t offset, const char *name) {
  char path[PATH_BYTES];
  struct stat status;
  if (!is_watched(fd, path, &status))
    return offset < 0 ? syscall(SYS_writev, fd, parts, number)
                      : syscall(SYS_pwritev, fd, parts, number, offset, 0L);
  pthread_mutex_lock(&mutex);
  int is_last, error = reach(name, path, 1, &is_last);
  if (error == ENOSPC && count == point && number == 1 && parts[0].iov_len > 1) {
    /* A disk fills up in the middle of a write. */
    struct iovec half = {parts[0].iov_base, parts[0].iov_len / 2};
    off_t at = offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset;
    ssize_t size = offset < 0 ? syscall(SYS_writev, fd, &half, 1)
                              : syscall(SYS_pwritev, fd, &half, 1, offset, 0L);
    if (size > 0) record('W', status.st_ino, at, half.iov_base, size, NULL);
    finish(0);
    return size;
  }
  if (error) return fail(error);
  off_t at = offset;
  if (offset < 0)
    at = fcntl(fd, F_GETFL) & O_APPEND ? status.st_size : lseek(fd, 0, SEEK_CUR);
  ssize_t size = offset < 0 ? syscall(SYS_writev, fd, parts, number)
                            : syscall(SYS_pwritev, fd, parts, number, offset, 0L);
  int cause = errno;
  ssize_t rest = size;
  for (int i = 0; i < number && rest > 0; i++) {
    size_t part = (ssize_t)parts[i].iov_len < rest ? parts[i].iov_len : (size_t)rest;
    record('W', status.st_ino, at, parts[i].iov_base, part, NULL);
    at += part;
    rest -= part;
  }
  finish(is_last);
  errno = cause;
  return size;
}

ssize_t write(int fd, const void *data, size_t size) {
  /* A plain call for sockets and pipes. */
  struct stat status;
  if (!root_bytes || fstat(fd, &status) || !S_ISREG(status.st_mode))
    return syscall(SYS_write, fd, data, size);
  struct iovec part = {(void *)data, size};
  return store(fd, &part, 1, -1, "write");
}

ssize_t writev(int fd, const struct iovec *parts, int number) {
  return store(fd, parts, number, -1, "write");
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) {
  struct iovec part = {(void *)data, size};
  return store(fd, &part, 1, offset, "write");
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  return pwrite64(fd, data, size, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int number, off_t offset) {
  return store(fd, parts, number, offset, "write");
}

ssize_t pwritev(int fd, const struct iovec *parts, int number, off_t offset) {
  return store(fd, parts, number, offset, "write");
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int number, off_t offset, int flags) {
  return store(fd, parts, number, offset, "write");
}

ssize_t pwritev2(int fd, const struct iovec *parts, int number, off_t offset, int flags) {
  return store(fd, parts, number, offset, "write");
}

/* Count a read of a file. */
static int reach_read(int fd) {
  char path[PATH_BYTES];
  struct stat status;
  if (!is_watched(fd, path, &status)) return 0;
  pthread_mutex_lock(&mutex);
  reads += 1;
  record('Q', reads, 0, "read", 4, path);
  int fails = mode == EIO_ON_READS && reads >= point;
  pthread_mutex_unlock(&mutex);
  return fails;
}

ssize_t pread64(int fd, void *data, size_t size, off_t offset) {
  if (root_bytes && reach_read(fd)) {
    errno = EIO;
    return -1;
  }
  return syscall(SYS_pread64, fd, data, size, offset);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset) {
  return pread64(fd, data, size, offset);
}

ssize_t read(int fd, void *data, size_t size) {
  if (root_bytes && reach_read(fd)) {
    errno = EIO;
    return -1;
  }
  return syscall(SYS_read, fd, data, size);
}

int ftruncate64(int fd, off_t size) {
  char path[PATH_BYTES];
  struct stat status;
  if (!is_watched(fd, path, &status)) return syscall(SYS_ftruncate, fd, size);
  pthread_mutex_lock(&mutex);
  int is_last, error = reach("truncate", path, size > status.st_size, &is_last);
  if (error) return fail(error);
  int result = syscall(SYS_ftruncate, fd, size);
  int cause = errno;
  if (!result) record('T', status.st_ino, size, "", 0, NULL);
  finish(is_last);
  errno = cause;
  return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int sync_file(int fd, long number) {
  char path[PATH_BYTES];
  struct stat status;
  if (!is_watched(fd, path, &status)) return syscall(number, fd);
  pthread_mutex_lock(&mutex);
  /* A file system that allocates late reports a full disk here. */
  int is_last, error = reach(S_ISDIR(status.st_mode) ? "sync of directory" : "sync", path,
                             S_ISREG(status.st_mode), &is_last);
  if (error) {
    /* Linux reports an error once and then treats the pages as clean. */
    record('F', status.st_ino, 0, "", 0, NULL);
    return fail(error);
  }
  if (!is_last) record('S', status.st_ino, 0, "", 0, NULL);
  finish(is_last);
  return 0;
}

int fsync(int fd) { return sync_file(fd, SYS_fsync); }

int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

static int open_file(int directory, const char *name, int flags, mode_t permissions) {
  char path[PATH_BYTES];
  if (!(flags & (O_CREAT | O_TRUNC)) || !resolve(directory, name, path))
    return syscall(SYS_openat, directory, name, flags, permissions);
  pthread_mutex_lock(&mutex);
  int existed = exists(path), is_last = 0;
  int truncates = existed && flags & O_TRUNC && !(flags & O_EXCL);
  int creates = !existed && flags & O_CREAT;
  if (creates || truncates) {
    int error = reach(creates ? "creation" : "truncate", path, creates, &is_last);
    if (error) return fail(error);
  }
  int fd = syscall(SYS_openat, directory, name, flags, permissions);
  int cause = errno;
  struct stat status;
  if (fd >= 0 && !fstat(fd, &status)) {
    if (creates) record_path('C', status.st_ino, path, NULL);
    if (truncates) record('T', status.st_ino, 0, "", 0, NULL);
  }
  finish(is_last);
  errno = cause;
  return fd;
}

#define OPEN(NAME) \
  int NAME(const char *path, int flags, ...) { \
    mode_t permissions = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
      va_list rest; \
      va_start(rest, flags); \
      permissions = va_arg(rest, mode_t); \
      va_end(rest); \
    } \
    return open_file(AT_FDCWD, path, flags, permissions); \
  }

#define OPENAT(NAME) \
  int NAME(int directory, const char *path, int flags, ...) { \
    mode_t permissions = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
      va_list rest; \
      va_start(rest, flags); \
      permissions = va_arg(rest, mode_t); \
      va_end(rest); \
    } \
    return open_file(directory, path, flags, permissions); \
  }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int creat64(const char *path, mode_t permissions) {
  return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, permissions);
}

int creat(const char *path, mode_t permissions) { return creat64(path, permissions); }

int mkdirat(int directory, const char *name, mode_t permissions) {
  char path[PATH_BYTES];
  if (!resolve(directory, name, path) || exists(path))
    return syscall(SYS_mkdirat, directory, name, permissions);
  pthread_mutex_lock(&mutex);
  int is_last, error = reach("creation of directory", path, 1, &is_last);
  if (error) return fail(error);
  int result = syscall(SYS_mkdirat, directory, name, permissions);
  int cause = errno;
  if (!result) record_path('D', inode_of(path), path, NULL);
  finish(is_last);
  errno = cause;
  return result;
}

int mkdir(const char *name, mode_t permissions) { return mkdirat(AT_FDCWD, name, permissions); }

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
  char source[PATH_BYTES], target[PATH_BYTES];
  if (!resolve(from, old, source) || !resolve(to, new, target) || !exists(source))
    return syscall(SYS_renameat2, from, old, to, new, flags);
  pthread_mutex_lock(&mutex);
  int is_last, error = reach("rename", target, 1, &is_last);
  if (error) return fail(error);
  int result = syscall(SYS_renameat2, from, old, to, new, flags);
  int cause = errno;
  if (!result) record_path('R', 0, source, target);
  finish(is_last);
  errno = cause;
  return result;
}

int renameat(int from, const char *old, int to, const char *new) {
  return renameat2(from, old, to, new, 0);
}

int rename(const char *old, const char *new) {
  return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0);
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
  char source[PATH_BYTES], target[PATH_BYTES];
  if (!resolve(from, old, source) || !resolve(to, new, target) || exists(target))
    return syscall(SYS_linkat, from, old, to, new, flags);
  pthread_mutex_lock(&mutex);
  int is_last, error = reach("link", target, 1, &is_last);
  if (error) return fail(error);
  int result = syscall(SYS_linkat, from, old, to, new, flags);
  int cause = errno;
  if (!result) record_path('L', 0, source, target);
  finish(is_last);
  errno = cause;
  return result;
}

int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int directory, const char *name, int flags) {
  char path[PATH_BYTES];
  if (!resolve(directory, name, path) || !exists(path))
    return syscall(SYS_unlinkat, directory, name, flags);
  pthread_mutex_lock(&mutex);
  int is_last, error = reach("unlink", path, 0, &is_last);
  if (error) return fail(error);
  int result = syscall(SYS_unlinkat, directory, name, flags);
  int cause = errno;
  if (!result) record_path('U', 0, path, NULL);
  finish(is_last);
  errno = cause;
  return result;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
