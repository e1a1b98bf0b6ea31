/* Unix sockets at a path. */
#include "firmware-sim/ports/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* True if nobody listens there any more. */
static bool is_stale(const struct sockaddr_un *address) {
    struct stat st;
    if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool stale = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                 errno == ECONNREFUSED;
    close(fd);
    return stale;
}

int listener_open(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    mode_t mask = umask(S_IXUSR | S_IRWXG | S_IRWXO);
    int bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
    if (bound != 0 && errno == EADDRINUSE && is_stale(&address) && unlink(path) == 0)
        bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
    else if (bound != 0 && errno != EADDRINUSE)
        bound = -1;
    umask(mask);
    if (bound == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

void listener_close(int fd, const char *path) {
    if (fd < 0)
        return;
    close(fd);
    unlink(path);
}

bool listener_make_directory(const char *path) {
    struct stat st;
    if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
        return false;
    if (lstat(path, &st) != 0)
        return false;
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH))) {
        errno = EACCES; /* somebody else could put a socket there */
        return false;
    }
    return true;
}
