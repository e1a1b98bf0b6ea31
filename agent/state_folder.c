/* A lock of the kernel's: it goes with its process, and tells who that is. */
#include "agent/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"

static int open_lock(const char *folder, int flags) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/agent.lock", folder);
    return len < (int)sizeof(path) ? open(path, flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
}

/* The folder and what it lies in. */
static int make_folders(const char *folder) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s", folder);
    for (char *slash = path + 1; len < (int)sizeof(path) && (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = 0;
        mkdir(path, 0700); /* what cannot be made is told by the last one */
        *slash = '/';
    }
    return len < (int)sizeof(path) && (mkdir(folder, 0700) == 0 || errno == EEXIST) ? 0 : -1;
}

int state_folder_take(const char *folder) {
    struct stat status;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (make_folders(folder) != 0) {
        log_error("agent", "cannot make the state folder %s: %s", folder, strerror(errno));
        return -1;
    }
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & 0022) != 0) {
        log_error("agent",
                  "the state folder %s must belong to this user, and nobody else may write to it",
                  folder);
        return -1;
    }
    int fd = open_lock(folder, O_CREAT);
    if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0) {
        log_error("agent",
                  fd >= 0 && (errno == EACCES || errno == EAGAIN)
                      ? "another agent is already running with the state folder %s"
                      : "cannot lock the state folder %s",
                  folder);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

pid_t state_folder_owner(const char *folder) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open_lock(folder, 0);
    pid_t owner =
        fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
    if (fd >= 0) {
        close(fd);
    }
    return owner;
}
