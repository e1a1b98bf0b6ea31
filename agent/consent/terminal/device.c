/* Terminal input and output with termios. */
#include "agent/consent/terminal/device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_UNKNOWN = 24, COLUMNS_UNKNOWN = 80, CONTROLLING_MAJOR = 5, CONTROLLING_MINOR = 0 };

static volatile sig_atomic_t must_end;

static void end(int signal_number) {
    must_end = signal_number;
}

/* The signals that end us come only while we wait, so that none is missed between looking and waiting. */
static sigset_t ending_signals(void) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    const struct sigaction action = {.sa_handler = end};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaddset(&set, signals[i]);
        sigaction(signals[i], &action, NULL);
    }
    return set;
}

/* /dev/tty is whichever terminal started us; any other has to be this user's, as login makes it. */
static bool is_ours(int fd) {
    struct stat facts;
    return fstat(fd, &facts) == 0 &&
           (facts.st_rdev == makedev(CONTROLLING_MAJOR, CONTROLLING_MINOR) ||
            facts.st_uid == geteuid());
}

bool device_open(struct device *device, const char *path, const char *type) {
    *device = (struct device){.fd = -1};
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    int error = tcgetattr(fd, &device->before) != 0 ? errno : is_ours(fd) ? 0 : EPERM;
    if (error) {
        close(fd);
        errno = error;
        return false;
    }
    const sigset_t signals = ending_signals();
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    struct termios now = device->before;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    now.c_iflag &= ~(tcflag_t)(IXON | INLCR | IGNCR | ISTRIP);
    now.c_iflag |= ICRNL;
    now.c_oflag |= OPOST | ONLCR;
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    if (tcsetattr(fd, TCSANOW, &now) != 0) {
        close(fd);
        return false;
    }
    (void)tcflush(fd, TCIFLUSH);
    device->fd = fd;
    device->draws_marks = type && *type && strcmp(type, "dumb") != 0;
    return true;
}

void device_close(struct device *device) {
    if (device->fd < 0)
        return;
    /* not TCSAFLUSH, which waits until a terminal that has been stopped goes on */
    (void)tcflush(device->fd, TCIFLUSH);
    (void)tcsetattr(device->fd, TCSANOW, &device->before);
    close(device->fd);
    device->fd = -1;
}

void device_size(const struct device *device, unsigned *rows, unsigned *columns) {
    struct winsize size = {0};
    (void)ioctl(device->fd, TIOCGWINSZ, &size);
    *rows = size.ws_row > 0 ? size.ws_row : ROWS_UNKNOWN;
    *columns = size.ws_col > 0 ? size.ws_col : COLUMNS_UNKNOWN;
}

static enum device_event wait_for(const struct device *device, short events, int timeout_ms) {
    struct pollfd both[] = {{.fd = device->fd, .events = events}, {.fd = STDOUT_FILENO}};
    const struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    sigset_t open_mask; /* while we wait the ending signals may come */
    sigprocmask(SIG_BLOCK, NULL, &open_mask);
    sigdelset(&open_mask, SIGTERM);
    sigdelset(&open_mask, SIGINT);
    sigdelset(&open_mask, SIGHUP);
    sigdelset(&open_mask, SIGQUIT);
    int ready = ppoll(both, 2, timeout_ms < 0 ? NULL : &timeout, &open_mask);
    if (must_end || (ready > 0 && (both[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0))
        return DEVICE_ENDED;
    if (ready < 0 && errno != EINTR)
        return DEVICE_GONE;
    if (ready > 0 && (both[0].revents & events) != 0)
        return DEVICE_INPUT;
    return ready > 0 && both[0].revents != 0 ? DEVICE_GONE : DEVICE_QUIET;
}

enum device_event device_wait(const struct device *device, int timeout_ms) {
    return wait_for(device, POLLIN, timeout_ms);
}

int device_read(const struct device *device, unsigned char *bytes, size_t size) {
    ssize_t got = read(device->fd, bytes, size);
    if (got > 0)
        return (int)got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

enum device_event device_write(const struct device *device, const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t written = write(device->fd, bytes, len);
        if (written >= 0) {
            bytes += written;
            len -= (size_t)written;
        } else if (errno == EAGAIN) {
            enum device_event event = wait_for(device, POLLOUT, -1);
            if (event == DEVICE_GONE || event == DEVICE_ENDED)
                return event;
        } else if (errno != EINTR) {
            return DEVICE_GONE;
        }
    }
    return DEVICE_INPUT;
}
