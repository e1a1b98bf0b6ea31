/* Buffered non-blocking sockets. */
#include "firmware-sim/ports/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool stream_open(struct stream *s, int fd, size_t in_max, size_t out_max) {
    memset(s, 0, sizeof *s);
    s->fd = fd;
    s->in_max = in_max;
    s->out_max = out_max;
    s->in = malloc(in_max + out_max);
    if (!s->in || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        stream_close(s);
        return false;
    }
    s->out = s->in + in_max;
    return true;
}

void stream_close(struct stream *s) {
    if (s->fd >= 0)
        close(s->fd);
    free(s->in);
    memset(s, 0, sizeof *s);
    s->fd = -1;
}

bool stream_fill(struct stream *s) {
    int one = 1;
    while (s->in_len < s->in_max) {
        if (s->quick_ack)
            (void)setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
        ssize_t n = recv(s->fd, s->in + s->in_len, s->in_max - s->in_len, 0);
        if (n == 0)
            return false;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        s->in_len += (size_t)n;
    }
    return true;
}

void stream_drop(struct stream *s, size_t len) {
    memmove(s->in, s->in + len, s->in_len - len);
    s->in_len -= len;
}

bool stream_flush(struct stream *s) {
    while (s->out_len) {
        ssize_t n = send(s->fd, s->out, s->out_len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        memmove(s->out, s->out + n, s->out_len - (size_t)n);
        s->out_len -= (size_t)n;
    }
    return true;
}

bool stream_send(struct stream *s, const void *data, size_t len) {
    if (len > s->out_max - s->out_len)
        return false;
    memcpy(s->out + s->out_len, data, len);
    s->out_len += len;
    return stream_flush(s);
}
